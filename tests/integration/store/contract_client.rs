//! Apps as OAuth2 clients: their settings, secrets and assertions.

use std::sync::Arc;
use tollgate::domain::client::{AuthMethod, ClientSettings, GrantType};
use tollgate::domain::client_certificate::CertificateName;
use tollgate::domain::id::{AppId, SecretId};
use tollgate::domain::identity::{App, ClientKind, SecretHash, Standing};
use tollgate::domain::last_use::Used;
use tollgate::domain::time::Timestamp;
use tollgate::domain::token_rules::{Binding, TokenRules};
use tollgate::store::app_secret::{AddedSecret, MAX_ALIVE, Others};
use tollgate::store::{Store, StoreError};

use super::contract;
use super::seed::{START, app, from_now_on, later, secret, seed};

contract! {
    a_client_comes_back_as_it_was_registered_and_changed,
    an_app_without_settings_has_those_of_its_kind,
    several_secrets_of_an_app_are_alive_until_they_end_or_are_revoked,
    no_more_secrets_than_ten_are_alive_at_a_time,
    an_assertion_is_used_once_by_whoever_comes_first,
    a_change_of_settings_or_secrets_is_told_to_every_node,
    the_last_use_of_a_secret_is_known_to_the_hour_and_is_no_change_of_its_app,
}

async fn token_rules(store: &Store, app: &AppId) -> TokenRules {
    store.calling_app(app).await.unwrap().unwrap().token_rules
}

async fn a_client_comes_back_as_it_was_registered_and_changed(store: Store) {
    let (app, _) = seed(&store).await;
    let settings = ClientSettings {
        auth_methods: vec![AuthMethod::PrivateKeyJwt, AuthMethod::Tls],
        grant_types: vec![GrantType::ClientCredentials, GrantType::DeviceCode],
        jwks: Some("{\"keys\":[]}".to_owned()),
        tls_name: Some(CertificateName::of_setting("tls_client_auth_subject_dn", "CN=a,O=b").unwrap()),
        dpop_bound_tokens: true,
        certificate_bound_tokens: true,
        requires_par: true,
    };
    store.update_app(&app, &settings).await.unwrap();
    let client = store.client(&app.id).await.unwrap().unwrap();
    assert_eq!((&client.app, &client.settings, client.tokens_valid_from), (&app, &settings, None));
    let rules = TokenRules { valid_from: None, binding: Some(Binding::Certificate) };
    assert_eq!(token_rules(&store, &app.id).await, rules);
    assert_eq!(client.partner, store.partner(&app.partner).await.unwrap().unwrap());
    assert!(client.is_active());
    store.end_app_tokens(&app.id, later(1)).await.unwrap();
    store.set_partner_standing(&app.partner, Standing::Suspended).await.unwrap();
    let client = store.client(&app.id).await.unwrap().unwrap();
    assert!(!client.is_active() && client.tokens_valid_from == Some(later(1)));
    let by_key = ClientSettings { certificate_bound_tokens: false, ..settings };
    store.update_app(&app, &by_key).await.unwrap();
    let rules = TokenRules { valid_from: Some(later(1)), binding: Some(Binding::Key) };
    assert_eq!(token_rules(&store, &app.id).await, rules);
    let plain = ClientSettings::of_kind(app.kind);
    store.update_app(&app, &plain).await.unwrap();
    assert_eq!(store.client(&app.id).await.unwrap().unwrap().settings, plain);
    assert_eq!(token_rules(&store, &app.id).await.binding, None);
    assert_eq!(store.client(&AppId::new("nobody").unwrap()).await.unwrap(), None);
}

async fn an_app_without_settings_has_those_of_its_kind(store: Store) {
    seed(&store).await;
    let public = App { kind: ClientKind::Public, ..app("app_2", "partner_1") };
    let settings = ClientSettings::of_kind(ClientKind::Public);
    store.create_app(&public, &settings, None).await.unwrap();
    assert_eq!(store.client(&public.id).await.unwrap().unwrap().settings, settings);
}

async fn several_secrets_of_an_app_are_alive_until_they_end_or_are_revoked(store: Store) {
    let (app, _) = seed(&store).await;
    let hashes = ["secret", "second", "third"].map(SecretHash::of);
    let alive = async |at| {
        let mut alive = Vec::new();
        for hash in &hashes {
            alive.push(store.proving_secret(&app.id, hash, at).await.unwrap().is_some());
        }
        alive
    };
    let second = secret("second", &app, later(1));
    let added = store.add_app_secret((&second, &hashes[1]), Others::EndAt(later(10))).await.unwrap();
    assert_eq!(added, AddedSecret::Added(1));
    assert_eq!(alive(later(9)).await, [true, true, false]);
    assert_eq!(alive(later(10)).await, [false, true, false]);
    let third = secret("third", &app, later(2));
    let added = store.add_app_secret((&third, &hashes[2]), Others::EndAt(later(20))).await.unwrap();
    assert_eq!(added, AddedSecret::Added(1), "the first ends when it did");
    assert_eq!(alive(later(15)).await, [false, true, true]);
    revoke_app_secret(&store, &app.id, &third.id, later(3)).await.unwrap();
    revoke_app_secret(&store, &app.id, &third.id, later(4)).await.unwrap();
    assert_eq!(alive(later(5)).await, [true, true, false]);
    let secrets = store.secrets_of(&app.id).await.unwrap();
    assert_eq!(
        secrets.iter().map(|secret| secret.id.as_str()).collect::<Vec<_>>(),
        ["third", "second", "first"]
    );
    assert_eq!((secrets[0].revoked_at, secrets[2].expires_at), (Some(later(3)), Some(later(10))));
    let unknown = SecretId::new("other").unwrap();
    let missing = revoke_app_secret(&store, &app.id, &unknown, START).await;
    assert!(matches!(missing, Err(StoreError::Missing { what: "client secret" })), "{missing:?}");
    let again = secret("again", &app, later(4));
    let taken = store.add_app_secret((&again, &hashes[0]), Others::Revoked).await;
    assert!(matches!(&taken, Err(StoreError::Conflict { what }) if what == "app_secret.app"), "{taken:?}");
    assert_eq!(alive(later(5)).await, [true, true, false], "nothing was revoked for nothing");
}

