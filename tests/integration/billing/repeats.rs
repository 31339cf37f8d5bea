//! A call that came again, and that its upstream answered as before, is billed once: in one batch or several, after a restart, and
//! whichever node served it.

use std::time::Duration;

use tollgate::billing::books::exceptions::{Decision, Given, Reason, resolve};
use tollgate::billing::books::recorder::record_batch;
use tollgate::billing::ledger::check::check;
use tollgate::domain::usage::{Evidence, Idempotency, UsageRecord};
use tollgate::store::exception_resolution::ResolutionOutcome;
use tollgate::store::{Page, Store};
use uuid::Uuid;

use super::on_both_stores;
use super::seed::{
    deciding, journal, journal_of, node, none, november, plan, record, register, sale, tariff, time, usage,
};
use crate::support::stores::Place;

on_both_stores! {
    a_call_is_billed_once_whichever_node_records_it_and_when,
    a_call_that_its_upstream_knows_no_more_is_billed_again,
    what_could_not_be_read_is_not_what_was_billed,
    what_came_again_as_another_transaction_is_billed_as_a_call_of_its_own,
    an_answer_that_nobody_saw_is_that_of_the_same_call_which_was_billed,
    what_someone_said_of_an_unseen_call_is_what_was_billed,
    what_is_worth_other_units_was_done_again,
    of_a_key_that_is_used_again_and_again_the_last_calls_are_compared,
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
    for (number, before) in [(1, None), (2, Some(3)), (3, None), (4, Some(3)), (5, None)] {
        assert_eq!(store.billed_before(&id(number)).await.unwrap(), before.map(id), "{number}");
    }
    assert_eq!(outcome(&store, 3).await, None);
    assert!(open(&store).await.is_empty());
    store.close().await;
}

/// The order of that key, which the upstream gave another id.
fn order_as(id: u128, key: u8, transaction: &str) -> UsageRecord {
    UsageRecord { idempotency: order(id, key).idempotency, ..usage(id, 1, Some(sale(transaction, 10_000))) }
}

