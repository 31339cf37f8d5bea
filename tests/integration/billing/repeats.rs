//! A call that came again, and that its upstream answered as before, is billed once: in one batch or several, after a restart, and
//! whichever node served it.

use std::time::Duration;

use tollgate::billing::books::recorder::record_batch;
use tollgate::billing::ledger::check::check;
use tollgate::domain::usage::{Evidence, Idempotency, UsageRecord};
use tollgate::store::{Page, Store};
use uuid::Uuid;

use super::on_both_stores;
use super::seed::{
    journal, journal_of, node, none, november, plan, record, register, sale, tariff, time, usage,
};
use crate::support::stores::Place;

on_both_stores! {
    a_call_is_billed_once_whichever_node_records_it_and_when,
    a_call_that_its_upstream_knows_no_more_is_billed_again,
    what_could_not_be_read_is_not_what_was_billed,
    a_record_that_came_from_elsewhere_before_is_no_call_again,
    which_calls_may_come_again_is_forgotten_once_none_may,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The usage record of number `id`: an order, sent with that key.
fn order(id: u128, key: u8) -> UsageRecord {
    let idempotency = Some(Idempotency { digest: [key; 16], kept_for: DAY });
    UsageRecord { idempotency, ..usage(id, 1, Some(sale(&format!("o-{key}"), 10_000))) }
}

fn id(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

async fn fresh(place: &Place) -> Store {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    store
}

/// The record that was billed in the place of this one, which cost nothing; `None` if this one was billed.
async fn outcome(store: &Store, number: u128) -> Option<String> {
    let id = id(number);
    let row = store.usage_record(&id).await.unwrap().unwrap();
    let charges = store.charges_of_usage(&id).await.unwrap();
    let first = store.billed_before(&id).await.unwrap();
    let expected = if first.is_none() { ("billable", 1) } else { ("free", 0) };
    assert_eq!((row.outcome.as_str(), row.units), expected, "{number}");
    assert_eq!(charges.is_empty(), first.is_some(), "{number}: {charges:?}");
    first
}

async fn a_call_is_billed_once_whichever_node_records_it_and_when(place: Place) {
    let store = fresh(&place).await;
    let first = [order(1, 1), order(2, 1), order(3, 2), usage(4, 1, None), usage(5, 1, None)];
    record(&store, 1, &first).await;
    store.close().await;
    let store = place.open().await;
    record(&store, 6, &[order(6, 1)]).await;
    let elsewhere =
        [order(7, 1), order(8, 3), order(9, 3)].map(|of| UsageRecord { node: node("node-2"), ..of });
    record_batch(&store, &journal_of("node-2"), journal(1, &elsewhere), time(november())).await.unwrap();
    // Again, from the start, as after a crash that lost what the drain knew.
    record(&store, 1, &first).await;
    for (number, before) in [
        (1, None),
        (2, Some(1)),
        (3, None),
        (4, None),
        (5, None),
        (6, Some(1)),
        (7, Some(1)),
        (8, None),
        (9, Some(8)),
    ] {
        assert_eq!(outcome(&store, number).await, before.map(id), "{number}");
    }
    none(&check(&store).await.unwrap().findings);
    assert!(store.open_exceptions(&Page::first()).await.unwrap().is_empty());
    store.close().await;
}

async fn a_call_that_its_upstream_knows_no_more_is_billed_again(place: Place) {
    let store = fresh(&place).await;
    let at = |id, later| UsageRecord { at: november().plus(later), ..usage_of(id) };
    let almost = DAY.checked_sub(Duration::from_micros(1)).unwrap();
    record(&store, 1, &[at(1, Duration::ZERO), at(2, almost)]).await;
    record(&store, 3, &[at(3, DAY), at(4, DAY + almost)]).await;
    // One that another node wrote down before, and that is recorded only now.
    record(&store, 5, &[at(5, DAY - Duration::from_secs(60))]).await;
    for (number, before) in [(1, None), (2, Some(1)), (3, None), (4, Some(3)), (5, Some(3))] {
        assert_eq!(outcome(&store, number).await, before.map(id), "{number}");
    }
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

/// A call without a transaction, always with the same key.
fn usage_of(id: u128) -> UsageRecord {
    UsageRecord { idempotency: order(id, 1).idempotency, ..usage(id, 1, None) }
}

async fn what_could_not_be_read_is_not_what_was_billed(place: Place) {
    let store = fresh(&place).await;
    let unread =
        |id| UsageRecord { evidence: Evidence::Exception { reason: "x".to_owned() }, ..usage_of(id) };
    let failed = |id| UsageRecord { evidence: Evidence::Free, ..usage_of(id) };
    record(&store, 1, &[failed(1), unread(2), usage_of(3), unread(4), failed(5)]).await;
    assert_eq!(outcome(&store, 3).await, None);
    assert_eq!(store.billed_before(&id(4)).await.unwrap(), Some(id(3)));
    assert_eq!(store.billed_before(&id(5)).await.unwrap(), None);
    let open = store.open_exceptions(&Page::first()).await.unwrap();
    let open: Vec<_> = open.iter().map(|exception| exception.usage.clone()).collect();
    assert_eq!(open, [Some(id(2))]);
    store.close().await;
}

async fn a_record_that_came_from_elsewhere_before_is_no_call_again(place: Place) {
    let store = fresh(&place).await;
    record(&store, 1, &[order(1, 1), order(2, 1)]).await;
    let twice = [order(1, 1), order(2, 1), order(3, 1), order(4, 2)];
    let twice = twice.map(|of| UsageRecord { node: node("node-2"), ..of });
    record_batch(&store, &journal_of("node-2"), journal(1, &twice), time(november())).await.unwrap();
    for (number, before) in [(1, None), (2, Some(1)), (3, Some(1)), (4, None)] {
        assert_eq!(outcome(&store, number).await, before.map(id), "{number}");
    }
    none(&check(&store).await.unwrap().findings);
    assert_eq!(store.open_exceptions(&Page::first()).await.unwrap().len(), 2);
    store.close().await;
}

async fn which_calls_may_come_again_is_forgotten_once_none_may(place: Place) {
    let store = fresh(&place).await;
    record(&store, 1, &[order(1, 1), order(2, 1)]).await;
    let known = "select usage from billed_call";
    store.forget_expired(november().plus(7 * DAY)).await.unwrap();
    assert_eq!(place.texts(known).await, [id(1)]);
    store.forget_expired(november().plus(7 * DAY + Duration::from_secs(1))).await.unwrap();
    assert!(place.texts(known).await.is_empty());
    assert_eq!(store.billed_before(&id(2)).await.unwrap(), Some(id(1)), "what was free is told for ever");
    store.close().await;
}
