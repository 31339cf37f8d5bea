//! How many records of a journal became exceptions is known of the store, whoever asks.

use tollgate::billing::books::recorder::record_batch;
use tollgate::metering::drain::Drained;

use super::on_both_stores;
use super::seed::{journal_of, november, plan, register, tariff, time, usage};
use crate::support::stores::Place;

async fn records_that_became_exceptions_are_counted_by_their_journal(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    let unreadable = |sequence| Drained::Unreadable(sequence, b"rot".to_vec(), "it is rot".to_owned());
    let first = vec![
        Drained::Usage(1, Box::new(usage(1, 1, None))),
        unreadable(2),
        // An exception of the call, not of the journal.
        Drained::Usage(3, Box::new(usage(3, u64::MAX, None))),
        Drained::Lost(4, 6),
    ];
    for (node, drained, last) in [("node-1", first, 6), ("node-10", vec![unreadable(1)], 1)] {
        record_batch(&store, &journal_of(node), (drained, last), time(november())).await.unwrap();
    }
    for (node, expected) in [("node-1", 4), ("node-10", 1), ("node", 0), ("node-2", 0)] {
        assert_eq!(store.excepted_records(node).await.unwrap(), expected, "{node}");
    }
    store.close().await;
}

on_both_stores! { records_that_became_exceptions_are_counted_by_their_journal }
