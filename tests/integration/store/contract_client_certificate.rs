//! Client certificates by which apps prove themselves.

use std::time::Duration;

use tollgate::domain::app_certificate::{AppCertificate, KnownBy, RegisteredAs, ShownNames};
use tollgate::domain::id::{AppId, CertificateId};
use tollgate::store::{Store, StoreError};

use super::contract;
use super::seed::{START, later, seed};

contract!(
    a_certificate_comes_back_as_it_went_in_however_it_is_looked_up,
    the_most_particular_name_that_is_registered_is_found_whether_it_was_revoked_or_not,
    of_what_a_certificate_is_known_by_one_is_in_force_and_every_node_hears_of_each_change,
    the_last_use_of_a_certificate_is_known_by_its_hour,
);

fn known(kind: &str, value: &str) -> KnownBy {
    KnownBy::of(kind, value).unwrap()
}

fn all() -> [KnownBy; 3] {
    [
        known("fingerprint", &"0af1".repeat(16)),
        known("spiffe_id", "spiffe://bright.example/erp"),
        known("subject", r"CN=erp 杭州,O=Bright Apps\, Ltd"),
    ]
}

fn certificate(number: u8, app: &AppId, known_by: KnownBy) -> AppCertificate {
    let id = CertificateId::new(&format!("crt_{number}")).unwrap();
    AppCertificate::new(id, app.clone(), RegisteredAs { known_by, label: None }, START)
}

async fn a_certificate_comes_back_as_it_went_in_however_it_is_looked_up(store: Store) {
    let (app, _) = seed(&store).await;
    let mut made = Vec::new();
    for (number, known_by) in (1..).zip(all()) {
        let mut one = certificate(number, &app.id, known_by.clone());
        if number != 2 {
            one.own.label = Some("ERP \"杭州\"".to_owned());
            one.scopes = "order:read".parse().ok();
            one.narrowing.products = "carrier supply".parse().ok();
            one.narrowing.addresses = "192.0.2.0/24 2001:db8::/32".parse().ok();
            one.expires_at = Some(later(60));
            one.rotated_from = (number == 3).then(|| CertificateId::new("crt_1").unwrap());
        }
        one.created_at = later(number.into());
        store.create_client_certificate(&one).await.unwrap();
        assert_eq!(store.credential(&one.id).await.unwrap().as_ref(), Some(&one));
        let found = store.client_certificate_known_by(&ShownNames::new([known_by])).await.unwrap();
        assert_eq!(found.map(|(found, _)| found).as_ref(), Some(&one));
        let mut transaction = store.begin().await.unwrap();
        assert_eq!(transaction.lock_credential(&one.id).await.unwrap().as_ref(), Some(&one));
        transaction.roll_back().await.unwrap();
        made.insert(0, one);
    }
    assert_eq!(store.credentials_of::<CertificateId>(&app.id).await.unwrap(), made);
    let none = CertificateId::new("crt_x").unwrap();
    assert_eq!(store.credential(&none).await.unwrap(), None);
    let other = ShownNames::new([known("subject", "CN=x")]);
    assert_eq!(store.client_certificate_known_by(&other).await.unwrap(), None);
    let orphan = certificate(9, &AppId::new("app_x").unwrap(), known("subject", "CN=x"));
    let missing = store.create_client_certificate(&orphan).await;
    assert!(matches!(missing, Err(StoreError::Missing { what: "app" })), "{missing:?}");
}

async fn the_most_particular_name_that_is_registered_is_found_whether_it_was_revoked_or_not(store: Store) {
    let (app, _) = seed(&store).await;
    let names = ShownNames::new(all());
    // Made in another order than that of the names.
    for (number, known_by) in (1..).zip(all()).collect::<Vec<_>>().into_iter().rev() {
        store.create_client_certificate(&certificate(number, &app.id, known_by)).await.unwrap();
    }
    let found = async || store.client_certificate_known_by(&names).await.unwrap().unwrap().0;
    assert_eq!(found().await.id.as_str(), "crt_1");
    // Of several by one name the one that is in force, or else the last.
    for number in 4..7 {
        let mut transaction = store.begin().await.unwrap();
        transaction.revoke_credential(&found().await.id, later(1)).await.unwrap();
        transaction.commit().await.unwrap();
        let revoked = found().await;
        assert!(
            revoked.revoked_at.is_some() && revoked.created_at == later((number - 4).into()),
            "{revoked:?}"
        );
        let [first, ..] = all();
        let mut next = certificate(number, &app.id, first);
        next.created_at = later((number - 3).into());
        store.create_client_certificate(&next).await.unwrap();
        assert_eq!(found().await, next);
    }
}

async fn of_what_a_certificate_is_known_by_one_is_in_force_and_every_node_hears_of_each_change(store: Store) {
    let (app, _) = seed(&store).await;
    let [known_by, ..] = all();
    let key = known_by.key().as_str().to_owned();
    let mut position = store.identity_changes(None).await.unwrap().next;
    let mut is_heard = async || {
        let changes = store.identity_changes(Some(position)).await.unwrap();
        position = changes.next;
        changes.subjects.unwrap().contains(&key)
    };
    let first = certificate(1, &app.id, known_by.clone());
    store.create_client_certificate(&first).await.unwrap();
    assert!(is_heard().await, "one is registered");
    let second = certificate(2, &app.id, known_by);
    let taken = store.create_client_certificate(&second).await;
    let what = "client_certificate.known_by";
    assert!(matches!(&taken, Err(StoreError::Conflict { what: found }) if found == what), "{taken:?}");
    for at in [later(1), later(2)] {
        let mut transaction = store.begin().await.unwrap();
        transaction.revoke_credential(&first.id, at).await.unwrap();
        transaction.commit().await.unwrap();
    }
    assert!(is_heard().await, "it is revoked");
    assert_eq!(store.credential(&first.id).await.unwrap().unwrap().revoked_at, Some(later(1)));
    store.create_client_certificate(&second).await.unwrap();
    assert!(is_heard().await, "another takes its place");
    let mut transaction = store.begin().await.unwrap();
    let missing = transaction.revoke_credential(&CertificateId::new("crt_x").unwrap(), later(1)).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
}

async fn the_last_use_of_a_certificate_is_known_by_its_hour(store: Store) {
    let (app, _) = seed(&store).await;
    let hour = |hours: u64| START.plus(Duration::from_secs(hours * 3600));
    let [first, second, _] = all();
    for (number, known_by) in [(1, first), (2, second)] {
        store.create_client_certificate(&certificate(number, &app.id, known_by)).await.unwrap();
    }
    let [one, two, gone] = ["crt_1", "crt_2", "crt_x"].map(|id| CertificateId::new(id).unwrap());
    store.note_uses(&[(one.clone(), hour(5)), (gone, hour(5))]).await.unwrap();
    store.note_uses(&[(two.clone(), hour(6)), (one.clone(), hour(4))]).await.unwrap();
    store.note_uses::<CertificateId>(&[]).await.unwrap();
    for (id, expected) in [(one, hour(5)), (two, hour(6))] {
        let found = store.credential(&id).await.unwrap().unwrap();
        assert_eq!(found.last_used_at, Some(expected));
    }
}
