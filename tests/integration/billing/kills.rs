//! Killed at any moment of appending, archiving, draining and rating, the books have each record that the journal acknowledged, once.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tollgate::billing::books::recorder::{JournalOf, Recorder};
use tollgate::billing::ledger::check::check;
use tollgate::domain::time::ManualClock;
use tollgate::journal::journal::{Journal, JournalSettings};
use tollgate::journal::kept_heads::{Comparison, KeptBatch, KeptJournal};
use tollgate::journal::retention::{Terms, tend};
use tollgate::journal::verify::verify;
use tollgate::metering::drain::drain;
use tollgate::metering::record::encode;
use tollgate::metering::tally::DrainState;
use tollgate::policy::live::Live;
use tollgate::policy::load::NoValues;
use tollgate::server::random::MachineRandom;
use tollgate::store::Store;
use uuid::Uuid;

use super::seed::{node, none, november, plan, refund_named, register, sale, tariff, usage};
use crate::support::stores::Place;

/// Where the child finds its folder.
const FOLDER: &str = "TOLLGATE_TEST_BOOKS";
pub(super) const TERMS: Terms = Terms { keep: Duration::from_secs(86_400), most_bytes: 1 << 30 };

/// What a node has for its usage, with small segments.
pub(super) struct Node {
    pub(super) store: Store,
    pub(super) journal: Journal,
    pub(super) recorder: Recorder,
}

impl Node {
    pub(super) async fn open(folder: &Path) -> Self {
        let store = Store::open(&format!("sqlite:{}", folder.join("store.db").display())).await.unwrap();
        let clock = Arc::new(ManualClock::at(november()));
        let mut settings = JournalSettings::new(folder.join("journal"), "node-1".to_owned());
        settings.segment_bytes = 32 << 10;
        settings.kept_segments = 1;
        settings.resume_after = store.journal_position("node-1").await.unwrap();
        let (journal, recovery) = Journal::open(settings, clock.clone(), &MachineRandom::new()).unwrap();
        assert!(recovery.missing.is_empty() && recovery.quarantined.is_empty(), "{recovery:?}");
        let source = JournalOf { node: node("node-1"), journal: journal.identity().to_owned() };
        let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let live = Live::open(&policies, Arc::new(NoValues), Box::new(|_, _| Ok(())), clock.clone()).unwrap();
        let recorder = Recorder::open(store.clone(), source, Arc::new(live), clock).await.unwrap();
        Self { store, journal, recorder }
    }
}

/// Not a test by itself: the process that the next ones kill.
#[test]
fn child_that_keeps_books_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let Node { store: _store, journal, recorder } = Node::open(Path::new(&folder)).await;
        let drained = Arc::new(DrainState::at(recorder.last_known()));
        let reader = journal.reader(drained.tally().position);
        let state = journal.state().clone();
        tokio::spawn(drain(
            reader,
            state.clone(),
            Arc::new(recorder),
            drained.clone(),
            std::future::pending(),
        ));
        let settings = journal.settings().clone();
        std::thread::spawn(move || {
            loop {
                tend(&settings, &state, &|| Some(drained.tally().position), (&TERMS, november()), &|| true)
                    .unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        println!("begun");
        append(&journal).await;
    });
}

/// Appends for ever, and says what is on disk.
async fn append(journal: &Journal) {
    let mut writer = journal.writer();
    let mut last_sale = None;
    loop {
        let mut ids = Vec::new();
        for _ in 0..fastrand::usize(1..30) {
            let id = fastrand::u128(..);
            let transaction = match fastrand::u8(..5) {
                0 | 1 => {
                    last_sale = Some(format!("o-{id}"));
                    last_sale.as_ref().map(|of| sale(of, fastrand::i64(1..100_000)))
                }
                2 => last_sale.as_ref().map(|of| refund_named(&format!("r-{id}"), of, 1)),
                _ => None,
            };
            writer.append(&encode(&usage(id, 1, transaction))).unwrap();
            ids.push(Uuid::from_u128(id));
        }
        let id = fastrand::u128(..);
        let committed = writer.append_durable(&encode(&usage(id, 1, None))).unwrap();
        committed.await.unwrap().unwrap();
        ids.push(Uuid::from_u128(id));
        for id in ids {
            println!("acknowledged {id}");
        }
    }
}

