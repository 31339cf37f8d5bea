//! What the merchant's own pages show and change: apps with access, sessions.

use tollgate::domain::authentication::{Authentication, AuthenticationClass, LoginMethod};
use tollgate::domain::id::{MerchantId, SessionId};
use tollgate::domain::last_use::Used;
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
    all_sessions_of_a_merchant_end_at_once,
    a_merchant_has_so_many_sessions_and_the_oldest_make_room,
    a_session_is_seen_again_once_in_a_while,
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

fn session(name: &str, merchant: &MerchantId, from: u64) -> LoginSession {
    LoginSession {
        id: SessionId::new(name).unwrap(),
        authentication: Authentication { at: START, class: AuthenticationClass::TwoFactors },
        merchant: merchant.clone(),
        csrf_secret: [9; 32],
        method: Some(LoginMethod::Provider),
        address: Some("2001:db8::1".parse().unwrap()),
        created_at: later(from),
        seen_at: None,
        expires_at: later(from + 60),
    }
}

async fn begin(store: &Store, session: &LoginSession) {
    let hash = SessionHash::of(session.id.as_str());
    assert!(store.begin_login_session(&hash, session, &password()).await.unwrap());
}

async fn a_merchant_lists_and_ends_its_own_sessions_alone(store: Store) {
    let (_, shop) = seed(&store).await;
    let other = merchant("merchant_2", "other");
    store.create_merchant(&other, PASSWORD_HASH).await.unwrap();
    let (one, two) = (session("one", &shop.id, 0), session("two", &shop.id, 10));
    let three = session("three", &other.id, 0);
    for session in [&one, &two, &three] {
        begin(&store, session).await;
    }
    assert_eq!(store.login_sessions_of(&shop.id, later(59)).await.unwrap(), [two.clone(), one.clone()]);
    assert_eq!(store.login_sessions_of(&shop.id, later(60)).await.unwrap(), [two]);
    let end = async |merchant: &MerchantId, id: &SessionId| {
        let mut transaction = store.begin().await.unwrap();
        let ended = transaction.end_login_session(merchant, id).await.unwrap();
        transaction.commit().await.unwrap();
        ended
    };
    assert_eq!(end(&shop.id, &three.id).await, None);
    assert_eq!(end(&shop.id, &one.id).await, Some(one.clone()));
    assert_eq!(end(&shop.id, &one.id).await, None);
    assert_eq!(store.login_session(&SessionHash::of("one"), START).await.unwrap(), None);
    assert_eq!(store.login_sessions_of(&other.id, START).await.unwrap(), [three]);
}

async fn all_sessions_of_a_merchant_end_at_once(store: Store) {
    let (_, shop) = seed(&store).await;
    let other = merchant("merchant_2", "other");
    store.create_merchant(&other, PASSWORD_HASH).await.unwrap();
    let sessions = [
        session("old", &shop.id, 0),
        session("young", &shop.id, 70),
        session("younger", &shop.id, 80),
        session("strange", &other.id, 80),
    ];
    for session in &sessions {
        begin(&store, session).await;
    }
    let [_, young, younger, strange] = sessions;
    let mut transaction = store.begin().await.unwrap();
    let ended = transaction.end_login_sessions(&shop.id, later(90)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(ended, [younger, young], "the youngest first, and none that had expired");
    assert_eq!(store.login_sessions_of(&shop.id, START).await.unwrap(), []);
    assert_eq!(store.login_sessions_of(&other.id, START).await.unwrap(), [strange]);
}

async fn a_merchant_has_so_many_sessions_and_the_oldest_make_room(store: Store) {
    let (_, shop) = seed(&store).await;
    for number in 0..103 {
        begin(&store, &session(&format!("ses_{number}"), &shop.id, number)).await;
    }
    let left = store.login_sessions_of(&shop.id, START).await.unwrap();
    let ids = left.iter().map(|session| session.id.to_string());
    assert_eq!(
        ids.collect::<Vec<_>>(),
        (3..103).rev().map(|number| format!("ses_{number}")).collect::<Vec<_>>()
    );
}

async fn a_session_is_seen_again_once_in_a_while(store: Store) {
    let (_, shop) = seed(&store).await;
    let began = LoginSession { expires_at: later(9_000), ..session("one", &shop.id, 0) };
    begin(&store, &began).await;
    let see = async |at| {
        store.note_last_uses(&[(Used::Session(began.id.clone()), at)]).await.unwrap();
        store.login_session(&SessionHash::of("one"), at).await.unwrap().unwrap().seen_at
    };
    for (at, seen) in [(10, 10), (309, 10), (310, 310), (20, 310), (900, 900)] {
        assert_eq!(see(later(at)).await, Some(later(seen)), "{at}");
    }
    let gone = Used::Session(SessionId::new("gone").unwrap());
    store.note_last_uses(&[(gone, later(10))]).await.unwrap();
}
