//! Batches that are rated while the ones before them are written come to the same books as others, and what was rated ahead for
//! nothing leaves nothing.

use tollgate::billing::books::exceptions::{Decision, Given, Reason, resolve};
use tollgate::billing::books::recorder::{Ready, Recorder};
use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::{CloseEarly, close, show};
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::metering::drain::{SinkError, UsageSink};
use tollgate::store::Store;
use uuid::Uuid;

use super::on_both_stores;
use super::remembered::recorder_at;
use super::seed::{
    deciding, journal, node, none, november, period, plan, register, sale, tariff, usage, zone,
};
use super::split::{books, polled, records, sample};
use crate::support::stores::Place;

on_both_stores! {
    batches_that_are_rated_ahead_come_to_the_same_books,
    what_was_rated_ahead_of_a_batch_that_failed_counts_for_nothing,
    what_was_rated_ahead_is_rated_anew_if_the_batch_before_it_failed_first,
    what_was_rated_ahead_of_a_batch_that_was_dropped_counts_for_nothing,
    what_happens_behind_the_back_of_what_was_rated_ahead_is_seen,
}

async fn fresh(place: &Place) -> Store {
    let store = place.open().await;
    register(&store, &plan("measured", 1), &tariff("0.0037", 7, "2.5")).await;
    store
}

fn measured(mut records: Vec<UsageRecord>) -> Vec<UsageRecord> {
    for record in &mut records {
        record.subscribed.as_mut().unwrap().1 = plan("measured", 1);
    }
    records
}

/// Calls of which none has a transaction.
fn plain(ids: std::ops::RangeInclusive<u128>) -> Vec<UsageRecord> {
    measured(ids.map(|id| usage(id, 3, None)).collect())
}

async fn take(recorder: &Recorder, first: u64, records: &[UsageRecord]) {
    let (batch, up_to) = journal(first, records);
    recorder.record(batch, up_to).await.unwrap();
}

fn ready(recorder: &Recorder, first: u64, records: &[UsageRecord]) -> Ready {
    let (batch, up_to) = journal(first, records);
    recorder.make_ready(batch, up_to)
}

/// Takes a batch that fails once nearly all of it is written.
async fn fail(place: &Place, recorder: &Recorder, batch: Ready) {
    // It is among what is written last.
    place.tamper("alter table usage_run rename to away").await;
    assert!(recorder.take(batch).await.is_err());
    place.tamper("alter table away rename to usage_run").await;
}

/// Records batches of that size, each made ready once the one before was polled so many times.
async fn take_ahead(recorder: &Recorder, records: &[UsageRecord], size: usize, steps: usize) {
    let mut batches = (1..).step_by(size).zip(records.chunks(size));
    let mut next = move || batches.next().map(|(first, records)| journal(first, records));
    let Some((batch, up_to)) = next() else { return };
    let mut ready = Some(recorder.make_ready(batch, up_to));
    while let Some(whole) = ready.take() {
        let taken = match polled(recorder.take(whole), steps).await {
            Ok(taken) => {
                ready = next().map(|(batch, up_to)| recorder.make_ready(batch, up_to));
                taken
            }
            Err(taking) => {
                ready = next().map(|(batch, up_to)| recorder.make_ready(batch, up_to));
                taking.await
            }
        };
        taken.unwrap();
    }
}

async fn batches_that_are_rated_ahead_come_to_the_same_books(place: Place) {
    let mixed = measured(sample(records()));
    let mut place = Some(place);
    for records in [plain(1..=40), mixed] {
        let other = Place::sqlite();
        let whole = fresh(&other).await;
        take(&recorder_at(&whole, "node-1", november()).await, 1, &records).await;
        let expected = books(&whole).await;
        whole.close().await;
        for (size, steps) in [(1, 3), (4, 0), (4, 9), (4, 17), (4, 33), (4, 1000), (9, 25)] {
            let place = place.take().unwrap_or_else(Place::sqlite);
            let store = fresh(&place).await;
            take_ahead(&recorder_at(&store, "node-1", november()).await, &records, size, steps).await;
            assert_eq!(books(&store).await, expected, "{size} at once, {steps} steps: {records:#?}");
            store.close().await;
        }
    }
}

async fn what_was_rated_ahead_of_a_batch_that_failed_counts_for_nothing(place: Place) {
    let store = fresh(&place).await;
    let recorder = recorder_at(&store, "node-1", november()).await;
    let records = plain(1..=50);
    take(&recorder, 1, &records[..10]).await;
    let second = ready(&recorder, 11, &records[10..20]);
    let third = ready(&recorder, 21, &records[20..30]);
    fail(&place, &recorder, second).await;
    assert_eq!(recorder.take(third).await, Err(SinkError::Behind(10)));
    // Cut elsewhere, as what is refused is.
    let second = ready(&recorder, 11, &records[10..25]);
    let third = ready(&recorder, 26, &records[25..50]);
    recorder.take(second).await.unwrap();
    recorder.take(third).await.unwrap();
    fifty_calls_are_charged_once(&store).await;
    store.close().await;
}

