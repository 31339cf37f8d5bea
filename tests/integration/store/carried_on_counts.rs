//! What an older program recorded of a journal is counted by the next that counts.

use tollgate::domain::time::Timestamp;
use tollgate::store::Page;
use tollgate::store::journal_position::JournalCounts;
use tollgate::store::usage_exception::ExceptionKind;

use super::carried_on::step;
use crate::support::stores::Place;

async fn a_position_of_an_older_program_is_counted_by_the_next_that_counts(place: Place) {
    step(&place, 33).await;
    place
        .tamper(
            "insert into journal_position (node, sequence, journal) values ('node-1', 9, 'node-1-journal'); \
             insert into usage_exception (id, kind, at, reason) values ('journal:node-1:3-4', 'journal', 0, 'rot')",
        )
        .await;
    let store = place.open().await;
    let before = store.journal_place("node-1").await.unwrap();
    assert_eq!((before.sequence, before.is_uncounted), (9, true));
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(transaction.excepted_records("node-1").await.unwrap(), 2);
    let counts = JournalCounts { recorded: 7, excepted: 2, ..JournalCounts::default() };
    transaction.keep_journal_place("node-1", "node-1-journal", 9, (&counts, None)).await.unwrap();
    transaction.commit().await.unwrap();
    let after = store.journal_place("node-1").await.unwrap();
    assert_eq!((after.counts, after.is_uncounted), (counts, false));
    let open = store.open_exceptions(&Page::first()).await.unwrap();
    assert_eq!(open[0].kind, ExceptionKind::Journal);
    store.close().await;
}

/// The latest call that is believed after the step from one that did not keep it, of books whose runs have such latest calls.
async fn latest_call(place: Place, newest: &[i64]) -> Option<i64> {
    step(&place, 45).await;
    place.tamper("insert into journal_position (node, sequence, journal) values ('node-1', 9, 'a')").await;
    for (first, newest) in (1..).zip(newest) {
        let run = format!(
            "insert into usage_run (app, day, first, last, newest) values (0, 0, {first}, {first}, {newest})"
        );
        place.tamper(&run).await;
    }
    let store = place.open().await;
    let latest = store.latest_call((Timestamp::default(), Timestamp::from_micros(i64::MAX))).await.unwrap();
    store.close().await;
    latest.map(Timestamp::as_micros)
}

#[tokio::test]
async fn calls_of_an_older_program_are_believed_and_none_to_come() {
    const LONG_AGO: i64 = 1_700_000_000_000_000;
    for place in [Place::sqlite(), Place::postgres().await] {
        assert_eq!(latest_call(place, &[50, 70, 60]).await, Some(70));
    }
    for place in [Place::sqlite(), Place::postgres().await] {
        let latest = latest_call(place, &[50, i64::MAX / 2]).await;
        assert!(latest.is_some_and(|latest| LONG_AGO < latest && latest < i64::MAX / 2), "{latest:?}");
    }
    for place in [Place::sqlite(), Place::postgres().await] {
        assert_eq!(latest_call(place, &[]).await, None);
    }
}

#[tokio::test]
async fn a_position_of_an_older_program_is_counted_in_sqlite() {
    a_position_of_an_older_program_is_counted_by_the_next_that_counts(Place::sqlite()).await;
}

#[tokio::test]
async fn a_position_of_an_older_program_is_counted_in_postgres() {
    a_position_of_an_older_program_is_counted_by_the_next_that_counts(Place::postgres().await).await;
}
