//! Amounts that wait in the ledger: posted in parts, voided, or timed out, and each cause once.

use std::time::Duration;

use tollgate::billing::ledger::check::check;
use tollgate::billing::ledger::pending::{Done, WaitError, resolve, time_out, wait};
use tollgate::domain::account::Account;
use tollgate::domain::money::Amount;
use tollgate::domain::pending::{Pending, PendingError, Resolution};
use tollgate::domain::time::Timestamp;
use tollgate::policy::journal_terms::RecordTimes;
use tollgate::store::Store;
use tollgate::store::transaction::Exclusive;

use super::ledger::{booked, found, without};
use super::on_both_stores;
use super::seed::{accounts_at, cny, none, november};
use crate::support::stores::Place;

on_both_stores! {
    what_waits_is_posted_in_parts_and_the_rest_goes_back,
    a_cause_that_comes_again_changes_nothing_and_is_no_other,
    what_timed_out_goes_back_once_whoever_looks,
    what_cannot_time_out_holds_up_nothing,
    what_is_damaged_holds_up_nothing_and_is_found,
    a_clock_that_jumps_ahead_gives_nothing_back,
    no_more_is_taken_of_what_waits_than_there_is_whoever_tries,
    what_waits_and_was_tampered_with_is_found,
}

const HOUR: Duration = Duration::from_secs(3600);

fn account(text: &str) -> Account {
    text.parse().unwrap()
}

pub(super) fn hold(minor: i64) -> Pending {
    let accounts = (account("partner:partner_1:deposit"), account("partner:partner_1:held"));
    Pending::new(accounts, Amount { minor, currency: cny() }, november().plus(HOUR)).unwrap()
}

pub(super) fn posted(minor: i64) -> Resolution {
    Resolution::Posted { minor, to: account("partner:partner_1:receivable") }
}

/// Has it wait, in a transaction of its own.
pub(super) async fn waits(store: &Store, cause: &str, pending: &Pending) -> Result<Done, WaitError> {
    let mut transaction = store.begin().await?;
    transaction.hold(Exclusive::Billing).await?;
    let done = wait(&mut transaction, cause, pending, november()).await?;
    transaction.commit().await?;
    Ok(done)
}

/// Has something become of it, in a transaction of its own.
pub(super) async fn becomes(
    store: &Store,
    (waiting, cause): (&str, &str),
    resolution: &Resolution,
    now: Timestamp,
) -> Result<Done, WaitError> {
    let mut transaction = store.begin().await?;
    transaction.hold(Exclusive::Billing).await?;
    let done = resolve(&mut transaction, (waiting, cause), resolution, now).await?;
    transaction.commit().await?;
    Ok(done)
}

async fn held(store: &Store) -> Vec<String> {
    let checked = check(store).await.unwrap();
    none(&checked.findings);
    let accounts = accounts_at(store, None).await;
    let of_partner = accounts.iter().filter(|balance| balance.account.starts_with("partner:"));
    of_partner.map(|balance| format!("{} {}", &balance.account[18..], balance.minor)).collect()
}

async fn what_waits_is_posted_in_parts_and_the_rest_goes_back(place: Place) {
    let store = booked(&place).await;
    assert_eq!(held(&store).await, ["receivable 252"]);
    waits(&store, "call-1", &hold(100)).await.unwrap();
    assert_eq!(held(&store).await, ["deposit 100", "held -100", "receivable 252"]);
    becomes(&store, ("call-1", "a"), &posted(30), november()).await.unwrap();
    becomes(&store, ("call-1", "b"), &posted(50), november()).await.unwrap();
    assert_eq!(held(&store).await, ["deposit 100", "held -20", "receivable 172"]);
    let more = becomes(&store, ("call-1", "c"), &posted(21), november()).await;
    let left = PendingError::Exceeds { asked: 21, left: 20 };
    assert!(matches!(&more, Err(WaitError::Pending(error)) if *error == left), "{more:?}");
    becomes(&store, ("call-1", "d"), &Resolution::Voided, november()).await.unwrap();
    assert_eq!(held(&store).await, ["deposit 80", "held 0", "receivable 172"]);
    let again = becomes(&store, ("call-1", "e"), &Resolution::Voided, november()).await;
    assert!(matches!(again, Err(WaitError::Pending(PendingError::Resolved))), "{again:?}");
    let unknown = becomes(&store, ("call-2", "f"), &Resolution::Voided, november()).await;
    assert!(matches!(unknown, Err(WaitError::Unknown(_))), "{unknown:?}");
    store.close().await;
}

