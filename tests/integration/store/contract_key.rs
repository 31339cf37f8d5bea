//! API keys: how narrow they are, whose place they took, and when they were last used.

use std::time::Duration;

use tollgate::domain::api_key::KeyHash;
use tollgate::domain::id::{AppId, KeyId};
use tollgate::domain::identity::KeyRecord;
use tollgate::domain::narrowing::Narrowing;
use tollgate::store::Store;

use super::contract;
use super::seed::{START, from_now_on, later, seed};

contract! {
    a_key_that_is_narrowed_comes_back_as_it_went_in_however_it_is_looked_up,
    a_key_that_takes_anothers_place_is_found_by_it_and_the_others_end_is_never_put_off,
    the_last_use_of_a_key_is_known_by_its_hour_and_no_earlier_one_takes_its_place,
}

fn narrowings() -> [Narrowing; 4] {
    let products = || Some("carrier supply".parse().unwrap());
    let addresses = || Some("192.0.2.0/24 2001:db8::/32".parse().unwrap());
    [
        Narrowing::default(),
        Narrowing { products: products(), addresses: None },
        Narrowing { products: None, addresses: addresses() },
        Narrowing { products: products(), addresses: addresses() },
    ]
}

/// A key of that app, by number.
pub(super) fn key(number: u8, app: &AppId, narrowing: Narrowing) -> (KeyRecord, KeyHash) {
    let id = KeyId::new(&format!("key_{number}")).unwrap();
    let record = KeyRecord { narrowing, ..KeyRecord::new(id, app.clone(), (), START) };
    (record, KeyHash([number; 32]))
}

async fn a_key_that_is_narrowed_comes_back_as_it_went_in_however_it_is_looked_up(store: Store) {
    let (app, _) = seed(&store).await;
    let keys: Vec<_> =
        (1..).zip(narrowings()).map(|(number, narrowing)| key(number, &app.id, narrowing)).collect();
    for (record, hash) in &keys {
        store.create_key(record, hash).await.unwrap();
        assert_eq!(store.key_by_hash(hash).await.unwrap().as_ref(), Some(record));
        assert_eq!(store.credential(&record.id).await.unwrap().as_ref(), Some(record));
        assert_eq!(
            store.key_by_hash(&hash.of_no_key()).await.unwrap().is_some(),
            !record.narrowing.is_none()
        );
        let mut transaction = store.begin().await.unwrap();
        assert_eq!(transaction.lock_credential(&record.id).await.unwrap().as_ref(), Some(record));
        transaction.roll_back().await.unwrap();
    }
    assert_eq!(
        store.credentials_of::<KeyId>(&app.id).await.unwrap(),
        keys.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>()
    );
    let page = store.keys_with_apps(None, 10).await.unwrap();
    let paged = page.iter().map(|key| (key.hash, key.narrowing.clone()));
    assert!(paged.eq(keys.iter().map(|(key, hash)| (*hash, key.narrowing.clone()))));
    store.revoke_credential(&keys[3].0.id, later(1)).await.unwrap();
    assert_eq!(store.key_by_hash(&keys[3].1).await.unwrap().unwrap().revoked_at, Some(later(1)));
}

async fn a_key_that_takes_anothers_place_is_found_by_it_and_the_others_end_is_never_put_off(store: Store) {
    let (app, _) = seed(&store).await;
    let (old, hash) = key(1, &app.id, Narrowing::default());
    store.create_key(&old, &hash).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(transaction.successor_of(&old).await.unwrap(), None);
    transaction.roll_back().await.unwrap();
    for number in [2, 3] {
        let (record, hash) = key(number, &app.id, Narrowing::default());
        let rotated_from = Some(old.id.clone());
        let record = KeyRecord { created_at: later(number.into()), rotated_from, ..record };
        store.create_key(&record, &hash).await.unwrap();
        assert_eq!(store.credential(&record.id).await.unwrap().as_ref(), Some(&record));
        let mut transaction = store.begin().await.unwrap();
        assert_eq!(transaction.successor_of(&old).await.unwrap(), Some(record), "the newest");
        transaction.roll_back().await.unwrap();
    }
    // Made in the same microsecond as the third, by another node.
    let (record, hash) = key(4, &app.id, Narrowing::default());
    let record = KeyRecord { created_at: later(3), rotated_from: Some(old.id.clone()), ..record };
    store.create_key(&record, &hash).await.unwrap();
    let listed = store.credentials_of::<KeyId>(&app.id).await.unwrap();
    let first = listed.into_iter().find(|key| key.rotated_from.is_some());
    assert_eq!(store.successor_of(&old).await.unwrap(), first, "the first that a list has");
    for (end, expected) in [(9, 9), (20, 9), (5, 5)] {
        let mut transaction = store.begin().await.unwrap();
        transaction.end_credential(&old.id, later(end)).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(store.credential(&old.id).await.unwrap().unwrap().expires_at, Some(later(expected)));
    }
}

async fn the_last_use_of_a_key_is_known_by_its_hour_and_no_earlier_one_takes_its_place(store: Store) {
    let (app, _) = seed(&store).await;
    for number in 1..=200 {
        let (record, hash) = key(number, &app.id, Narrowing::default());
        store.create_key(&record, &hash).await.unwrap();
    }
    let begin = from_now_on(&store).await;
    let id = |number: u32| KeyId::new(&format!("key_{number}")).unwrap();
    let hour = |hours: u64| START.plus(Duration::from_secs(3600 * hours));
    // Most of them are of no key that there is.
    let all: Vec<_> = (1..=1_000).map(|number| (id(number), hour(5))).collect();
    store.note_uses(&all).await.unwrap();
    store.note_uses(&[(id(2), hour(6)), (id(1), hour(4))]).await.unwrap();
    for (number, expected) in [(1, Some(5)), (2, Some(6)), (200, Some(5))] {
        let known = store.credential(&id(number)).await.unwrap().unwrap().last_used_at;
        assert_eq!(known, expected.map(hour), "{number}");
    }
    // Nodes that write the same at once, each in its own order.
    let tasks: Vec<_> = (0..8_u32)
        .map(|node| {
            let store = store.clone();
            let mut uses: Vec<_> =
                (1..=200).map(|number| (id(number), hour(7 + u64::from((number + node) % 8)))).collect();
            uses.rotate_left(node as usize * 20);
            tokio::spawn(async move { store.note_uses(&uses).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let keys = store.credentials_of::<KeyId>(&app.id).await.unwrap();
    assert!(
        keys.iter().all(|key| key.last_used_at == Some(hour(14))),
        "an earlier hour was the last one written"
    );
    let told = store.identity_changes(Some(begin)).await.unwrap().subjects;
    assert_eq!(told, Some(Vec::new()), "that a key is used changes nothing that is remembered of it");
}
