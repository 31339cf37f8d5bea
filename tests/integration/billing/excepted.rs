//! What became of a journal's records is kept with its position, and known of the store, whoever asks.

use std::time::Duration;

use tollgate::billing::books::exceptions::{Decision, Reason, resolve};
use tollgate::billing::books::recorder::record_batch;
use tollgate::billing::error::BillingError;
use tollgate::billing::ledger::check::check;
use tollgate::metering::drain::Drained;
use tollgate::metering::omission::Omission;
use tollgate::store::journal_position::JournalCounts;
use tollgate::store::usage_exception::ExceptionKind;
use tollgate::store::{Page, Store};

use super::ledger::{found, without};
use super::on_both_stores;
use super::seed::{app, deciding, journal_of, none, november, plan, register, tariff, time, usage};
use super::tampered::kept_by;
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

async fn calls_without_a_record_are_an_exception_that_can_only_be_waived(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    let (from, until) = (november(), november().plus(Duration::from_secs(60)));
    let omission = Omission { app: Some(app("app_1")), calls: 40, from, until };
    let drained = vec![Drained::Omitted(1, omission), Drained::Usage(2, Box::new(usage(2, 1, None)))];
    take(&store, "node-1", drained.clone()).await;
    take(&store, "node-1", drained).await;
    let expected = JournalCounts { recorded: 1, omissions: 1, omitted: 40, excepted: 0 };
    assert_eq!(counts(&store, "node-1").await, expected);
    let open = store.open_exceptions(&Page::first()).await.unwrap();
    assert_eq!(
        (open.len(), open[0].id.as_str(), open[0].kind),
        (1, "omitted:node-1:1", ExceptionKind::Omitted)
    );
    assert_eq!((open[0].app.as_deref(), open[0].at), (Some("app_1"), from));
    assert!(
        open[0].reason.starts_with("40 calls from 2026-11-24T08:00:00Z to 2026-11-24T08:01:00Z"),
        "{open:?}"
    );
    let decide = async |decision| {
        let reason = Reason { who: "analyst".to_owned(), why: "they were free".to_owned() };
        resolve(&store, "omitted:node-1:1", decision, reason, deciding(november())).await
    };
    let rated = decide(Decision::RateAgain).await;
    assert!(
        matches!(rated, Err(BillingError::NotRatable(why)) if why.contains("no usage record")),
        "{rated:?}"
    );
    decide(Decision::Waive).await.unwrap();
    assert!(store.open_exceptions(&Page::first()).await.unwrap().is_empty());
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

on_both_stores! {
    what_becomes_of_records_is_kept_with_the_position_of_their_journal,
    calls_without_a_record_are_an_exception_that_can_only_be_waived,
    what_is_counted_of_a_journal_and_is_not_in_the_books_is_found,
}

async fn what_is_counted_of_a_journal_and_is_not_in_the_books_is_found(place: Place) {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    let unreadable = |sequence| Drained::Unreadable(sequence, b"rot".to_vec(), "it is rot".to_owned());
    let omission = Omission { app: None, calls: 9, from: november(), until: november() };
    let read = Drained::Usage(1, Box::new(usage(1, 1, None)));
    take(&store, "node-1", vec![read, unreadable(2), Drained::Omitted(3, omission)]).await;
    // Its name begins like the other's.
    take(&store, "node-1:2", vec![unreadable(1)]).await;
    none(&check(&store).await.unwrap().findings);
    place.tamper(&without(&place, &kept_by(&place, "usage_exception"), "usage_exception")).await;
    let became = "node-1: 1 records of its journal became exceptions and 1 stand for calls without one";
    for (id, left) in [("journal:node-1:2-2", "0 and 1"), ("omitted:node-1:3", "0 and 0")] {
        place.tamper(&format!("delete from usage_exception where id = '{id}'")).await;
        let finding = format!("{became}, and there are exceptions of {left}");
        assert_eq!(check(&store).await.unwrap().findings, [finding]);
    }
    place.tamper("update journal_position set recorded = recorded + 1 where node = 'node-1'").await;
    let findings = check(&store).await.unwrap().findings;
    found(&findings, "node-1: node, of which other usage records are counted than are in the books");
    found(&findings, "node-1: node, whose journal's position is not what became of its records");
    store.close().await;
}