async fn what_was_rated_ahead_is_rated_anew_if_the_batch_before_it_failed_first(place: Place) {
    let store = fresh(&place).await;
    let recorder = recorder_at(&store, "node-1", november()).await;
    let records = plain(1..=50);
    take(&recorder, 1, &records[..1]).await;
    let second = ready(&recorder, 2, &records[1..20]);
    let third = ready(&recorder, 21, &records[20..30]);
    fail(&place, &recorder, second).await;
    // As what is refused is halved, while what was read behind it waits.
    take(&recorder, 2, &records[1..10]).await;
    take(&recorder, 11, &records[10..20]).await;
    recorder.take(third).await.unwrap();
    take(&recorder, 31, &records[30..]).await;
    fifty_calls_are_charged_once(&store).await;
    store.close().await;
}

/// Three units each, at 0.0037 once seven of them were free.
async fn fifty_calls_are_charged_once(store: &Store) {
    let statement = &show(store, period("2026-11"), None).await.unwrap()[0];
    assert_eq!((statement.lines[0].free, statement.lines[0].quantity), (7, 143));
    assert_eq!(statement.totals.fees.to_string(), "0.53");
    none(&check(store).await.unwrap().findings);
}

async fn what_was_rated_ahead_of_a_batch_that_was_dropped_counts_for_nothing(place: Place) {
    let store = fresh(&place).await;
    let recorder = recorder_at(&store, "node-1", november()).await;
    let call = |id: u128| usage(id, 3, id.is_multiple_of(4).then(|| sale(&format!("o-{id}"), 10_000)));
    let records = measured((1..=40).map(call).collect());
    take(&recorder, 1, &records[..10]).await;
    // Dropped after more and more of its steps, until it is let through.
    for steps in 0.. {
        let second = ready(&recorder, 11, &records[10..20]);
        let dropped = polled(recorder.take(second), steps).await;
        let third = ready(&recorder, 21, &records[20..30]);
        let is_let_through = dropped.is_ok();
        drop(dropped);
        match recorder.take(third).await {
            Err(SinkError::Behind(10)) if !is_let_through => {}
            // Dropped while it waited for the commit's answer, or let through.
            taken => {
                taken.unwrap();
                break;
            }
        }
    }
    take(&recorder, 31, &records[30..]).await;
    let statement = &show(&store, period("2026-11"), None).await.unwrap()[0];
    // 113 units at 0.0037, and ten shares.
    assert_eq!(statement.totals.fees.to_string(), "0.42");
    assert_eq!(statement.totals.share.to_string(), "25.00");
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

/// What happens between the rating and the taking of a batch.
#[derive(Debug, Clone, Copy)]
enum Between {
    AnotherNodeRecords,
    SomeoneDecides,
    ThePeriodIsClosed,
}

impl Between {
    async fn happens(self, store: &Store) {
        match self {
            Self::AnotherNodeRecords => {
                let elsewhere = UsageRecord { node: node("node-2"), ..plain(100..=100).remove(0) };
                take(&recorder_at(store, "node-2", november()).await, 1, &[elsewhere]).await;
            }
            Self::SomeoneDecides => {
                let exception = format!("usage:{}", Uuid::from_u128(2));
                let decision = Decision::RateBy(Given::Call { units: 4, transaction: None });
                let reason = Reason { who: "analyst".to_owned(), why: "it was four".to_owned() };
                resolve(store, &exception, decision, reason, deciding(november())).await.unwrap();
            }
            Self::ThePeriodIsClosed => {
                let at = (&zone(), november());
                close(store, period("2026-11"), at, CloseEarly::Allowed).await.unwrap();
            }
        }
    }
}

async fn what_happens_behind_the_back_of_what_was_rated_ahead_is_seen(place: Place) {
    let mut place = Some(place);
    for between in [Between::AnotherNodeRecords, Between::SomeoneDecides, Between::ThePeriodIsClosed] {
        let mut seen = Vec::new();
        for is_ahead in [true, false] {
            let place = place.take().unwrap_or_else(Place::sqlite);
            let store = fresh(&place).await;
            let recorder = recorder_at(&store, "node-1", november()).await;
            let mut records = plain(1..=30);
            records[1].evidence = Evidence::Exception { reason: "it is not JSON".to_owned() };
            take(&recorder, 1, &records[..2]).await;
            let (batch, up_to) = journal(3, &records[2..20]);
            let ready = is_ahead.then(|| recorder.make_ready(batch.clone(), up_to));
            between.happens(&store).await;
            match ready {
                Some(ready) => recorder.take(ready).await.unwrap(),
                None => recorder.record(batch, up_to).await.unwrap(),
            };
            take(&recorder, 21, &records[20..]).await;
            let next = show(&store, period("2026-12"), None).await.unwrap();
            seen.push(format!("{} {next:#?}", books(&store).await));
            store.close().await;
        }
        assert_eq!(seen[0], seen[1], "{between:?}");
    }
}