/// Starts the child and kills it some time later; gives what it said was on disk.
fn killed(folder: &Path) -> Vec<Uuid> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["billing::kills::child_that_keeps_books_until_it_is_killed", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("begun")), "the child ended");
    // Whatever it does then.
    let lives_for = Duration::from_micros(fastrand::u64(..400_000));
    let reading = std::thread::spawn(move || {
        let acknowledged = |line: String| line.split_once("acknowledged ")?.1.parse().ok();
        lines.filter_map(acknowledged).collect::<Vec<Uuid>>()
    });
    std::thread::sleep(lives_for);
    child.kill().unwrap();
    child.wait().unwrap();
    reading.join().unwrap()
}

fn prove(kills: usize) {
    let place = Place::sqlite();
    let Place::Folder(folder) = &place else { panic!("a file is in a folder") };
    let folder = folder.path();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = place.open().await;
        register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
        store.close().await;
    });
    let acknowledged: Vec<Uuid> = (0..kills).flat_map(|_| killed(folder)).collect();
    assert!(acknowledged.len() >= kills, "{} records", acknowledged.len());
    runtime.block_on(async {
        let Node { store, journal, recorder } = Node::open(folder).await;
        let drained = Arc::new(DrainState::at(recorder.last_known()));
        let reader = journal.reader(drained.tally().position);
        drain(reader, journal.state().clone(), Arc::new(recorder), drained.clone(), async {}).await;
        let tally = drained.tally();
        assert_eq!(tally.position, journal.state().committed());
        assert_eq!((tally.recorded, tally.excepted, tally.omissions), (tally.position, 0, 0));
        let checked = check(&store).await.unwrap();
        none(&checked.findings);
        assert!(checked.trial_balance.values().all(|sum| *sum == 0), "{:?}", checked.trial_balance);
        verified(&store, folder).await;
        tokio::task::spawn_blocking(move || journal.close()).await.unwrap().unwrap();
        store.close().await;
        let counted = place
            .texts("select count(*) || ' ' || count(distinct sequence) || ' ' || max(sequence) from usage")
            .await;
        assert_eq!(counted, [format!("{0} {0} {0}", tally.position)], "no place is left out or taken twice");
        let recorded: HashSet<String> = place.texts("select id from usage").await.into_iter().collect();
        let missing: Vec<_> = acknowledged.iter().filter(|id| !recorded.contains(&id.to_string())).collect();
        assert!(missing.is_empty(), "{missing:?}");
        println!(
            "{kills} kills: {} acknowledged records are among the {} of the books, each once",
            acknowledged.len(),
            recorded.len()
        );
    });
}

/// The chain is whole, archives and all, and its heads are those that the store kept.
pub(super) async fn verified(store: &Store, folder: &Path) {
    let place = store.journal_place("node-1").await.unwrap();
    let mut batches: Vec<KeptBatch> = Vec::new();
    loop {
        let after = batches.last().map_or(0, |batch| batch.last);
        let more = store.journal_batches("node-1", after).await.unwrap();
        if more.is_empty() {
            break;
        }
        batches.extend(more.into_iter().map(|one| KeptBatch {
            first: one.first,
            last: one.last,
            head: one.head,
        }));
    }
    let kept = KeptJournal { position: place.sequence, identity: place.journal };
    let mut more =
        |after: u64| batches.iter().filter(|batch| batch.last > after).take(100).copied().collect();
    let mut comparison = Comparison::new(&kept, 1, &mut more);
    let looked = verify(&folder.join("journal"), Duration::ZERO, &mut |sequence, head| {
        comparison.passed(sequence, head);
    });
    let content = looked.unwrap();
    assert!(content.findings.is_empty(), "{:#?}", content.findings);
    let compared = comparison.finish(&content);
    assert!(compared.disagreements.is_empty() && compared.batches > 0, "{compared:?}");
}

#[test]
fn each_acknowledged_record_is_in_the_books_once_after_kills() {
    prove(5);
}

#[test]
#[ignore = "a long proof: `make prove`"]
fn each_acknowledged_record_is_in_the_books_once_after_many_kills() {
    prove(200);
}
