//! A node whose clock is wrong stamps its calls by it. What is far from the latest call of the books is asked about, and believed once
//! someone has said that its time is right; on both stores.

use std::time::Duration;

use tollgate::billing::books::exceptions::{Decision, Given, Reason, resolve};
use tollgate::billing::error::BillingError;
use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::{CloseEarly, close, show};
use tollgate::domain::time::Timestamp;
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::metering::drain::UsageSink;
use tollgate::policy::journal_terms::RecordTimes;
use tollgate::store::journal_position::JournalCounts;
use tollgate::store::{Page, Store};

use super::on_both_stores;
use super::remembered::recorder_at;
use super::seed::{
    at, deciding, journal, node, none, november, period, plan, record, refund, register, tariff, usage, zone,
};
use crate::support::stores::Place;

on_both_stores! {
    a_clock_that_is_ahead_books_nothing_in_a_month_to_come,
    a_clock_that_was_ahead_and_is_set_back_is_believed_once_someone_says_so,
    what_is_still_to_come_is_not_rated_at_its_time,
    a_node_that_is_believed_and_ahead_shuts_no_other_out,
    nodes_that_were_ahead_count_if_they_are_more_than_the_others,
    a_backlog_is_believed_as_far_as_each_call_is_near_the_one_before,
    an_unreadable_call_of_a_clock_that_is_ahead_is_charged_for_as_of_today,
    only_what_was_in_doubt_is_rated_at_its_time,
    what_is_late_goes_behind_the_closed_month_whatever_the_clock_says,
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// `node-1` restarts when its clock says `at`, and has a call then.
async fn call_at(store: &Store, number: u64, at: Timestamp) {
    call_of(store, ("node-1", number), number.into(), at).await;
}

/// A node does, whose journal has it at that place.
async fn call_of(store: &Store, (name, place): (&str, u64), id: u128, at: Timestamp) {
    let recorder = recorder_at(store, name, at).await;
    let call = UsageRecord { node: node(name), ..of(id, at) };
    let (batch, up_to) = journal(place, &[call]);
    recorder.record(batch, up_to).await.unwrap();
}

async fn opened(place: &Place) -> Store {
    let store = place.open().await;
    register(&store, &plan("measured", 1), &tariff("1", 0, "0")).await;
    call_at(&store, 1, november()).await;
    store
}

/// A call at a time, of `node-1`.
fn of(id: u128, at: Timestamp) -> UsageRecord {
    let mut call = usage(id, 1, None);
    (call.at, call.subscribed.as_mut().unwrap().1) = (at, plan("measured", 1));
    call
}

/// What is asked about: ids and reasons.
async fn asked(store: &Store) -> Vec<(String, String)> {
    none(&check(store).await.unwrap().findings);
    let open = store.open_exceptions(&Page::first()).await.unwrap();
    open.into_iter().map(|one| (one.id, one.reason)).collect()
}

async fn decide(store: &Store, id: &str, decision: Decision, now: Timestamp) -> Result<(), BillingError> {
    let reason = Reason { who: "operator".to_owned(), why: "the clock is right".to_owned() };
    resolve(store, id, decision, reason, deciding(now)).await.map(drop)
}

/// What the app owes for a month.
async fn owed(store: &Store, month: &str) -> Vec<String> {
    let statements = show(store, period(month), None).await.unwrap();
    statements.iter().map(|one| one.totals.total.to_string()).collect()
}

async fn a_clock_that_is_ahead_books_nothing_in_a_month_to_come(place: Place) {
    let store = opened(&place).await;
    let ahead = november().plus(DAY * 40);
    call_at(&store, 2, ahead).await;
    call_at(&store, 3, ahead).await;
    let open = asked(&store).await;
    assert_eq!(open.len(), 2);
    assert!(open.iter().all(|(_, reason)| reason.contains("after the latest of the books")), "{open:?}");
    assert_eq!(
        (owed(&store, "2026-11").await, owed(&store, "2027-01").await),
        (vec!["1.00".to_owned()], vec![])
    );
    // Set right again, it goes on as if nothing had been.
    call_at(&store, 4, november().plus(DAY)).await;
    assert_eq!((asked(&store).await, owed(&store, "2026-11").await), (open, vec!["2.00".to_owned()]));
    store.close().await;
}

/// On the second of December, by a clock that is thirty days ahead.
async fn what_is_late_goes_behind_the_closed_month_whatever_the_clock_says(place: Place) {
    let store = opened(&place).await;
    close(&store, period("2026-11"), (&zone(), at("2026-12-02T00:00:00Z")), CloseEarly::Refused)
        .await
        .unwrap();
    let recorder = recorder_at(&store, "node-1", at("2027-01-01T00:00:00Z")).await;
    let (batch, up_to) = journal(2, &[of(2, at("2026-11-29T08:00:00Z"))]);
    recorder.record(batch, up_to).await.unwrap();
    assert_eq!(asked(&store).await, []);
    assert_eq!(
        (owed(&store, "2026-12").await, owed(&store, "2027-01").await),
        (vec!["1.00".to_owned()], vec![])
    );
    store.close().await;
}

async fn what_is_still_to_come_is_not_rated_at_its_time(place: Place) {
    let store = opened(&place).await;
    let ahead = november().plus(DAY * 40);
    call_at(&store, 2, ahead).await;
    let id = asked(&store).await.swap_remove(0).0;
    let nearly = ahead.minus(RecordTimes::default().ahead);
    let refused = decide(&store, &id, Decision::RateAtItsTime, nearly.minus(Duration::from_micros(1))).await;
    assert!(
        matches!(refused, Err(BillingError::NotRatable(why)) if why.contains("still to come")),
        "{refused:?}"
    );
    // All others are believed as before.
    call_at(&store, 3, november().plus(DAY)).await;
    assert_eq!(asked(&store).await.len(), 1);
    decide(&store, &id, Decision::RateAtItsTime, nearly).await.unwrap();
    assert_eq!((asked(&store).await, owed(&store, "2027-01").await), (vec![], vec!["1.00".to_owned()]));
    store.close().await;
}

async fn a_clock_that_was_ahead_and_is_set_back_is_believed_once_someone_says_so(place: Place) {
    let store = opened(&place).await;
    let ahead = november().plus(DAY * 40);
    call_at(&store, 2, ahead).await;
    decide(&store, &asked(&store).await[0].0, Decision::RateAtItsTime, ahead.plus(HOUR)).await.unwrap();
    call_at(&store, 3, ahead).await;
    assert_eq!((asked(&store).await, owed(&store, "2027-01").await), (vec![], vec!["2.00".to_owned()]));
    // That was wrong.
    let now = november().plus(DAY);
    call_at(&store, 4, now).await;
    let open = asked(&store).await;
    assert!(open.len() == 1 && open[0].1.contains("before the latest of the books"), "{open:?}");
    decide(&store, &open[0].0, Decision::RateAtItsTime, now.plus(HOUR)).await.unwrap();
    call_at(&store, 5, now.plus(DAY)).await;
    assert_eq!((asked(&store).await, owed(&store, "2026-11").await), (vec![], vec!["3.00".to_owned()]));
    store.close().await;
}

async fn a_node_that_is_believed_and_ahead_shuts_no_other_out(place: Place) {
    let store = opened(&place).await;
    let ahead = november().plus(DAY * 40);
    call_of(&store, ("node-2", 1), 12, ahead).await;
    // Whoever said so was told the time by that node.
    decide(&store, &asked(&store).await[0].0, Decision::RateAtItsTime, ahead).await.unwrap();
    call_at(&store, 2, november().plus(HOUR)).await;
    assert_eq!(asked(&store).await, []);
    // Set right, it goes on too, and is not ahead any more.
    call_of(&store, ("node-2", 2), 13, november().plus(HOUR)).await;
    call_at(&store, 3, november().plus(DAY * 3)).await;
    assert_eq!((asked(&store).await, owed(&store, "2026-11").await), (vec![], vec!["4.00".to_owned()]));
    store.close().await;
}

async fn a_backlog_is_believed_as_far_as_each_call_is_near_the_one_before(place: Place) {
    let store = opened(&place).await;
    // The first of them is long after the latest of the books, yet no two are far apart; and one is of a clock that jumped.
    let now = november().plus(DAY * 62);
    let ago = |days: u32| now.minus(DAY * days);
    let mut calls: Vec<UsageRecord> =
        (2..).zip([ago(1), ago(30), ago(16)]).map(|(id, at)| of(id, at)).collect();
    calls.push(of(5, now.plus(HOUR)));
    let (batch, up_to) = journal(2, &calls);
    recorder_at(&store, "node-1", now).await.record(batch, up_to).await.unwrap();
    let open = asked(&store).await;
    assert!(open.len() == 1 && open[0].1.contains("journal.ahead"), "{open:?}");
    assert_eq!(store.journal_place("node-1").await.unwrap().latest, Some(ago(1)));
    store.close().await;
}

async fn an_unreadable_call_of_a_clock_that_is_ahead_is_charged_for_as_of_today(place: Place) {
    let store = opened(&place).await;
    let evidence = Evidence::Exception { reason: "it is not JSON".to_owned() };
    let (batch, up_to) = journal(2, &[UsageRecord { evidence, ..of(2, november().plus(DAY * 40)) }]);
    recorder_at(&store, "node-1", november().plus(DAY)).await.record(batch, up_to).await.unwrap();
    let open = asked(&store).await;
    let [(id, reason)] = &open[..] else { panic!("{open:?}") };
    assert!(reason.starts_with("it is not JSON; and the call is of 2027-01-03"), "{reason}");
    let now = november().plus(DAY + HOUR);
    for decision in [Decision::RateAgain, Decision::RateAtItsTime] {
        let refused = decide(&store, id, decision, now).await;
        assert!(
            matches!(refused, Err(BillingError::NotRatable(why)) if why.contains("give it")),
            "{refused:?}"
        );
    }
    let given = Decision::RateBy(Given::Call { units: 2, transaction: None });
    decide(&store, id, given, now).await.unwrap();
    assert_eq!(asked(&store).await, []);
    assert_eq!(
        (owed(&store, "2026-11").await, owed(&store, "2027-01").await),
        (vec!["3.00".to_owned()], vec![])
    );
    store.close().await;
}

/// How many calls agree with a clock is what tells whether that is wrong, or others were.
async fn nodes_that_were_ahead_count_if_they_are_more_than_the_others(place: Place) {
    let store = place.open().await;
    let (now, times) = (november(), RecordTimes::default());
    let ahead = now.plus(DAY * 40);
    let keep = async |node: &str, latest: Option<Timestamp>| {
        let mut transaction = store.begin().await.unwrap();
        let known = (&JournalCounts::default(), latest);
        transaction.keep_journal_place(node, node, 1, known).await.unwrap();
        transaction.commit().await.unwrap();
    };
    for (node, latest, expected) in [
        ("a", None, None),
        ("a", Some(now.minus(DAY * 40)), Some(now.minus(DAY * 40))),
        ("b", Some(ahead), Some(ahead)),
        ("c", Some(now.minus(HOUR)), Some(now.minus(HOUR))),
        ("d", Some(ahead.plus(HOUR)), Some(ahead.plus(HOUR))),
        ("e", Some(now.plus(times.ahead)), Some(now.plus(times.ahead))),
    ] {
        keep(node, latest).await;
        assert_eq!(store.latest_call(times.near(now)).await.unwrap(), expected, "{node}");
    }
    store.close().await;
}

async fn only_what_was_in_doubt_is_rated_at_its_time(place: Place) {
    let store = opened(&place).await;
    // Another than those of the policies, which the recorder has kept.
    register(&store, &plan("shared", 1), &tariff("1", 0, "2.5")).await;
    let mut refunded = usage(2, 1, Some(refund("o-1", 100)));
    refunded.subscribed.as_mut().unwrap().1 = plan("shared", 1);
    record(&store, 2, &[refunded]).await;
    let refused = decide(&store, &asked(&store).await[0].0, Decision::RateAtItsTime, november()).await;
    assert!(matches!(refused, Err(BillingError::NotRatable(why)) if why.contains("no doubt")), "{refused:?}");
    assert_eq!(asked(&store).await.len(), 1);
    store.close().await;
}
