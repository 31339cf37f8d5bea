//! What first calls rest on is found by indexes, however many apps a platform has.

use std::time::{Duration, Instant};

use tollgate::domain::narrowing::Narrowing;
use tollgate::store::Store;

use super::contract_key;
use super::seed::seed;
use crate::support::stores::Place;

/// So many that what making the tables scans does not count.
const CALLS: usize = 200;

/// How often rows of the tables that grow with the apps were looked for at all, and by reading all of them.
const SCANS: &str = "select (coalesce(idx_scan, 0) + seq_scan)::text || ' ' || seq_scan::text from pg_stat_user_tables \
     where schemaname = current_schema() and relname in ('client_settings', 'subscription') order by relname";

async fn scans(place: &Place) -> Vec<(usize, usize)> {
    let number = |text: &str| text.parse().unwrap();
    let told = place.texts(SCANS).await;
    told.iter()
        .map(|row| row.split_once(' ').unwrap())
        .map(|(all, full)| (number(all), number(full)))
        .collect()
}

/// PostgreSQL alone: it takes no index whose collation is not that of the comparison.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_table_is_read_through_for_the_first_call_of_an_app() {
    let place = Place::postgres().await;
    // Small ones would be; so they are only if there is no other way.
    let store = Store::open(&format!("{}&options[enable_seqscan]=off", place.address())).await.unwrap();
    let (app, _) = seed(&store).await;
    let (key, hash) = contract_key::key(1, &app.id, Narrowing::default());
    store.create_key(&key, &hash).await.unwrap();
    for _ in 0..CALLS {
        assert!(store.key_with_app(&hash).await.unwrap().is_some());
        assert!(store.calling_app(&app.id).await.unwrap().is_some());
        assert_eq!(store.keys_with_apps(None, 10).await.unwrap().len(), 1);
    }
    // The server counts what a connection did once that is closed.
    store.close().await;
    let patience = Instant::now() + Duration::from_secs(60);
    let found = loop {
        let found = scans(&place).await;
        if found.len() == 2 && found.iter().all(|(all, _)| *all >= 3 * CALLS) {
            break found;
        }
        assert!(Instant::now() < patience, "waited in vain for the server's counts: {found:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(found.iter().all(|(_, full)| *full < CALLS / 2), "{found:?}");
}