async fn a_cause_that_comes_again_changes_nothing_and_is_no_other(place: Place) {
    let store = booked(&place).await;
    for done in [Done::Now, Done::Before] {
        assert_eq!(waits(&store, "call-1", &hold(100)).await.unwrap(), done);
    }
    for done in [Done::Now, Done::Before] {
        assert_eq!(becomes(&store, ("call-1", "a"), &posted(30), november()).await.unwrap(), done);
    }
    // As it was when it was taken, whatever became of it since.
    assert_eq!(waits(&store, "call-1", &hold(100)).await.unwrap(), Done::Before);
    let another =
        |tried: Result<Done, WaitError>| assert!(matches!(tried, Err(WaitError::Another(_))), "{tried:?}");
    another(waits(&store, "call-1", &hold(101)).await);
    another(waits(&store, "a", &hold(100)).await);
    another(becomes(&store, ("call-1", "a"), &posted(31), november()).await);
    another(becomes(&store, ("call-1", "a"), &Resolution::Voided, november()).await);
    another(becomes(&store, ("call-1", "call-1"), &posted(1), november()).await);
    assert_eq!(held(&store).await, ["deposit 100", "held -70", "receivable 222"]);
    store.close().await;
}

async fn what_timed_out_goes_back_once_whoever_looks(place: Place) {
    let store = booked(&place).await;
    for number in 0..5 {
        waits(&store, &format!("call-{number}"), &hold(100)).await.unwrap();
    }
    becomes(&store, ("call-1", "a"), &posted(30), november()).await.unwrap();
    becomes(&store, ("call-2", "b"), &posted(100), november()).await.unwrap();
    let times = RecordTimes::default();
    let (early, late) = (november().plus(HOUR - Duration::from_micros(1)), november().plus(HOUR));
    assert_eq!(time_out(&store, early, &times).await.unwrap(), 0);
    let looking: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { time_out(&store, late, &times).await.unwrap() })
        })
        .collect();
    let mut timed_out = 0;
    for one in looking {
        timed_out += one.await.unwrap();
    }
    assert_eq!(timed_out, 4, "all but the one of which nothing was left");
    assert_eq!(time_out(&store, late, &times).await.unwrap(), 0);
    assert_eq!(held(&store).await, ["deposit 130", "held 0", "receivable 122"]);
    let late = becomes(&store, ("call-0", "c"), &posted(1), late).await;
    assert!(matches!(late, Err(WaitError::Pending(PendingError::Resolved))), "{late:?}");
    store.close().await;
}

/// More than are looked at together, the causes of whose resolutions are taken.
async fn what_cannot_time_out_holds_up_nothing(place: Place) {
    let store = booked(&place).await;
    let rows = |of: fn(i64) -> String| (1_001..=2_001).map(of).collect::<Vec<_>>().join(", ");
    let taken = |number: i64| {
        let (waiting, resolution) = (number * 2, number * 2 + 1);
        format!(
            "({waiting}, 'stuck-{number}', 0, '', '', 'CNY'), ({resolution}, 'stuck-{number} timed out', 0, '', '', 'CNY')"
        )
    };
    let pending = |number: i64| format!("({}, 90, 91, 1, {})", number * 2, november().as_micros());
    let waiting = |number: i64| format!("({}, {})", number * 2, november().as_micros());
    let sql = format!(
        "insert into ledger_account values (90, 'partner:a', 'deposit', 'CNY'), (91, 'partner:a', 'held', 'CNY'); \
         insert into ledger_transaction values {}; insert into ledger_pending values {}; insert into ledger_waiting values {}",
        rows(taken),
        rows(pending),
        rows(waiting)
    );
    place.tamper(&sql).await;
    waits(&store, "call-1", &hold(100)).await.unwrap();
    let late = november().plus(HOUR);
    for timed_out in [1, 0] {
        assert_eq!(time_out(&store, late, &RecordTimes::default()).await.unwrap(), timed_out);
    }
    store.close().await;
}

async fn what_is_damaged_holds_up_nothing_and_is_found(place: Place) {
    let store = booked(&place).await;
    for cause in ["call-1", "call-2"] {
        waits(&store, cause, &hold(100)).await.unwrap();
    }
    place.tamper(&without(&place, "ledger_pending_stays", "ledger_pending")).await;
    let damage = "update ledger_pending set held = source \
                  where number = (select number from ledger_transaction where cause = 'call-1')";
    place.tamper(damage).await;
    let late = november().plus(HOUR);
    for timed_out in [1, 0] {
        assert_eq!(time_out(&store, late, &RecordTimes::default()).await.unwrap(), timed_out);
    }
    let refused = becomes(&store, ("call-1", "a"), &Resolution::Voided, late).await;
    assert!(matches!(&refused, Err(WaitError::Damaged { cause, .. }) if cause == "call-1"), "{refused:?}");
    found(&check(&store).await.unwrap().findings, "call-1: nothing can become of what waits by it");
    store.close().await;
}

