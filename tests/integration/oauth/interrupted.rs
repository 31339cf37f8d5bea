//! Connections that are cut and processes that are killed in the middle of an exchange: nothing is usable twice, nobody is
//! stranded, no consent is lost. On both stores.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::dev::wait_for;
use crate::support::fleet::Fleet;
use crate::support::http::{self, Answer};
use crate::support::stores::Place;

/// Refreshes of one token at once.
const AT_ONCE: usize = 64;

/// Runs a test on a node with each store, which it may look into by [`Place::texts`].
async fn on_both_stores(test: impl Fn(&mut Fleet, &dyn Fn(&str) -> Vec<String>) + Copy + Send + 'static) {
    for place in [Place::sqlite(), Place::postgres().await] {
        let runtime = tokio::runtime::Handle::current();
        let run = move || {
            let mut fleet = Fleet::start(place.address(), 1, |_| {});
            test(&mut fleet, &|sql| runtime.block_on(place.texts(sql)));
            drop(fleet);
            place
        };
        drop(tokio::task::spawn_blocking(run).await.unwrap());
    }
}

fn refresh_token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["refresh_token"].as_str().unwrap().to_owned()
}

fn refresh(fleet: &Fleet, token: &str) -> Answer {
    fleet.token_call(0, &[("grant_type", "refresh_token"), ("refresh_token", token)])
}

/// What becomes of a caller.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    /// It reads the whole answer.
    Answered,
    /// It sees the first byte of the answer, so that all has happened, and loses the rest.
    Lost,
    /// It is gone as soon as it has sent: nobody knows what happens.
    Gone,
}

/// Sends a refresh; gives the whole answer if it came.
fn refresh_until(fleet: &Fleet, token: &str, fate: Fate) -> Option<Answer> {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
    if fate == Fate::Answered {
        return fleet.try_call(0, "/oauth/token", &fields);
    }
    let (address, body) = (fleet.base(0).strip_prefix("http://").unwrap(), fleet.form(&fields));
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head =
        format!("POST /oauth/token HTTP/1.1\r\nHost: {address}\r\n{}: {}\r\n", http::FORM.0, http::FORM.1);
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
    if fate == Fate::Lost {
        stream.read_exact(&mut [0]).unwrap();
    }
    None
}

/// Refreshes of one token at once, each with its fate; the whole answers.
fn refresh_at_once(fleet: &Fleet, token: &str, fate: impl Fn(usize) -> Fate + Sync) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let fate = &fate;
        let calls: Vec<_> = (0..AT_ONCE)
            .map(|number| scope.spawn(move || refresh_until(fleet, token, fate(number))))
            .collect();
        calls.into_iter().filter_map(|call| call.join().unwrap()).collect()
    })
}

const LIVE_FAMILIES: &str = "select id from refresh_family where revoked_at is null";

fn many_refreshes_with_answers_cut(fleet: &mut Fleet, texts: &dyn Fn(&str) -> Vec<String>) {
    let mut token = refresh_token(&fleet.exchange(0, &fleet.code(0)));
    for round in 0..4_usize {
        // At random, but the same each time: whole answers are from none to all.
        let fate = |number: usize| match (number * 7 + round * 5) % 16 {
            place if place < round * 5 => Fate::Answered,
            _ => Fate::Lost,
        };
        let answers = refresh_at_once(fleet, &token, fate);
        let whole: Vec<_> = answers.iter().map(refresh_token).collect();
        // Whichever arrived goes on; if none did, the old one is asked with again.
        let next = whole.get(round * 3).or(whole.first()).cloned();
        token = next.unwrap_or_else(|| refresh_token(&refresh(fleet, &token)));
        token = refresh_token(&refresh(fleet, &token));
        assert_eq!(texts(LIVE_FAMILIES).len(), 1, "round {round}");
        assert_eq!(fleet.grants(0), 1);
    }
    // All are gone before they are answered. What was begun is ended before the node stops.
    assert!(refresh_at_once(fleet, &token, |_| Fate::Gone).is_empty());
    fleet.signal(0, "TERM");
    fleet.restart(0);
    let next = refresh(fleet, &token);
    let used = refresh(fleet, &refresh_token(&next));
    assert_eq!(texts(LIVE_FAMILIES).len(), 1);
    // The family is whole: a true replay still ends it.
    assert_eq!(refresh(fleet, &token).json()["error"], "invalid_grant");
    assert_eq!(refresh(fleet, &refresh_token(&used)).json()["error"], "invalid_grant");
    assert!(texts(LIVE_FAMILIES).is_empty());
    assert_eq!(fleet.grants(0), 1, "the merchant's grant stays");
}