async fn no_more_secrets_than_ten_are_alive_at_a_time(store: Store) {
    let (app, _) = seed(&store).await;
    let add = async |number: u64, others| {
        let (record, hash) =
            (secret(&format!("s{number}"), &app, later(number)), SecretHash::of(&number.to_string()));
        store.add_app_secret((&record, &hash), others).await.unwrap()
    };
    for number in 1..u64::try_from(MAX_ALIVE).unwrap() {
        assert_eq!(add(number, Others::Stay).await, AddedSecret::Added(0));
    }
    assert_eq!(add(20, Others::Stay).await, AddedSecret::TooMany);
    assert_eq!(add(21, Others::EndAt(later(40))).await, AddedSecret::TooMany);
    let proving = store.proving_secret(&app.id, &SecretHash::of("secret"), later(50)).await.unwrap();
    assert!(proving.is_some());
    assert_eq!(add(22, Others::Revoked).await, AddedSecret::Added(10));
    assert_eq!(add(23, Others::Stay).await, AddedSecret::Added(0));
}

async fn the_last_use_of_a_secret_is_known_to_the_hour_and_is_no_change_of_its_app(store: Store) {
    let (app, _) = seed(&store).await;
    let second = secret("second", &app, later(1));
    store.add_app_secret((&second, &SecretHash::of("second")), Others::Stay).await.unwrap();
    let from = from_now_on(&store).await;
    let uses = async || {
        let secrets = store.secrets_of(&app.id).await.unwrap();
        secrets.iter().map(|secret| secret.last_used_at).collect::<Vec<_>>()
    };
    assert_eq!(uses().await, [None, None]);
    let [first, second] = ["first", "second"].map(|id| Used::Secret(SecretId::new(id).unwrap()));
    for (at, known) in [(100, 0), (3_599, 0), (3_600, 3_600), (50, 3_600), (9_999, 7_200)] {
        store.note_last_uses(&[(first.clone(), later(at))]).await.unwrap();
        assert_eq!(uses().await, [None, Some(later(known))], "{at}");
    }
    store.note_last_uses(&[(second, later(20)), (first, later(20_000))]).await.unwrap();
    assert_eq!(uses().await, [Some(later(0)), Some(later(18_000))]);
    let proving = store.proving_secret(&app.id, &SecretHash::of("second"), later(30)).await.unwrap();
    assert_eq!(proving.unwrap().last_used_at, Some(later(0)));
    // What is no more is in nobody's way, nor are more than are written down at once.
    let gone = |number: u32| Used::Secret(SecretId::new(&format!("a_gone_{number:04}")).unwrap());
    let mut many: Vec<_> = (0..600).map(|number| (gone(number), later(30_000))).collect();
    many.push((Used::Secret(SecretId::new("second").unwrap()), later(30_000)));
    store.note_last_uses(&many).await.unwrap();
    assert_eq!(uses().await[0], Some(later(28_800)));
    let changes = store.identity_changes(Some(from)).await.unwrap();
    assert_eq!(changes.subjects, Some(Vec::new()), "a use is told to all nodes as if the app had changed");
}

async fn an_assertion_is_used_once_by_whoever_comes_first(store: Store) {
    let (app, _) = seed(&store).await;
    let store = Arc::new(store);
    let uses = (0..8).map(|_| {
        let (store, app) = (store.clone(), app.id.clone());
        tokio::spawn(async move { store.use_assertion(&app, "jti", later(60)).await.unwrap() })
    });
    let mut first = 0;
    for used in uses.collect::<Vec<_>>() {
        first += usize::from(used.await.unwrap());
    }
    assert_eq!(first, 1);
    assert!(store.use_assertion(&app.id, "another", later(60)).await.unwrap());
    store.forget_ended(later(60)).await.unwrap();
    assert!(!store.use_assertion(&app.id, "jti", later(60)).await.unwrap());
    assert_eq!(store.forget_ended(later(61)).await.unwrap(), 2);
}

async fn a_change_of_settings_or_secrets_is_told_to_every_node(store: Store) {
    let (app, _) = seed(&store).await;
    let mut position = from_now_on(&store).await;
    let mut told = async || {
        let changes = store.identity_changes(Some(position)).await.unwrap();
        position = changes.next;
        changes.subjects.unwrap().contains(&app.id.to_string())
    };
    store.update_app(&app, &ClientSettings::of_kind(app.kind)).await.unwrap();
    assert!(told().await);
    revoke_app_secret(&store, &app.id, &SecretId::new("first").unwrap(), later(1)).await.unwrap();
    assert!(told().await);
}

async fn revoke_app_secret(
    store: &Store,
    app: &AppId,
    id: &SecretId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut transaction = store.begin().await?;
    transaction.revoke_app_secret(app, id, at).await?;
    transaction.commit().await
}
