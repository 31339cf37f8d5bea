//! The heads of a journal's chain are kept with the batches that they prove, and stay.

use tollgate::billing::books::recorder::record_batch;
use tollgate::metering::drain::Drained;
use tollgate::store::journal_head::JournalBatch;

use super::on_both_stores;
use super::seed::{journal, journal_of, november, plan, record, register, tariff, time, usage};
use crate::support::stores::Place;

async fn a_batch_is_kept_with_the_head_behind_it(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    let usages: Vec<_> = (1..=6).map(|id| usage(id, 1, None)).collect();
    let batch = |first: u64, more: Vec<Drained>| {
        let (mut drained, last) = journal(first, &usages[first as usize - 1..first as usize + 1]);
        drained.extend(more);
        (drained, last)
    };
    record(&store, 1, &usages[..2]).await;
    let (source, time) = (journal_of("node-1"), time(november()));
    let sealed = batch(3, vec![Drained::Head(4, [4; 32])]);
    record_batch(&store, &source, sealed.clone(), time.clone()).await.unwrap();
    record_batch(&store, &source, sealed, time.clone()).await.unwrap();
    // What is no record that is kept does not keep the head from its batch.
    let (mut drained, _) = batch(5, vec![Drained::Lost(7, 8)]);
    drained.push(Drained::Head(8, [8; 32]));
    record_batch(&store, &source, (drained, 8), time).await.unwrap();
    let expected = [(1, 2, None), (3, 4, Some([4; 32])), (5, 6, Some([8; 32]))]
        .map(|(first, last, head)| JournalBatch { first, last, head });
    assert_eq!(store.journal_batches("node-1", 0).await.unwrap(), expected);
    assert_eq!(store.journal_batches("node-1", 4).await.unwrap(), expected[2..]);
    assert!(store.journal_batches("node-2", 0).await.unwrap().is_empty());
    assert!(place.try_tamper("update usage_batch set head = null").await.is_err(), "a head stays");
    store.close().await;
}

on_both_stores! { a_batch_is_kept_with_the_head_behind_it }
