//! API keys that are narrower than their app.

use tollgate::domain::api_key::KeyHash;
use tollgate::domain::id::{AppId, KeyId};
use tollgate::domain::identity::KeyRecord;
use tollgate::domain::narrowing::Narrowing;
use tollgate::store::Store;

use super::contract;
use super::seed::{START, later, seed};

contract! {
    a_key_that_is_narrowed_comes_back_as_it_went_in_however_it_is_looked_up,
    a_key_that_takes_anothers_place_is_found_by_it_and_the_others_end_is_never_put_off,
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
    let record = KeyRecord {
        id: KeyId::new(&format!("key_{number}")).unwrap(),
        app: app.clone(),
        scopes: None,
        narrowing,
        created_at: START,
        expires_at: None,
        revoked_at: None,
        rotated_from: None,
    };
    (record, KeyHash([number; 32]))
}

async fn a_key_that_is_narrowed_comes_back_as_it_went_in_however_it_is_looked_up(store: Store) {
    let (app, _) = seed(&store).await;
    let keys: Vec<_> =
        (1..).zip(narrowings()).map(|(number, narrowing)| key(number, &app.id, narrowing)).collect();
    for (record, hash) in &keys {
        store.create_key(record, hash).await.unwrap();
        assert_eq!(store.key_by_hash(hash).await.unwrap().as_ref(), Some(record));
        assert_eq!(store.key(&record.id).await.unwrap().as_ref(), Some(record));
        assert_eq!(
            store.key_by_hash(&hash.of_no_key()).await.unwrap().is_some(),
            !record.narrowing.is_none()
        );
        let mut transaction = store.begin().await.unwrap();
        assert_eq!(transaction.lock_key(&record.id).await.unwrap().as_ref(), Some(record));
        transaction.roll_back().await.unwrap();
    }
    assert_eq!(
        store.keys_of(&app.id).await.unwrap(),
        keys.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>()
    );
    let page = store.keys_with_apps(None, 10).await.unwrap();
    let paged = page.iter().map(|key| (key.hash, key.narrowing.clone()));
    assert!(paged.eq(keys.iter().map(|(key, hash)| (*hash, key.narrowing.clone()))));
    store.revoke_key(&keys[3].0.id, later(1)).await.unwrap();
    assert_eq!(store.key_by_hash(&keys[3].1).await.unwrap().unwrap().revoked_at, Some(later(1)));
}

async fn a_key_that_takes_anothers_place_is_found_by_it_and_the_others_end_is_never_put_off(store: Store) {
    let (app, _) = seed(&store).await;
    let (old, hash) = key(1, &app.id, Narrowing::default());
    store.create_key(&old, &hash).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(transaction.successor_of_key(&old).await.unwrap(), None);
    transaction.roll_back().await.unwrap();
    for number in [2, 3] {
        let (record, hash) = key(number, &app.id, Narrowing::default());
        let rotated_from = Some(old.id.clone());
        let record = KeyRecord { created_at: later(number.into()), rotated_from, ..record };
        store.create_key(&record, &hash).await.unwrap();
        assert_eq!(store.key(&record.id).await.unwrap().as_ref(), Some(&record));
        let mut transaction = store.begin().await.unwrap();
        assert_eq!(transaction.successor_of_key(&old).await.unwrap(), Some(record), "the newest");
        transaction.roll_back().await.unwrap();
    }
    for (end, expected) in [(9, 9), (20, 9), (5, 5)] {
        let mut transaction = store.begin().await.unwrap();
        transaction.end_key(&old.id, later(end)).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(store.key(&old.id).await.unwrap().unwrap().expires_at, Some(later(expected)));
    }
}
