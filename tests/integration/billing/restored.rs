//! A store that was put back to an older copy is given again what it lacks, from the archives too, and comes to the same books.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::show;
use tollgate::domain::statement::Statement;
use tollgate::journal::archive;
use tollgate::journal::retention::tend;
use tollgate::metering::drain::drain;
use tollgate::metering::record::encode;
use tollgate::metering::tally::{DrainState, Tally};

use super::kills::{Node, TERMS, verified};
use super::seed::{none, november, period, plan, refund, register, sale, tariff, usage};
use crate::support::stores::Place;

/// Opens a node's folder, appends records of these ids, drains all, and gives what the books come to and where they stand.
async fn drained(folder: &Path, ids: std::ops::Range<u128>) -> (Vec<Statement>, Tally) {
    let Node { store, journal, recorder } = Node::open(folder).await;
    let mut writer = journal.writer();
    for id in ids {
        let transaction = match id % 3 {
            0 => Some(sale(&format!("o-{id}"), 10_000)),
            1 if id > 3 => Some(refund(&format!("o-{}", id - 1), i64::try_from(id).unwrap())),
            _ => None,
        };
        let record = encode(&usage(id, 1, transaction));
        writer.append_durable(&record).unwrap().await.unwrap().unwrap();
    }
    drop(writer);
    let state = Arc::new(DrainState::at(recorder.last_known()));
    let reader = journal.reader(state.tally().position);
    drain(reader, journal.state().clone(), Arc::new(recorder), state.clone(), async {}).await;
    let tally = state.tally();
    assert_eq!(tally.position, journal.state().committed());
    tend(journal.settings(), journal.state(), &|| Some(tally.position), (&TERMS, november()), &|| true)
        .unwrap();
    none(&check(&store).await.unwrap().findings);
    verified(&store, folder).await;
    let statements = show(&store, period("2026-11"), None).await.unwrap();
    tokio::task::spawn_blocking(move || journal.close()).await.unwrap().unwrap();
    store.close().await;
    (statements, tally)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_put_back_comes_to_the_same_books_by_the_archives() {
    let place = Place::sqlite();
    let Place::Folder(folder) = &place else { panic!("a file is in a folder") };
    let folder = folder.path();
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 10, "2.5")).await;
    store.close().await;
    drained(folder, 1..40).await;
    let (file, copy) = (folder.join("store.db"), folder.join("copy.db"));
    fs::copy(&file, &copy).unwrap();
    let (before, tally) = drained(folder, 40..700).await;
    let archived = archive::list(&folder.join("journal")).unwrap();
    assert!(archived.len() >= 3, "{archived:?}");
    assert_eq!((tally.recorded, tally.excepted), (699, 0));

    fs::rename(&copy, &file).unwrap();
    for beside in ["store.db-wal", "store.db-shm"] {
        let _ = fs::remove_file(folder.join(beside));
    }
    let (after, again) = drained(folder, 700..700).await;
    assert_eq!((after, again), (before, tally));
}