#[tokio::test]
async fn r5_of_64_refreshes_at_once_with_answers_cut_one_family_lives_and_nobody_is_stranded() {
    on_both_stores(many_refreshes_with_answers_cut).await;
}

/// SIGKILL while one call after another is made by `call`; then the node is started anew.
fn kill_while(fleet: &mut Fleet, after: Duration, mut call: impl FnMut(&Fleet) -> bool + Send) {
    std::thread::scope(|scope| {
        let calling = {
            let fleet = &*fleet;
            scope.spawn(move || while call(fleet) {})
        };
        // When it happens is chance by intention; what must hold does not depend on it.
        std::thread::sleep(after);
        fleet.signal(0, "KILL");
        calling.join().unwrap();
    });
    fleet.restart(0);
}

/// Whoever refreshes on and on is killed at any moment and goes on with what it has.
fn kill_during_refreshes(fleet: &mut Fleet, rounds: u32) {
    for round in 0..rounds {
        let first = refresh_token(&fleet.exchange(0, &fleet.code(0)));
        let mut had = vec![first];
        kill_while(fleet, Duration::from_micros(u64::from(round) * 1_700), |fleet| {
            let fields = [("grant_type", "refresh_token"), ("refresh_token", had.last().unwrap().as_str())];
            let answer = fleet.try_call(0, "/oauth/token", &fields);
            had.extend(answer.iter().map(refresh_token));
            answer.is_some()
        });
        let last = had.pop().unwrap();
        let next = refresh(fleet, &last);
        assert_eq!(next.status, 200, "stranded in round {round}: {}", next.text());
        // Whatever was used before is of no use.
        let used = refresh(fleet, &refresh_token(&next));
        assert_eq!(used.status, 200);
        let spent = had.last().unwrap_or(&last);
        assert_eq!(refresh(fleet, spent).json()["error"], "invalid_grant", "round {round}");
        assert_eq!(fleet.grants(0), 1);
    }
}

/// Whoever exchanges a code is killed at any moment and tries again: at most one of its tries succeeds.
fn kill_during_exchanges(fleet: &mut Fleet, rounds: u32) {
    for round in 0..rounds {
        let code = fleet.code(0);
        let (mut succeeded, mut tokens) = (0, Vec::new());
        kill_while(fleet, Duration::from_micros(u64::from(round) * 700), |fleet| {
            let answer = fleet.try_exchange(0, &code);
            let is_right = answer.as_ref().is_some_and(|answer| answer.status == 200);
            succeeded += usize::from(is_right);
            tokens.extend(answer.filter(|_| is_right));
            // One try: a second would be a replay.
            false
        });
        for _ in 0..2 {
            let again = fleet.exchange(0, &code);
            assert!(matches!(again.status, 200 | 400), "{}", again.text());
            succeeded += usize::from(again.status == 200);
            tokens.extend(Some(again).filter(|again| again.status == 200));
        }
        assert!(succeeded <= 1, "a code gave tokens {succeeded} times in round {round}");
        // What it gave was revoked by the tries after it.
        for answer in &tokens {
            assert!(!fleet.believes(0, answer.json()["access_token"].as_str().unwrap()));
        }
        assert_eq!(fleet.grants(0), 1, "the consent is there");
        let fresh = fleet.exchange(0, &fleet.code(0));
        assert!(fleet.believes(0, fresh.json()["access_token"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn a_kill_during_a_refresh_or_an_exchange_loses_nothing_and_gives_nothing_twice() {
    on_both_stores(|fleet, _| {
        kill_during_refreshes(fleet, 4);
        kill_during_exchanges(fleet, 4);
    })
    .await;
}

/// `make prove` runs this.
#[tokio::test]
#[ignore = "takes minutes: a hundred restarts on each store"]
async fn kills_at_any_moment_of_a_refresh_or_an_exchange_lose_nothing() {
    on_both_stores(|fleet, _| {
        kill_during_refreshes(fleet, 50);
        kill_during_exchanges(fleet, 50);
        wait_for("the node to be well", || fleet.grants(0) == 1);
    })
    .await;
}
