//! Keys by which apps sign their requests.

use std::time::Duration;

use tollgate::domain::id::{AppId, SignatureKeyId};
use tollgate::domain::narrowing::Narrowing;
use tollgate::domain::signature_key::{
    SignatureAlgorithm, SignatureKeyMaterial, SignatureKeyRecord, Signing, StoredSignatureKey,
};
use tollgate::domain::signature_style::{SignatureStyle, WeakMethod, WeakMethods};
use tollgate::domain::time::Zone;
use tollgate::store::{Store, StoreError};

use super::contract;
use super::seed::{START, from_now_on, later, seed};

contract!(
    a_key_comes_back_as_it_went_in,
    a_key_is_revoked_once_and_every_node_hears_of_it,
    a_key_without_its_app_or_with_anothers_id_is_refused,
    a_key_of_each_style_comes_back_with_its_terms,
    a_key_that_takes_anothers_place_is_found_by_it_and_each_is_known_by_the_hour_of_its_last_use,
);

/// A key of that app.
pub(super) fn key(id: &str, app: &AppId, material: SignatureKeyMaterial) -> StoredSignatureKey {
    let signing = Signing { style: SignatureStyle::Http, algorithm: SignatureAlgorithm::RsaPssSha512 };
    let id = SignatureKeyId::new(id).unwrap();
    let record = SignatureKeyRecord {
        scopes: "order:read".parse().ok(),
        expires_at: Some(later(60)),
        ..SignatureKeyRecord::new(id, app.clone(), signing, START)
    };
    StoredSignatureKey { record, material }
}

async fn a_key_comes_back_as_it_went_in(store: Store) {
    let (app, _) = seed(&store).await;
    let sealed = key("sgk_1", &app.id, SignatureKeyMaterial::Sealed(vec![0, 1, 255]));
    let mut public = key("sgk_2", &app.id, SignatureKeyMaterial::Public("{}".to_owned()));
    (public.record.created_at, public.record.scopes, public.record.expires_at) = (later(5), None, None);
    let narrowing = Narrowing {
        products: "carrier supply".parse().ok(),
        addresses: "192.0.2.0/24 2001:db8::/32".parse().ok(),
    };
    let narrow = [(3, None), (4, Some(later(60)))].map(|(number, expires_at)| {
        let key = key(&format!("sgk_{number}"), &app.id, SignatureKeyMaterial::Sealed(vec![1]));
        let (narrowing, created_at) = (narrowing.clone(), later(10 - number));
        let record = SignatureKeyRecord { narrowing, created_at, expires_at, ..key.record };
        StoredSignatureKey { record, ..key }
    });
    for key in [&sealed, &public, &narrow[0], &narrow[1]] {
        store.create_signature_key(key).await.unwrap();
        assert_eq!(store.credential(&key.record.id).await.unwrap().as_ref(), Some(&key.record));
        let material = store.signature_key_material(&key.record.id).await.unwrap();
        assert_eq!(material.as_ref(), Some(&key.material));
    }
    assert_eq!(
        store.credentials_of::<SignatureKeyId>(&app.id).await.unwrap(),
        [narrow[0].record.clone(), narrow[1].record.clone(), public.record, sealed.record]
    );
    let none = SignatureKeyId::new("sgk_x").unwrap();
    assert_eq!(store.credential(&none).await.unwrap(), None);
    assert_eq!(store.signature_key_material(&none).await.unwrap(), None);
}

async fn a_key_is_revoked_once_and_every_node_hears_of_it(store: Store) {
    let (app, _) = seed(&store).await;
    let key = key("sgk_1", &app.id, SignatureKeyMaterial::Sealed(vec![1]));
    store.create_signature_key(&key).await.unwrap();
    let begin = store.identity_changes(None).await.unwrap().next;
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(transaction.lock_credential(&key.record.id).await.unwrap().as_ref(), Some(&key.record));
    transaction.revoke_credential(&key.record.id, later(1)).await.unwrap();
    transaction.revoke_credential(&key.record.id, later(2)).await.unwrap();
    transaction.commit().await.unwrap();
    let revoked = store.credential(&key.record.id).await.unwrap().unwrap();
    assert!(revoked.revoked_at == Some(later(1)) && !revoked.is_valid(START), "{revoked:?}");
    let told = store.identity_changes(Some(begin)).await.unwrap().subjects.unwrap();
    assert!(told.contains(&"sgk_1".to_owned()), "{told:?}");
    let mut transaction = store.begin().await.unwrap();
    let none = SignatureKeyId::new("sgk_3").unwrap();
    let missing = transaction.revoke_credential(&none, later(1)).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
}

