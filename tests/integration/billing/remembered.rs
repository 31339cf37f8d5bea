//! A recorder that remembers sums from batch to batch comes to the same books as one that asks the store each time, whoever else
//! adds to them meanwhile.

use std::path::Path;
use std::sync::Arc;

use tollgate::billing::books::exceptions::{Decision, Given, Reason, resolve};
use tollgate::billing::books::recorder::Recorder;
use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::show;
use tollgate::domain::time::{ManualClock, Timestamp};
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::metering::drain::UsageSink;
use tollgate::policy::live::Live;
use tollgate::policy::load::NoValues;
use tollgate::store::Store;

use super::on_both_stores;
use super::seed::{
    deciding, journal, journal_of, node, none, november, period, plan, record, register, sale, tariff, usage,
};
use super::split::{books, polled, records, sample};
use crate::support::stores::Place;

on_both_stores! {
    what_is_remembered_comes_to_what_the_store_says,
    what_others_record_meanwhile_is_seen,
    what_someone_decides_meanwhile_is_seen,
    what_was_not_committed_is_forgotten,
}

/// A store that knows the prices of `measured@1`, which the policies do not have.
async fn fresh(place: &Place) -> Store {
    let store = place.open().await;
    register(&store, &plan("measured", 1), &tariff("0.0037", 7, "2.5")).await;
    store
}

async fn recorder_of(store: &Store, name: &str) -> Recorder {
    recorder_at(store, name, november()).await
}

/// A recorder for which it is `now`.
pub(crate) async fn recorder_at(store: &Store, name: &str, now: Timestamp) -> Recorder {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let clock = Arc::new(ManualClock::at(now));
    let live = Live::open(&folder, Arc::new(NoValues), Box::new(|_, _| Ok(())), clock.clone()).unwrap();
    Recorder::open(store.clone(), journal_of(name), Arc::new(live), clock).await.unwrap()
}

fn measured(mut records: Vec<UsageRecord>) -> Vec<UsageRecord> {
    for record in &mut records {
        record.subscribed.as_mut().unwrap().1 = plan("measured", 1);
    }
    records
}

async fn take(recorder: &Recorder, first: u64, records: &[UsageRecord]) {
    let (batch, up_to) = journal(first, records);
    recorder.record(batch, up_to).await.unwrap();
}

async fn what_is_remembered_comes_to_what_the_store_says(place: Place) {
    let records = measured(sample(records()));
    let whole = fresh(&place).await;
    record(&whole, 1, &records).await;
    let expected = books(&whole).await;
    whole.close().await;
    for size in [1, 3] {
        let other = Place::sqlite();
        let store = fresh(&other).await;
        let recorder = recorder_of(&store, "node-1").await;
        for (first, batch) in (1..).step_by(size).zip(records.chunks(size)) {
            take(&recorder, first, batch).await;
        }
        assert_eq!(books(&store).await, expected, "in batches of {size}: {records:#?}");
        store.close().await;
    }
}

async fn what_others_record_meanwhile_is_seen(place: Place) {
    let records = measured(sample(records()));
    let other = Place::sqlite();
    let whole = fresh(&other).await;
    record(&whole, 1, &records).await;
    let expected = show(&whole, period("2026-11"), None).await.unwrap();
    whole.close().await;
    let store = fresh(&place).await;
    let mut nodes = Vec::new();
    for name in ["node-1", "node-2"] {
        nodes.push((name, recorder_of(&store, name).await, 1));
    }
    for (turn, record) in records.iter().enumerate() {
        // One of them has two turns now and then, with what it remembers in between.
        let (name, recorder, next) = &mut nodes[usize::from(turn % 3 == 0)];
        let record = UsageRecord { node: node(name), ..record.clone() };
        take(recorder, *next, &[record]).await;
        *next += 1;
    }
    none(&check(&store).await.unwrap().findings);
    assert_eq!(show(&store, period("2026-11"), None).await.unwrap(), expected, "{records:#?}");
    store.close().await;
}

async fn what_someone_decides_meanwhile_is_seen(place: Place) {
    let store = fresh(&place).await;
    let recorder = recorder_of(&store, "node-1").await;
    let unreadable = Evidence::Exception { reason: "it is not JSON".to_owned() };
    let doubtful = UsageRecord { evidence: unreadable, ..usage(2, 1, None) };
    take(&recorder, 1, &measured(vec![usage(1, 2, None), doubtful])).await;
    let exception = format!("usage:{}", uuid::Uuid::from_u128(2));
    let decision = Decision::RateBy(Given::Call { units: 4, transaction: None });
    let reason = Reason { who: "analyst".to_owned(), why: "it was four".to_owned() };
    resolve(&store, &exception, decision, reason, deciding(november())).await.unwrap();
    // One of these is free still.
    take(&recorder, 3, &measured(vec![usage(3, 101, None)])).await;
    let statement = &show(&store, period("2026-11"), None).await.unwrap()[0];
    assert_eq!((statement.lines[0].free, statement.lines[0].quantity), (7, 100));
    assert_eq!(statement.totals.fees.to_string(), "0.37");
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn what_was_not_committed_is_forgotten(place: Place) {
    let store = fresh(&place).await;
    let recorder = recorder_of(&store, "node-1").await;
    let call = |id: u128| usage(id, 3, Some(sale(&format!("o-{id}"), 10_000)));
    let records = measured((1..=40).map(call).collect());
    take(&recorder, 1, &records[..10]).await;
    // Dropped after more and more of its steps, until it is let through.
    for steps in 0.. {
        let (batch, up_to) = journal(11, &records[10..20]);
        match polled(recorder.record(batch, up_to), steps).await {
            Ok(taken) => {
                taken.unwrap();
                break;
            }
            Err(dropped) => drop(dropped),
        }
    }
    take(&recorder, 21, &records[20..]).await;
    let statement = &show(&store, period("2026-11"), None).await.unwrap()[0];
    // 113 units at 0.0037, and 40 shares.
    assert_eq!(statement.totals.fees.to_string(), "0.42");
    assert_eq!(statement.totals.share.to_string(), "100.00");
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}
