//! A partner with one app and a merchant, for tests that need someone to be there.

use std::time::{Duration, Instant};

use tollgate::domain::client::{ClientSettings, SecretRecord};
use tollgate::domain::id::{AppId, GrantId, MerchantId, PartnerId, SecretId};
use tollgate::domain::identity::{
    App, ClientKind, DefaultScopes, Environment, Grant, Merchant, Partner, SecretHash, Standing,
};
use tollgate::domain::time::Timestamp;
use tollgate::store::Store;
use tollgate::store::first_factor::FirstFactor;
use tollgate::store::identity_change::ChangePosition;

pub(super) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
pub(super) const PASSWORD_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA";

/// A login by that password.
pub(super) fn password() -> FirstFactor {
    FirstFactor::Password(PASSWORD_HASH.to_owned())
}

/// That long after [`START`].
pub(super) fn later(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

pub(super) fn partner(id: &str) -> Partner {
    Partner {
        id: PartnerId::new(id).unwrap(),
        name: "杭州软件 Ltd".to_owned(),
        standing: Standing::Active,
        created_at: START,
    }
}

pub(super) fn app(id: &str, partner: &str) -> App {
    App {
        id: AppId::new(id).unwrap(),
        partner: PartnerId::new(partner).unwrap(),
        name: "Order \"helper\"".to_owned(),
        environment: Environment::Sandbox,
        kind: ClientKind::Confidential,
        redirect_uris: vec![
            "http://127.0.0.1:9999/callback".to_owned(),
            "https://a.example/?q=\"x\"".to_owned(),
        ],
        scopes: "order:read order:write".parse().unwrap(),
        default_scopes: DefaultScopes::Named("order:read".parse().unwrap()),
        requires_pkce: true,
        standing: Standing::Active,
        created_at: START,
    }
}

pub(super) fn secret(id: &str, app: &App, created_at: Timestamp) -> SecretRecord {
    SecretRecord {
        id: SecretId::new(id).unwrap(),
        app: app.id.clone(),
        created_at,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

pub(super) fn merchant(id: &str, username: &str) -> Merchant {
    Merchant {
        id: MerchantId::new(id).unwrap(),
        username: username.to_owned(),
        name: "小店".to_owned(),
        standing: Standing::Active,
        created_at: START,
    }
}

/// Puts `partner_1` with `app_1`, and `merchant_1`, into the store.
pub(super) async fn seed(store: &Store) -> (App, Merchant) {
    let (app, merchant) = (app("app_1", "partner_1"), merchant("merchant_1", "shop"));
    store.create_partner(&partner("partner_1")).await.unwrap();
    let first = (&secret("first", &app, START), &SecretHash::of("secret"));
    store.create_app(&app, &ClientSettings::of_kind(app.kind), Some(first)).await.unwrap();
    store.create_merchant(&merchant, PASSWORD_HASH).await.unwrap();
    (app, merchant)
}

/// The same, with a grant of the merchant to the app.
pub(super) async fn seed_grant(store: &Store) -> Grant {
    let (app, merchant) = seed(store).await;
    let id = GrantId::new("grant_1").unwrap();
    store.grant_consent((&merchant.id, &app.id), &app.scopes, &id, START).await.unwrap()
}

/// From where on nothing is told but what changes from now on. While transactions of others are open, in any database of the server,
/// what was told last is told again. They are short.
pub(super) async fn from_now_on(store: &Store) -> ChangePosition {
    let patience = Instant::now() + Duration::from_secs(60);
    let mut position = store.identity_changes(None).await.unwrap().next;
    loop {
        let changes = store.identity_changes(Some(position)).await.unwrap();
        if changes.subjects == Some(Vec::new()) {
            return changes.next;
        }
        assert!(Instant::now() < patience, "what was told is told again and again");
        tokio::time::sleep(Duration::from_millis(10)).await;
        position = changes.next;
    }
}
