//! What the merchant's own pages show and change: apps with access, sessions.

use tollgate::domain::authentication::{Authentication, AuthenticationClass};
use tollgate::domain::id::{MerchantId, SessionId};
use tollgate::domain::secret_hash::SessionHash;
use tollgate::store::Store;
use tollgate::store::app_access::AppAccess;
use tollgate::store::login_session::LoginSession;
use tollgate::store::refresh_token::NewRefreshToken;

use super::contract;
use super::contract_refresh::{hash, start};
use super::seed::{PASSWORD_HASH, START, later, merchant, password, seed, seed_grant};

contract! {
    apps_with_access_are_those_of_the_merchants_grants_that_are_not_revoked,
    a_merchant_lists_and_ends_its_own_sessions_alone,
}

async fn apps_with_access_are_those_of_the_merchants_grants_that_are_not_revoked(store: Store) {
    let grant = seed_grant(&store).await;
    let mut access = AppAccess {
        grant: grant.id.clone(),
        app: "Order \"helper\"".to_owned(),
        partner: "杭州软件 Ltd".to_owned(),
        scopes: grant.scopes.clone(),
        since: START,
        refreshed_at: None,
    };
    start(&store, &grant, "family_1", later(600)).await;
    start(&store, &grant, "family_2", later(600)).await;
    assert_eq!(store.apps_with_access_to(&grant.merchant).await.unwrap(), [access.clone()]);
    let next = NewRefreshToken { hash: hash("next"), expires_at: later(700) };
    store.rotate_refresh_token(&hash("family_1"), &next, later(30)).await.unwrap();
    access.refreshed_at = Some(later(30));
    assert_eq!(store.apps_with_access_to(&grant.merchant).await.unwrap(), [access]);
    let nobody = MerchantId::new("nobody").unwrap();
    assert_eq!(store.apps_with_access_to(&nobody).await.unwrap(), []);
    store.revoke_grant(&grant.id, later(40)).await.unwrap();
    assert_eq!(store.apps_with_access_to(&grant.merchant).await.unwrap(), []);
}

async fn a_merchant_lists_and_ends_its_own_sessions_alone(store: Store) {
    let (_, shop) = seed(&store).await;
    let other = merchant("merchant_2", "other");
    store.create_merchant(&other, PASSWORD_HASH).await.unwrap();
    let session = |name: &str, merchant: &MerchantId, from| LoginSession {
        id: SessionId::new(name).unwrap(),
        authentication: Authentication { at: START, class: AuthenticationClass::TwoFactors },
        merchant: merchant.clone(),
        csrf_secret: [9; 32],
        created_at: later(from),
        expires_at: later(from + 60),
    };
    let (one, two) = (session("one", &shop.id, 0), session("two", &shop.id, 10));
    let three = session("three", &other.id, 0);
    for session in [&one, &two, &three] {
        let hash = SessionHash::of(session.id.as_str());
        assert!(store.begin_login_session(&hash, session, &password()).await.unwrap());
    }
    assert_eq!(store.login_sessions_of(&shop.id, later(59)).await.unwrap(), [two.clone(), one.clone()]);
    assert_eq!(store.login_sessions_of(&shop.id, later(60)).await.unwrap(), [two]);
    assert!(!store.end_login_session(&shop.id, &three.id).await.unwrap());
    assert!(store.end_login_session(&shop.id, &one.id).await.unwrap());
    assert!(!store.end_login_session(&shop.id, &one.id).await.unwrap());
    assert_eq!(store.login_session(&SessionHash::of("one"), START).await.unwrap(), None);
    assert_eq!(store.login_sessions_of(&other.id, START).await.unwrap(), [three]);
}
