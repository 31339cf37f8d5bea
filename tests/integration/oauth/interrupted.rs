//! Connections that are cut in the middle of a refresh: one family lives, and nobody is stranded (check R5). On both stores, fast
//! and slow.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::support::fleet::Fleet;
use crate::support::http::{self, Answer};
use crate::support::stores::Place;

/// Refreshes of one token at once.
const AT_ONCE: usize = 64;

/// A node's store, behind its back.
pub(super) struct Behind<'p> {
    place: &'p Place,
    runtime: Handle,
}

impl Behind<'_> {
    fn texts(&self, sql: &str) -> Vec<String> {
        self.runtime.block_on(self.place.texts(sql))
    }

    /// Has the store take its time for each refresh token.
    fn slow_down(&self) {
        let sql = match self.place {
            Place::Folder(_) => {
                "create trigger slow after insert on refresh_token begin \
                 select count(*) from sqlite_schema, sqlite_schema, (select 1 from sqlite_schema limit 20); end"
            }
            Place::Schema(_) => {
                "create function slow() returns trigger language plpgsql as \
                 $$ begin perform pg_sleep(0.02); return new; end $$; \
                 create trigger slow before insert on refresh_token for each row execute function slow()"
            }
        };
        self.runtime.block_on(self.place.tamper(sql));
    }
}

/// Runs a test on a node with each store.
pub(super) async fn on_both_stores(test: impl Fn(&mut Fleet, &Behind<'_>) + Copy + Send + 'static) {
    for place in [Place::sqlite(), Place::postgres().await] {
        let runtime = Handle::current();
        let run = move || {
            let mut fleet = Fleet::start(place.address(), 1, |_| {});
            test(&mut fleet, &Behind { place: &place, runtime });
            drop(fleet);
            place
        };
        drop(tokio::task::spawn_blocking(run).await.unwrap());
    }
}

pub(super) fn refresh_token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["refresh_token"].as_str().unwrap().to_owned()
}

pub(super) fn refresh(fleet: &Fleet, token: &str) -> Answer {
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

fn many_refreshes_with_answers_cut(fleet: &mut Fleet, store: &Behind<'_>) {
    let mut token = refresh_token(&fleet.exchange(0, &fleet.code(0)));
    for round in 0..4_usize {
        // At random, but the same each time: whole answers are from none to all.
        let fate = |number: usize| match (number * 7 + round * 5) % 16 {
            place if place < round * 5 => Fate::Answered,
            _ => Fate::Lost,
        };
        let answers = refresh_at_once(fleet, &token, fate);
        // A store that takes too long for one of them is told as such.
        let (whole, late): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert!(late.iter().all(|answer| answer.status == 503), "{late:?}");
        let whole: Vec<_> = whole.into_iter().map(refresh_token).collect();
        // Whichever arrived goes on; if none did, the old one is asked with again.
        let next = whole.get(round * 3).or(whole.first()).cloned();
        token = next.unwrap_or_else(|| refresh_token(&refresh(fleet, &token)));
        token = refresh_token(&refresh(fleet, &token));
        assert_eq!(store.texts(LIVE_FAMILIES).len(), 1, "round {round}");
        assert_eq!(fleet.grants(0), 1);
    }
    // All are gone before they are answered. What was begun is ended before the node stops.
    assert!(refresh_at_once(fleet, &token, |_| Fate::Gone).is_empty());
    fleet.signal(0, "TERM");
    fleet.restart(0);
    let next = refresh(fleet, &token);
    let used = refresh(fleet, &refresh_token(&next));
    assert_eq!(store.texts(LIVE_FAMILIES).len(), 1);
    // The family is whole: a true replay still ends it.
    assert_eq!(refresh(fleet, &token).json()["error"], "invalid_grant");
    assert_eq!(refresh(fleet, &refresh_token(&used)).json()["error"], "invalid_grant");
    assert!(store.texts(LIVE_FAMILIES).is_empty());
    assert_eq!(fleet.grants(0), 1, "the merchant's grant stays");
}

#[tokio::test]
async fn r5_of_64_refreshes_at_once_with_answers_cut_one_family_lives_and_nobody_is_stranded() {
    on_both_stores(many_refreshes_with_answers_cut).await;
}

#[tokio::test]
async fn r5_nor_is_anybody_on_a_slow_store() {
    on_both_stores(|fleet, store| {
        store.slow_down();
        many_refreshes_with_answers_cut(fleet, store);
    })
    .await;
}