async fn what_came_again_as_another_transaction_is_billed_as_a_call_of_its_own(place: Place) {
    let store = fresh(&place).await;
    record(&store, 1, &[order(1, 1), order_as(2, 1, "o-9"), order_as(3, 1, "o-9")]).await;
    record(&store, 4, &[order(4, 1), order_as(5, 1, "o-9"), usage_of(6), order_as(7, 1, "o-8")]).await;
    for (number, before) in
        [(1, None), (2, None), (3, Some(2)), (4, Some(1)), (5, Some(2)), (6, None), (7, None)]
    {
        assert_eq!(outcome(&store, number).await, before.map(id), "{number}");
    }
    // A fee and a share each, and the fee alone of the one without a transaction.
    for (number, charges) in [(1, 2), (2, 2), (6, 1), (7, 2)] {
        assert_eq!(store.charges_of_usage(&id(number)).await.unwrap().len(), charges, "{number}");
    }
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

/// A call with that key whose answer nobody saw.
fn unseen(id: u128, key: u8) -> UsageRecord {
    let reason = "the upstream's answer was not seen".to_owned();
    UsageRecord { evidence: Evidence::Exception { reason }, ..order(id, key) }
}

/// The calls that someone must look at.
async fn open(store: &Store) -> Vec<String> {
    let open = store.open_exceptions(&Page::first()).await.unwrap();
    let mut open: Vec<String> = open.into_iter().filter_map(|exception| exception.usage).collect();
    open.sort();
    open
}

async fn an_answer_that_nobody_saw_is_that_of_the_same_call_which_was_billed(place: Place) {
    let store = fresh(&place).await;
    let later = |record: UsageRecord| UsageRecord { at: november().plus(DAY), ..record };
    record(&store, 1, &[unseen(1, 1), unseen(2, 1), unseen(3, 2)]).await;
    assert_eq!(open(&store).await, [id(1), id(2), id(3)]);
    record(&store, 4, &[order(4, 1), later(order(5, 2))]).await;
    assert_eq!(open(&store).await, [id(3)], "the upstream did not know the third any more");
    for number in [1, 2] {
        assert_eq!(store.billed_before(&id(number)).await.unwrap(), Some(id(4)), "{number}");
        let resolution = store.resolution(&format!("usage:{}", id(number))).await.unwrap().unwrap();
        assert_eq!(
            (resolution.outcome, resolution.resolver.as_str()),
            (ResolutionOutcome::Waived, "tollgate")
        );
        assert!(resolution.reason.contains("Idempotency-Key") && resolution.reason.contains(&id(4)));
    }
    // It may be either of two transactions, or a third.
    record(&store, 6, &[order_as(6, 1, "o-9"), unseen(7, 1)]).await;
    assert_eq!(open(&store).await, [id(3), id(7)]);
    record(&store, 8, &[order(8, 1)]).await;
    assert_eq!(open(&store).await, [id(3), id(7)]);
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn what_someone_said_of_an_unseen_call_is_what_was_billed(place: Place) {
    let store = fresh(&place).await;
    let later = UsageRecord { at: november().plus(DAY), ..unseen(7, 1) };
    record(&store, 1, &[unseen(1, 1), unseen(2, 2), unseen(6, 1), later]).await;
    // It need not be to the last digit what the upstream says.
    let by = Decision::RateBy(Given::Call { units: 1, transaction: Some(sale("o-1", 9_900)) });
    for (number, decision) in [(1, by), (2, Decision::Waive)] {
        let reason = Reason { who: "analyst".to_owned(), why: "the order system says so".to_owned() };
        resolve(&store, &format!("usage:{}", id(number)), decision, reason, deciding(november()))
            .await
            .unwrap();
    }
    assert_eq!(open(&store).await, [id(7)], "the upstream did not know the seventh any more");
    assert_eq!(store.billed_before(&id(6)).await.unwrap(), Some(id(1)));
    record(&store, 5, &[order(3, 1), order(4, 2), order(5, 2)]).await;
    for (number, before) in [(3, Some(1)), (4, None), (5, Some(4))] {
        assert_eq!(outcome(&store, number).await, before.map(id), "{number}");
    }
    none(&check(&store).await.unwrap().findings);
    assert_eq!(open(&store).await, [id(7)]);
    store.close().await;
}

async fn what_is_worth_other_units_was_done_again(place: Place) {
    let store = fresh(&place).await;
    let of = |id, units| UsageRecord { idempotency: order(1, 1).idempotency, ..usage(id, units, None) };
    record(&store, 1, &[of(1, 1), of(2, 500), of(3, 500), of(4, 1)]).await;
    for (number, before) in [(1, None), (2, None), (3, Some(2)), (4, Some(1))] {
        assert_eq!(store.billed_before(&id(number)).await.unwrap(), before.map(id), "{number}");
        let charges = store.charges_of_usage(&id(number)).await.unwrap();
        assert_eq!(charges.is_empty(), before.is_some(), "{number}: {charges:?}");
    }
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn of_a_key_that_is_used_again_and_again_the_last_calls_are_compared(place: Place) {
    let store = fresh(&place).await;
    let of = |number: u128, transaction: u128| {
        let later = Duration::from_secs(u64::try_from(number).unwrap());
        UsageRecord { at: november().plus(later), ..order_as(number, 1, &format!("o-{transaction}")) }
    };
    let mut others: Vec<UsageRecord> = (1..=100).map(|number| of(number, number)).collect();
    others.push(of(101, 100));
    record(&store, 1, &others).await;
    record(&store, 102, &[of(102, 100), of(103, 85), of(104, 1)]).await;
    for (number, before) in
        [(1, None), (100, None), (101, Some(100)), (102, Some(100)), (103, Some(85)), (104, None)]
    {
        assert_eq!(outcome(&store, number).await, before.map(id), "{number}");
    }
    none(&check(&store).await.unwrap().findings);
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
    let known = "select usage from repeatable_call";
    store.forget_expired(november().plus(7 * DAY)).await.unwrap();
    assert_eq!(place.texts(known).await, [id(1)]);
    store.forget_expired(november().plus(7 * DAY + Duration::from_secs(1))).await.unwrap();
    assert!(place.texts(known).await.is_empty());
    assert_eq!(store.billed_before(&id(2)).await.unwrap(), Some(id(1)), "what was free is told for ever");
    store.close().await;
}
