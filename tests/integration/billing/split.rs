//! Batches cut in any way, sent again or in another order, come to the same books; on both stores.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::show;
use tollgate::domain::usage::UsageRecord;
use tollgate::store::{Page, Store};

use super::on_both_stores;
use super::seed::{
    accounts_at, node, none, period, plan, record, refund_named, register, sale, tariff, usage,
};
use crate::support::stores::Place;

on_both_stores! {
    batches_cut_anywhere_come_to_the_same_books,
    calls_in_any_order_come_to_the_same_statement,
    a_batch_whose_future_is_dropped_leaves_nothing,
    an_order_of_100_yuan_is_two_lines_and_drills_down_to_its_record,
}

/// What the books say: lines, balances, and how far the journal is recorded.
pub(super) async fn books(store: &Store) -> String {
    let checked = check(store).await.unwrap();
    none(&checked.findings);
    let statements = show(store, period("2026-11"), None).await.unwrap();
    let position = store.journal_position("node-1").await.unwrap();
    format!("{statements:#?} {:#?} {position}", accounts_at(store, None).await)
}

async fn fresh(place: &Place) -> Store {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.0037", 7, "2.5")).await;
    store
}

/// Calls of two apps: some free of a transaction, some sales, some refunds of earlier sales.
pub(super) fn records() -> impl Strategy<Value = Vec<UsageRecord>> {
    let one = (0_u64..6, 0_u8..3, 0_i64..50_000, any::<bool>());
    prop::collection::vec(one, 2..40).prop_map(|calls| {
        let mut records = Vec::new();
        // With what is left of each to be refunded.
        let mut sales: Vec<(String, i64, bool)> = Vec::new();
        for (number, (units, kind, minor, is_other)) in (1_u128..).zip(calls) {
            let mut is_other = is_other;
            let transaction = match (kind, sales.last_mut()) {
                (1, _) => {
                    sales.push((format!("o-{number}"), minor, is_other));
                    Some(sale(&format!("o-{number}"), minor))
                }
                (2, Some((of, left, owner))) => {
                    is_other = *owner;
                    let given_back = minor.min(*left);
                    *left -= given_back;
                    Some(refund_named(&format!("r-{number}"), of, given_back))
                }
                _ => None,
            };
            let mut record = usage(number, units, transaction);
            if is_other {
                record.app = super::seed::app("app_2");
            }
            records.push(record);
        }
        records
    })
}

pub(super) fn sample<T>(strategy: impl Strategy<Value = T>) -> T {
    strategy.new_tree(&mut TestRunner::default()).unwrap().current()
}

async fn batches_cut_anywhere_come_to_the_same_books(place: Place) {
    let records = sample(records());
    let whole = fresh(&place).await;
    record(&whole, 1, &records).await;
    let expected = books(&whole).await;
    whole.close().await;
    for size in [1, 2, 7] {
        let other = Place::sqlite();
        let store = fresh(&other).await;
        for (first, batch) in (1..).step_by(size).zip(records.chunks(size)) {
            record(&store, first, batch).await;
            // Again, from the start, as after a crash that lost what the drain knew.
            record(&store, 1, &records[..usize::try_from(first).unwrap() - 1 + batch.len()]).await;
        }
        assert_eq!(books(&store).await, expected, "in batches of {size}: {records:#?}");
        store.close().await;
    }
}

async fn calls_in_any_order_come_to_the_same_statement(place: Place) {
    let records = sample(records());
    let store = fresh(&place).await;
    record(&store, 1, &records).await;
    let expected = show(&store, period("2026-11"), None).await.unwrap();
    store.close().await;
    let shuffled: Vec<UsageRecord> = sample(Just(records).prop_shuffle());
    let other = Place::sqlite();
    let store = fresh(&other).await;
    for (first, batch) in (1..).step_by(3).zip(shuffled.chunks(3)) {
        record(&store, first, batch).await;
    }
    none(&check(&store).await.unwrap().findings);
    assert!(
        store.open_exceptions(&Page::first()).await.unwrap().is_empty(),
        "a refund still waits for its sale"
    );
    assert_eq!(show(&store, period("2026-11"), None).await.unwrap(), expected, "{shuffled:#?}");
    store.close().await;
}

async fn a_batch_whose_future_is_dropped_leaves_nothing(place: Place) {
    let store = fresh(&place).await;
    let records: Vec<_> = (1..=300).map(|id| usage(id, 1, Some(sale(&format!("o-{id}"), 10_000)))).collect();
    // Dropped after more and more of its steps, until it is let through.
    for steps in 0.. {
        let recording = record(&store, 1, &records);
        let Err(dropped) = polled(recording, steps).await else { break };
        drop(dropped);
        let seen = store.journal_position("node-1").await.unwrap();
        let statements = show(&store, period("2026-11"), None).await.unwrap();
        match seen {
            0 => assert!(statements.is_empty(), "after {steps} steps: {statements:#?}"),
            // Dropped while it waited for the commit's answer.
            300 => break,
            other => panic!("position {other} after {steps} steps"),
        }
    }
    record(&store, 1, &records).await;
    let statement = &show(&store, period("2026-11"), None).await.unwrap()[0];
    assert_eq!(statement.totals.share.to_string(), "750.00");
    assert_eq!(statement.totals.fees.to_string(), "1.08");
    assert_eq!(store.journal_position(node("node-1").as_str()).await.unwrap(), 300);
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

/// Polls a future as it is woken, so many times; gives it back if it is not done by then.
pub(super) async fn polled<F: Future>(future: F, times: usize) -> Result<F::Output, std::pin::Pin<Box<F>>> {
    let mut future = Box::pin(future);
    let mut left = times;
    let done = std::future::poll_fn(|context| {
        if left == 0 {
            return std::task::Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await;
    done.ok_or(future)
}

async fn an_order_of_100_yuan_is_two_lines_and_drills_down_to_its_record(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    let record_id = 0x0192_f000_0000_7000_8000_0000_0000_0001;
    record(&store, 1, &[usage(record_id, 1, Some(sale("o-1", 10_000)))]).await;
    let statements = show(&store, period("2026-11"), None).await.unwrap();
    let [statement] = statements.as_slice() else { panic!("{statements:#?}") };
    let lines: Vec<_> =
        statement.lines.iter().map(|line| (line.key.kind.name(), line.amount.to_string())).collect();
    assert_eq!(lines, [("service_fee", "0.01".to_owned()), ("revenue_share", "2.50".to_owned())]);
    for (line, rule) in statement.lines.iter().zip(["plans/standard.yaml:12:7", "plans/standard.yaml:14:7"]) {
        let id = line.key.id().to_string();
        let found =
            tollgate::billing::statement::charges_of(&store, (statement.period, &statement.app), &id, "");
        let charges = found.await.unwrap().unwrap();
        assert_eq!(charges.len(), 1, "{id}");
        let charge = &charges[0].charge;
        assert_eq!(charge.usage.as_u128(), record_id);
        assert_eq!(
            (charge.line.plan.to_string().as_str(), charge.rule.to_string().as_str()),
            ("standard@1", rule)
        );
    }
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}
