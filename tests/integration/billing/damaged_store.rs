//! A store whose own file is damaged: what is to be recorded waits, and nothing of it becomes an exception.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use tollgate::billing::books::recorder::record_batch;
use tollgate::billing::error::BillingError;
use tollgate::metering::drain::SinkError;
use tollgate::store::StoreError;

use super::seed::{journal, journal_of, november, plan, record, register, tariff, time, usage};
use crate::support::stores::Place;

/// Bytes of a page of SQLite's.
const PAGE: u64 = 4096;

#[tokio::test]
async fn records_wait_for_a_store_whose_file_is_damaged() {
    let place = Place::sqlite();
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    record(&store, 1, &[usage(1, 1, None)]).await;
    store.close().await;
    let roots = place.texts("select cast(rootpage as text) from sqlite_master where name = 'usage'").await;
    let root: u64 = roots[0].parse().unwrap();

    let store = place.open().await;
    let Place::Folder(folder) = &place else { panic!("a file is a file") };
    let file = OpenOptions::new().write(true).open(folder.path().join("store.db")).unwrap();
    file.write_all_at(&[0xff; PAGE as usize], (root - 1) * PAGE).unwrap();
    let next = journal(2, &[usage(2, 1, None)]);
    let error = record_batch(&store, &journal_of("node-1"), next, time(november())).await.unwrap_err();
    assert!(matches!(error, BillingError::Store(StoreError::Damaged { .. })), "{error:?}");
    match SinkError::from(error) {
        SinkError::Unavailable(reason) => {
            assert!(reason.contains("put a sound copy in its place"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
    store.close().await;
}
