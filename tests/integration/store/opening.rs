//! Opening a store: again, by many at once, with newer data, and by an address that names none.

use std::process::{Command, Stdio};
use std::time::Duration;

use tollgate::store::{Page, Store, StoreError};

use super::seed::partner;
use crate::support::stores::Place;

async fn opening_again_keeps_what_is_there(place: Place) {
    let store = place.open().await;
    store.create_partner(&partner("partner_1")).await.unwrap();
    store.close().await;
    let again = place.open().await;
    again.ping().await.unwrap();
    assert_eq!(again.partners(&Page::first()).await.unwrap(), [partner("partner_1")]);
    again.close().await;
}

async fn many_may_open_a_fresh_store_at_once(place: Place) {
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let address = place.address();
            tokio::spawn(async move { Store::open(&address).await.unwrap().close().await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    place.open().await.close().await;
}

async fn newer_data_is_refused(place: Place) {
    place.open().await.close().await;
    place
        .tamper(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
             values (9999, 'of the future', true, '', 0)",
        )
        .await;
    match Store::open(&place.address()).await {
        Err(error @ StoreError::NewerSchema { found: 9999, .. }) => {
            assert!(error.to_string().contains("start the newer program"), "{error}");
        }
        other => panic!("expected NewerSchema, got {other:?}"),
    }
}

async fn a_row_that_does_not_parse_is_an_error(place: Place) {
    let store = place.open().await;
    place
        .tamper("insert into partner (id, name, standing, created_at) values ('a b', 'x', 'active', 0)")
        .await;
    match store.partners(&Page::first()).await {
        Err(StoreError::Corrupt { what }) => assert_eq!(what, "partner.id"),
        other => panic!("expected Corrupt, got {other:?}"),
    }
    store.close().await;
}

/// Not a test by itself: the process that the next one kills.
#[tokio::test]
async fn child_that_opens_a_store() {
    let Ok(address) = std::env::var("TOLLGATE_TEST_STORE") else { return };
    Store::open(&address).await.unwrap().close().await;
}

/// Kills a process ever a little later, until one has opened the store before it could be killed.
async fn a_killed_migration_leaves_a_store_that_opens(place: Place) {
    let mut lifetime = Duration::from_millis(2);
    loop {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["store::opening::child_that_opens_a_store", "--exact"])
            .env("TOLLGATE_TEST_STORE", place.address())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(lifetime).await;
        child.kill().unwrap();
        match child.wait().unwrap().code() {
            None => lifetime = lifetime * 5 / 4,
            Some(code) => break assert_eq!(code, 0, "the child could not open the store"),
        }
    }
    let store = place.open().await;
    store.create_partner(&partner("partner_1")).await.unwrap();
    store.close().await;
}

/// Each of the above, once for each store.
macro_rules! both {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $test() { super::$test(super::Place::sqlite()).await; })+
        }
        mod postgres {
            $(#[tokio::test] async fn $test() { super::$test(super::Place::postgres().await).await; })+
        }
    };
}
both! {
    opening_again_keeps_what_is_there,
    many_may_open_a_fresh_store_at_once,
    newer_data_is_refused,
    a_killed_migration_leaves_a_store_that_opens,
    a_row_that_does_not_parse_is_an_error,
}

#[tokio::test]
async fn an_address_that_names_no_store_is_refused_without_its_password() {
    for address in ["mysql://root:hunter2@db/x", "", "postgres://root:hunter2@db:99999/x"] {
        match Store::open(address).await {
            Err(error @ StoreError::Address { .. }) => {
                assert!(!error.to_string().contains("hunter2"), "{error}")
            }
            other => panic!("{address} gave {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_store_that_is_not_there_is_out_of_reach() {
    for address in ["sqlite:/nowhere/at/all/store.db", "postgres://postgres:hunter2@127.0.0.1:1/postgres"] {
        match Store::open(address).await {
            Err(error @ StoreError::Unavailable { .. }) => {
                assert!(!error.to_string().contains("hunter2"), "{error}");
            }
            other => panic!("{address} gave {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_is_told_by_its_address_and_its_reason() {
    // Whatever server the tests have, it knows no such database; the port of the other address is nobody's.
    let server = std::env::var("TOLLGATE_TEST_POSTGRES");
    let server = server.unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned());
    let elsewhere =
        server.split('?').next().unwrap().rsplit_once('/').unwrap().0.to_owned() + "/tollgate_nowhere";
    for (address, told) in [
        (elsewhere.as_str(), &["database tollgate_nowhere", "does not exist"][..]),
        ("postgres://postgres@127.0.0.1:1/books", &["127.0.0.1:1", "database books", "refused"]),
    ] {
        let error = Store::open(address).await.expect_err("it opens").to_string();
        assert!(error.starts_with("the store is out of reach"), "{error}");
        assert!(told.iter().all(|part| error.contains(part)), "{told:?} in {error}");
    }
}