async fn a_key_without_its_app_or_with_anothers_id_is_refused(store: Store) {
    let (app, _) = seed(&store).await;
    let first = key("sgk_1", &app.id, SignatureKeyMaterial::Sealed(vec![1]));
    store.create_signature_key(&first).await.unwrap();
    let taken = store.create_signature_key(&first).await;
    assert!(matches!(&taken, Err(StoreError::Conflict { what }) if what == "signature_key.id"), "{taken:?}");
    let orphan = key("sgk_2", &AppId::new("app_x").unwrap(), SignatureKeyMaterial::Sealed(vec![1]));
    let missing = store.create_signature_key(&orphan).await;
    assert!(matches!(missing, Err(StoreError::Missing { what: "app" })), "{missing:?}");
}

async fn a_key_that_takes_anothers_place_is_found_by_it_and_each_is_known_by_the_hour_of_its_last_use(
    store: Store,
) {
    let (app, _) = seed(&store).await;
    let old = key("sgk_1", &app.id, SignatureKeyMaterial::Sealed(vec![1]));
    store.create_signature_key(&old).await.unwrap();
    let [one, two, gone] = ["sgk_1", "sgk_2", "sgk_x"].map(|id| SignatureKeyId::new(id).unwrap());
    let record = old.record.successor(two.clone(), old.record.own.clone(), later(1));
    let material = SignatureKeyMaterial::Sealed(vec![2]);
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(transaction.successor_of::<SignatureKeyId>(&old.record).await.unwrap(), None);
    let new = StoredSignatureKey { record, material };
    transaction.create_signature_key(&new).await.unwrap();
    let found = transaction.successor_of::<SignatureKeyId>(&old.record).await.unwrap();
    assert_eq!(found.as_ref(), Some(&new.record));
    transaction.commit().await.unwrap();
    assert_eq!(store.credential(&two).await.unwrap(), Some(new.record));

    let begin = from_now_on(&store).await;
    let hour = |hours: u64| START.plus(Duration::from_secs(3600 * hours));
    store.note_uses(&[(one.clone(), hour(5)), (gone, hour(5))]).await.unwrap();
    store.note_uses(&[(two.clone(), hour(6)), (one.clone(), hour(4))]).await.unwrap();
    for (id, expected) in [(&one, hour(5)), (&two, hour(6))] {
        assert_eq!(store.credential(id).await.unwrap().unwrap().last_used_at, Some(expected));
    }
    let told = store.identity_changes(Some(begin)).await.unwrap().subjects.unwrap();
    let is_of_key = |subject: &String| subject.starts_with("sgk_");
    assert!(!told.iter().any(is_of_key), "that a key is used changes nothing that is remembered of it");
}

async fn a_key_of_each_style_comes_back_with_its_terms(store: Store) {
    let (app, _) = seed(&store).await;
    let (zone, weak) = (Zone::default(), WeakMethods::from_iter(WeakMethod::ALL));
    let styles = [
        SignatureStyle::Http,
        SignatureStyle::Top { zone: Zone::utc(), weak: WeakMethods::default() },
        SignatureStyle::Top { zone: zone.clone(), weak },
        SignatureStyle::Alipay { zone },
    ];
    for (number, style) in styles.into_iter().enumerate() {
        let mut key = key(&format!("sgk_{number}"), &app.id, SignatureKeyMaterial::Sealed(vec![1]));
        key.record.own.style = style;
        store.create_signature_key(&key).await.unwrap();
        assert_eq!(store.credential(&key.record.id).await.unwrap().as_ref(), Some(&key.record));
        let mut transaction = store.begin().await.unwrap();
        let locked = transaction.lock_credential(&key.record.id).await.unwrap();
        assert_eq!(locked.as_ref(), Some(&key.record));
        transaction.commit().await.unwrap();
    }
}
