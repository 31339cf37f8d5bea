//! Device codes: when a device learns what, and that a merchant answers once.

use tollgate::domain::authentication::{Authentication, AuthenticationClass};
use tollgate::domain::id::{AppId, FamilyId, GrantId, MerchantId};
use tollgate::domain::identity::App;
use tollgate::domain::secret_hash::{CodeHash, DeviceCodeHash, UserCodeHash};
use tollgate::store::authorization_code::Redeemed;
use tollgate::store::device_code::{DeviceConsent, DeviceRequest, Polled};
use tollgate::store::{Store, StoreError};

use super::contract;
use super::seed::{START, later, seed, seed_grant};

contract! {
    a_device_that_asks_too_fast_waits_five_seconds_longer_from_then_on,
    a_device_that_is_let_through_has_an_authorization_code,
    of_many_answers_one_counts,
    nothing_is_answered_or_given_once_it_is_too_late,
}

fn hashes() -> (DeviceCodeHash, UserCodeHash) {
    (DeviceCodeHash::of("device"), UserCodeHash::of("WDJBMJHT"))
}

async fn ask(store: &Store, app: &App) -> DeviceRequest {
    let request = DeviceRequest {
        app: app.id.clone(),
        scopes: "order:read order:write".parse().unwrap(),
        poll_seconds: 5,
        issued_at: START,
        expires_at: later(600),
    };
    let (code, user_code) = hashes();
    store.store_device_code((&code, &user_code), &request).await.unwrap();
    request
}

fn consent(merchant: &MerchantId, number: usize) -> DeviceConsent {
    DeviceConsent {
        merchant: merchant.clone(),
        new_grant: GrantId::new(&format!("grant_{number}")).unwrap(),
        family: FamilyId::new(&format!("family_{number}")).unwrap(),
        authentication: Authentication { at: START, class: AuthenticationClass::TwoFactors },
    }
}

async fn a_device_that_asks_too_fast_waits_five_seconds_longer_from_then_on(store: Store) {
    let (app, _) = seed(&store).await;
    let request = ask(&store, &app).await;
    let (code, user_code) = hashes();
    assert_eq!(store.device_request(&user_code, later(599)).await.unwrap(), Some(request.clone()));
    let taken = store.store_device_code((&DeviceCodeHash::of("other"), &user_code), &request).await;
    assert!(matches!(taken, Err(StoreError::Conflict { .. })));
    for (seconds, expected) in [
        (1, Polled::Waiting),
        (5, Polled::TooFast),
        (14, Polled::TooFast),
        (29, Polled::Waiting),
        (43, Polled::TooFast),
        (63, Polled::Waiting),
    ] {
        let polled = store.poll_device((&code, &app.id), later(seconds)).await.unwrap();
        assert_eq!(polled, expected, "after {seconds} s");
    }
    let other = AppId::new("other").unwrap();
    assert_eq!(store.poll_device((&code, &other), later(90)).await.unwrap(), Polled::Unknown);
    assert_eq!(
        store.poll_device((&DeviceCodeHash::of("no"), &app.id), later(90)).await.unwrap(),
        Polled::Unknown
    );
}

async fn a_device_that_is_let_through_has_an_authorization_code(store: Store) {
    let grant = seed_grant(&store).await;
    let app = store.app(&grant.app).await.unwrap().unwrap();
    ask(&store, &app).await;
    let (code, user_code) = hashes();
    let given = store.allow_device(&user_code, consent(&grant.merchant, 9), later(60)).await.unwrap();
    assert_eq!(given, Some(grant.id.clone()));
    assert_eq!(store.device_request(&user_code, later(60)).await.unwrap(), None);
    let other = AppId::new("other").unwrap();
    assert_eq!(store.poll_device((&code, &other), later(61)).await.unwrap(), Polled::Unknown);
    for _ in 0..2 {
        let polled = store.poll_device((&code, &app.id), later(61)).await.unwrap();
        assert_eq!(polled, Polled::Allowed, "that it asks uses nothing up");
    }
    let attempts: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.redeem_device(&code, later(62)).await.unwrap() })
        })
        .collect();
    let mut given = Vec::new();
    for attempt in attempts {
        given.extend(attempt.await.unwrap());
    }
    assert_eq!(given.len(), 1, "it is given once");
    assert_eq!(store.poll_device((&code, &app.id), later(62)).await.unwrap(), Polled::Unknown);
    assert_eq!(store.code(&CodeHash(code.0)).await.unwrap(), None, "it is no authorization code itself");
    let record = given.remove(0);
    assert_eq!((record.app, record.merchant, record.grant), (app.id, grant.merchant, grant.id));
    assert_eq!(record.scopes, "order:read order:write".parse().unwrap());
    assert_eq!(record.authentication.class, AuthenticationClass::TwoFactors);
    assert_eq!((record.issued_at, record.expires_at), (later(60), later(600)));
    let again = store.redeem_code(&code.authorization(), later(63)).await.unwrap();
    assert!(matches!(again, Redeemed::Again(_)));
}

async fn of_many_answers_one_counts(store: Store) {
    let (app, merchant) = seed(&store).await;
    ask(&store, &app).await;
    let (code, user_code) = hashes();
    assert_eq!(store.redeem_device(&code, later(1)).await.unwrap(), None, "nobody has answered");
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let (store, consent) = (store.clone(), consent(&merchant.id, number));
            tokio::spawn(async move {
                match number % 2 {
                    0 => store.allow_device(&user_code, consent, later(1)).await.unwrap().is_some(),
                    _ => store.deny_device(&user_code, later(1)).await.unwrap(),
                }
            })
        })
        .collect();
    let mut counted = 0;
    for task in tasks {
        counted += usize::from(task.await.unwrap());
    }
    assert_eq!(counted, 1);
    let polled = store.poll_device((&code, &app.id), later(2)).await.unwrap();
    let has_grant = store.active_grant_of((&merchant.id, &app.id)).await.unwrap().is_some();
    assert_eq!(has_grant, polled == Polled::Allowed);
    assert!(has_grant || polled == Polled::Denied);
}

async fn nothing_is_answered_or_given_once_it_is_too_late(store: Store) {
    let (app, merchant) = seed(&store).await;
    ask(&store, &app).await;
    let (code, user_code) = hashes();
    assert_eq!(store.device_request(&user_code, later(600)).await.unwrap(), None);
    assert_eq!(store.allow_device(&user_code, consent(&merchant.id, 1), later(600)).await.unwrap(), None);
    assert!(!store.deny_device(&user_code, later(600)).await.unwrap());
    assert_eq!(store.poll_device((&code, &app.id), later(600)).await.unwrap(), Polled::Expired);
    assert_eq!(store.active_grant_of((&merchant.id, &app.id)).await.unwrap(), None);
    assert_eq!(
        store.forget_ended(later(1200)).await.unwrap(),
        0,
        "a device that asks late learns that it is"
    );
    assert_eq!(store.forget_ended(later(1201)).await.unwrap(), 1);
    assert_eq!(store.poll_device((&code, &app.id), later(1201)).await.unwrap(), Polled::Unknown);
}
