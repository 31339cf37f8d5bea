//! What an older program recorded of a journal is counted by the next that counts.

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

#[tokio::test]
async fn a_position_of_an_older_program_is_counted_in_sqlite() {
    a_position_of_an_older_program_is_counted_by_the_next_that_counts(Place::sqlite()).await;
}

#[tokio::test]
async fn a_position_of_an_older_program_is_counted_in_postgres() {
    a_position_of_an_older_program_is_counted_by_the_next_that_counts(Place::postgres().await).await;
}
