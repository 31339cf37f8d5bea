//! What became of a journal's records is kept with its position, and known of the store, whoever asks.

use tollgate::billing::books::recorder::record_batch;
use tollgate::metering::drain::Drained;
use tollgate::store::Store;
use tollgate::store::journal_position::JournalCounts;

use super::on_both_stores;
use super::seed::{journal_of, november, plan, register, tariff, time, usage};
use crate::support::stores::Place;

async fn counts(store: &Store, node: &str) -> JournalCounts {
    let place = store.journal_place(node).await.unwrap();
    assert!(!place.is_uncounted);
    let JournalCounts { recorded, excepted, omissions, .. } = place.counts;
    assert_eq!(recorded + excepted + omissions, place.sequence, "{node}");
    place.counts
}

async fn take(store: &Store, node: &str, drained: Vec<Drained>) {
    let last = drained.last().unwrap().last();
    record_batch(store, &journal_of(node), (drained, last), time(november())).await.unwrap();
}

async fn what_becomes_of_records_is_kept_with_the_position_of_their_journal(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    let unreadable = |sequence| Drained::Unreadable(sequence, b"rot".to_vec(), "it is rot".to_owned());
    let record = |sequence, id, units| Drained::Usage(sequence, Box::new(usage(id, units, None)));
    let first = vec![
        record(1, 1, 1),
        unreadable(2),
        // An exception of the call, not of the journal.
        record(3, 3, u64::MAX),
        Drained::Lost(4, 6),
    ];
    take(&store, "node-1", first).await;
    take(&store, "node-10", vec![unreadable(1)]).await;
    for (node, recorded, excepted) in [("node-1", 2, 4), ("node-10", 0, 1), ("node", 0, 0), ("node-2", 0, 0)]
    {
        let expected = JournalCounts { recorded, excepted, ..JournalCounts::default() };
        assert_eq!(counts(&store, node).await, expected, "{node}");
    }
    // What comes again is passed over; one that was recorded from elsewhere becomes an exception.
    take(&store, "node-1", vec![record(3, 3, 1), Drained::Lost(4, 7), record(8, 1, 1), record(9, 9, 1)])
        .await;
    let expected = JournalCounts { recorded: 3, excepted: 6, ..JournalCounts::default() };
    assert_eq!(counts(&store, "node-1").await, expected);

    // An older program moves the position and does not count.
    place.tamper("update journal_position set sequence = 12 where node = 'node-1'").await;
    assert!(store.journal_place("node-1").await.unwrap().is_uncounted);
    take(&store, "node-1", vec![unreadable(13)]).await;
    let expected = JournalCounts { recorded: 6, excepted: 7, ..JournalCounts::default() };
    assert_eq!(counts(&store, "node-1").await, expected);
    store.close().await;
}

on_both_stores! { what_becomes_of_records_is_kept_with_the_position_of_their_journal }