async fn a_clock_that_jumps_ahead_gives_nothing_back(place: Place) {
    let store = booked(&place).await;
    waits(&store, "call-1", &hold(100)).await.unwrap();
    let times = RecordTimes::default();
    let (late, latest) = (november().plus(HOUR), november().plus(HOUR - times.ahead));
    for (latest, timed_out) in [(latest.minus(Duration::from_micros(1)), 0), (latest, 1)] {
        place.tamper(&format!("update journal_position set latest = {}", latest.as_micros())).await;
        assert_eq!(time_out(&store, late.plus(HOUR * 1000), &times).await.unwrap(), timed_out);
    }
    store.close().await;
}

async fn no_more_is_taken_of_what_waits_than_there_is_whoever_tries(place: Place) {
    let store = booked(&place).await;
    waits(&store, "call-1", &hold(100)).await.unwrap();
    becomes(&store, ("call-1", "a"), &posted(30), november()).await.unwrap();
    // The transactions of others, so that nothing but what is left is in the way.
    let resolved = |outcome: &str, minor: i64, cause: &str| {
        format!(
            "insert into ledger_resolution select p.number, 2, '{outcome}', {minor}, p.source, t.number \
             from ledger_pending p join ledger_transaction t on t.cause like '{cause}'"
        )
    };
    for sql in [
        resolved("posted", 71, "%:share"),
        resolved("voided", 69, "%:share"),
        resolved("timed_out", 71, "%:share"),
        "update ledger_pending set minor = 1000".to_owned(),
        "delete from ledger_pending".to_owned(),
        "update ledger_resolution set minor = 1".to_owned(),
        "delete from ledger_resolution".to_owned(),
    ] {
        assert!(place.try_tamper(&sql).await.is_err(), "{sql} was done");
    }
    none(&check(&store).await.unwrap().findings);
    // All that is left goes back, and then nothing is, whatever it is called.
    place.tamper(&resolved("voided", 70, "%:share")).await;
    let again = resolved("posted", 1, "fees:%").replace("p.number, 2,", "p.number, 3,");
    assert!(place.try_tamper(&again).await.is_err(), "{again} was done");
    store.close().await;
}

async fn what_waits_and_was_tampered_with_is_found(place: Place) {
    let store = booked(&place).await;
    waits(&store, "call-1", &hold(100)).await.unwrap();
    waits(&store, "call-2", &hold(50)).await.unwrap();
    becomes(&store, ("call-2", "back"), &Resolution::Voided, november()).await.unwrap();
    none(&check(&store).await.unwrap().findings);
    for table in ["ledger_pending", "ledger_resolution"] {
        place.tamper(&without(&place, &format!("{table}_stays"), table)).await;
    }
    let unruled = "posted other amounts, or to other accounts";
    let back = "back: amount, of which what was given back went elsewhere";
    let waits = "amount, of which more went than there was, or which waits although nothing is left";
    for (there, back_again, finding) in [
        (
            "update ledger_pending set minor = minor + 1",
            "update ledger_pending set minor = minor - 1",
            unruled,
        ),
        (
            "update ledger_resolution set minor = minor + 1",
            "update ledger_resolution set minor = minor - 1",
            waits,
        ),
        (
            "update ledger_resolution set target = 1",
            "update ledger_resolution set target = (select source from ledger_pending where number = pending)",
            back,
        ),
        (
            "update ledger_resolution set outcome = 'timed_out'",
            "update ledger_resolution set outcome = 'voided'",
            "back: amount, of which something was posted once its time had run out, or which timed out before",
        ),
        (
            "update ledger_waiting set expires_at = expires_at + 1",
            "update ledger_waiting set expires_at = expires_at - 1",
            "call-1: amount, which waits until another time than was said",
        ),
        (
            "delete from ledger_waiting",
            "insert into ledger_waiting select number, expires_at from ledger_pending",
            waits,
        ),
    ] {
        place.tamper(there).await;
        found(&check(&store).await.unwrap().findings, finding);
        place.tamper(back_again).await;
    }
    // What was resolved waits again.
    found(&check(&store).await.unwrap().findings, &format!("call-2: {waits}"));
    store.close().await;
}
