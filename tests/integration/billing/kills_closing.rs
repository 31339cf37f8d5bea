//! Killed at any moment of closing a period, as often as it may be, the books come to what they would have come to undisturbed: the same
//! contents under the same numbers, and the same ledger.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::{CloseEarly, close};
use tollgate::domain::time::Timestamp;
use tollgate::store::Store;

use super::closing::{busy, kept};
use super::recurring::{ALWAYS, keep, monthly, subscribe, with};
use super::seed::{at, none, period, plan, zone};
use crate::support::stores::Place;

/// Where the child finds the store, and the time at which it closes.
const STORE: &str = "TOLLGATE_TEST_CLOSING";
const NOW: &str = "TOLLGATE_TEST_CLOSING_AT";

/// What is looked at beside the statements.
const LEDGER: &str = "select t.cause || ' ' || t.at || ' ' || t.period || ' ' || a.party || ':' || a.purpose || ' ' || e.minor \
    from ledger_entry e join ledger_transaction t on t.number = e.number join ledger_account a on a.number = e.account order by 1";
const CLOSING: &str = "select 'cut ' || period || ' ' || first_number || ' ' || statements from period_closing union all \
    select 'closed ' || period || ' ' || closed_at from closed_period union all select 'sealed ' || period from period_seal union all \
    select 'paid ' || app || ' ' || minor from closing_paid union all \
    select 'settled ' || balance || ' ' || minor from balance_settled union all \
    select 'charged ' || subscription || ' ' || minor from period_charge order by 1";

fn december() -> Timestamp {
    at("2026-12-02T00:00:00Z")
}

async fn close_at(store: &Store, now: Timestamp) {
    close(store, period("2026-11"), (&zone(), now), CloseEarly::Refused).await.unwrap();
}

/// Not a test by itself: the process that the next ones kill.
#[test]
fn child_that_closes_a_period_unless_it_is_killed() {
    let (Ok(address), Ok(now)) = (std::env::var(STORE), std::env::var(NOW)) else { return };
    runtime().block_on(async {
        let store = Store::open(&address).await.unwrap();
        println!("begun");
        close_at(&store, at(&now)).await;
        store.close().await;
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Has a child close the period, and kills it a while after it began, if that is given. Gives how long it took.
fn child(place: &Place, now: Timestamp, lives_for: Option<Duration>) -> Duration {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "billing::kills_closing::child_that_closes_a_period_unless_it_is_killed",
            "--exact",
            "--nocapture",
        ])
        .env(STORE, place.address())
        .env(NOW, now.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("begun")), "the child ended");
    let begun = Instant::now();
    if let Some(lives_for) = lives_for {
        std::thread::sleep(lives_for);
        child.kill().unwrap();
    }
    // It does not wait for room in the pipe.
    lines.for_each(drop);
    let ended = child.wait().unwrap();
    assert!(lives_for.is_some() || ended.success(), "{ended}");
    begun.elapsed()
}

fn folder(place: &Place) -> &Path {
    let Place::Folder(folder) = place else { panic!("a file is in a folder") };
    folder.path()
}

/// Another store of the same content.
fn copy(of: &Place) -> Place {
    let place = Place::sqlite();
    for entry in std::fs::read_dir(folder(of)).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), folder(&place).join(entry.file_name())).unwrap();
    }
    place
}

async fn all(place: &Place) -> Vec<String> {
    let mut all = kept(place).await;
    for sql in [LEDGER, CLOSING] {
        all.extend(place.texts(sql).await);
    }
    all
}

fn prove(kills: usize) {
    let runtime = runtime();
    let open = Place::sqlite();
    runtime.block_on(async {
        let store = busy(&open).await;
        keep(&store, &plan("monthly", 1), &with(monthly(9_900), None), ALWAYS).await;
        subscribe(&open, ("sub_1", "storefront", "monthly"), ("2026-11-09T16:00:00Z", None)).await;
        store.close().await;
    });
    let undisturbed = copy(&open);
    let took = child(&undisturbed, december(), None);
    let expected = runtime.block_on(all(&undisturbed));
    // A killed child closes nothing, some, or all.
    let (mut killed, mut within) = (0, 0);
    while killed < kills {
        let place = copy(&open);
        for _ in 0..fastrand::usize(1..4) {
            let is_cut = || runtime.block_on(place.texts("select period from closed_period")).len() == 1;
            let is_sealed = || runtime.block_on(place.texts("select period from period_seal")).len() == 1;
            // What was cut is finished as of its cut, whatever time it is.
            let now = if is_cut() { december().plus(Duration::from_secs(86_400)) } else { december() };
            let most = u64::try_from(took.as_micros()).unwrap();
            child(&place, now, Some(Duration::from_micros(fastrand::u64(..=most))));
            killed += 1;
            within += usize::from(is_cut() && !is_sealed());
        }
        runtime.block_on(async {
            let store = place.open().await;
            let cut = store.closing(period("2026-11")).await.unwrap();
            none(&check(&store).await.unwrap().findings);
            let now = if cut.is_some() { december().plus(Duration::from_secs(172_800)) } else { december() };
            close_at(&store, now).await;
            none(&check(&store).await.unwrap().findings);
            store.close().await;
            assert_eq!(all(&place).await, expected);
        });
    }
    assert!(kills < 50 || within > 0, "no kill was between a cut and its seal");
    println!(
        "{killed} kills, {within} of them between the cut and the seal: the same statements, numbers and ledger"
    );
}

#[test]
fn a_closing_that_is_killed_comes_to_the_same() {
    prove(5);
}

#[test]
#[ignore = "a long proof: `make prove`"]
fn a_closing_that_is_killed_many_times_comes_to_the_same() {
    prove(100);
}
