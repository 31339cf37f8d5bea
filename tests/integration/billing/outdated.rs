//! A program that is older than the store's schema keeps no books: what it has to record waits in its journal until a newer one takes its
//! place.

use tollgate::billing::books::recorder::record_batch;
use tollgate::billing::error::BillingError;
use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::{CloseEarly, StatementError, close};
use tollgate::domain::usage::UsageRecord;
use tollgate::metering::drain::{SinkError, UsageSink};
use tollgate::store::{Page, StoreError};

use super::ledger::booked;
use super::on_both_stores;
use super::remembered::recorder_at;
use super::seed::{journal, journal_of, none, november, period, time, usage, zone};
use crate::support::dev::{Dev, wait_for};
use crate::support::stores::Place;

on_both_stores! {
    nothing_is_kept_by_a_program_that_does_not_know_the_schema,
}

/// A newer program has changed the schema in a way that this one does not notice.
const NEWER: &str = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
                     values (9999, 'of the future', true, '', 0)";
/// This program stands for the newer one from then on.
const REPLACED: &str = "delete from _sqlx_migrations where version = 9999";

async fn nothing_is_kept_by_a_program_that_does_not_know_the_schema(place: Place) {
    let store = booked(&place).await;
    let recorder = recorder_at(&store, "node-1", november()).await;
    let calls: Vec<UsageRecord> = (3..6).map(|id| usage(id, 1, None)).collect();
    let (batch, up_to) = journal(3, &calls);
    place.tamper(NEWER).await;
    for _ in 0..2 {
        match recorder.record(batch.clone(), up_to).await {
            Err(SinkError::Unavailable(reason)) => {
                assert!(reason.contains("start the newer program"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    let of_now = (&zone(), november());
    let closed = close(&store, period("2026-11"), of_now, CloseEarly::Allowed).await;
    assert!(matches!(closed, Err(StatementError::Store(StoreError::NewerSchema { found: 9999, .. }))));
    assert_eq!(store.journal_position("node-1").await.unwrap(), 2);
    assert_eq!(store.open_exceptions(&Page::first()).await.unwrap(), []);
    place.tamper(REPLACED).await;
    assert_eq!(recorder.record(batch, up_to).await.unwrap().recorded, 5);
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_lacks_what_this_program_needs_takes_nothing_either() {
    let place = Place::sqlite();
    let store = booked(&place).await;
    place
        .tamper("delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)")
        .await;
    let calls = journal(3, &[usage(3, 1, None)]);
    let refused = record_batch(&store, &journal_of("node-1"), calls, time(november())).await;
    assert!(matches!(refused, Err(BillingError::Store(StoreError::Unavailable { .. }))), "{refused:?}");
    store.close().await;
}

#[test]
fn a_node_beside_a_newer_one_serves_and_keeps_its_records_to_itself() {
    let dev = Dev::start();
    let bearer = dev.bearer(0);
    let recorded = || dev.figure("tollgate_usage_recorded_total");
    let ready = || dev.admin("GET", "/readyz", "").status;
    assert_eq!(dev.order(&bearer, "p-1001").unwrap().status, 201);
    wait_for("the first order in the books", || {
        recorded() == dev.figure("tollgate_usage_accepted_total") && recorded() > 0
    });
    assert_eq!(ready(), 200);
    let before = recorded();
    dev.tamper(NEWER);
    assert_eq!(dev.order(&bearer, "p-1001").unwrap().status, 201);
    wait_for("the log to say so", || dev.log().contains("start the newer program"));
    assert_eq!((ready(), recorded()), (200, before));
    assert!(dev.figure("tollgate_usage_waiting") > 0);
    dev.tamper(REPLACED);
    wait_for("all orders in the books", || recorded() == dev.figure("tollgate_usage_accepted_total"));
    assert!(recorded() > before);
    assert_eq!(ready(), 200);
    assert_eq!(dev.figure("tollgate_usage_excepted_total"), 0);
}
