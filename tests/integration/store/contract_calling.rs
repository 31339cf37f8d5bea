//! What calls rest on: apps, credentials with their apps, and grants, each by one statement.

use tollgate::domain::api_key::KeyHash;
use tollgate::domain::app_certificate::{AppCertificate, KnownBy, RegisteredAs, ShownNames};
use tollgate::domain::balance::{Balance, BalanceKind, Owner, PaidFrom};
use tollgate::domain::calling::CallingApp;
use tollgate::domain::client::ClientSettings;
use tollgate::domain::id::{
    AppId, BalanceId, FamilyId, GrantId, MerchantId, PlanName, ProductName, SubscriptionId,
};
use tollgate::domain::identity::{App, Standing, Subscription};
use tollgate::domain::narrowing::Narrowing;
use tollgate::domain::principal::{AppFacts, Subscribed};
use tollgate::domain::refusal::Subject;
use tollgate::domain::signature_key::SignatureKeyMaterial;
use tollgate::domain::time::Timestamp;
use tollgate::domain::token_rules::{Binding, TokenRules};
use tollgate::store::Store;
use tollgate::store::balance::Change;

use super::contract_refresh::start;
use super::seed::{START, app, later, merchant, seed, seed_grant};
use super::{contract, contract_key, contract_signature_key};

contract! {
    an_app_comes_with_all_that_its_calls_rest_on,
    an_app_that_has_nothing_or_may_not_call_comes_all_the_same,
    a_credential_comes_with_its_app,
    a_grant_comes_with_its_merchants_standing_and_its_caps,
    a_family_is_revoked_only_once_it_was,
}

fn subscription(number: u8, app: &AppId, until: Option<Timestamp>) -> Subscription {
    Subscription {
        id: SubscriptionId::new(&format!("sub_{number}")).unwrap(),
        app: app.clone(),
        product: ProductName::new(&format!("product-{number}")).unwrap(),
        plan: PlanName::new("plan").unwrap(),
        version: (number == 1).then_some(2),
        from: later(number.into()),
        until,
    }
}

async fn balance(store: &Store, id: &str, owner: Owner, currency: &str) -> PaidFrom {
    let balance = Balance {
        id: BalanceId::new(id).unwrap(),
        kind: BalanceKind::Budget(500),
        currency: currency.parse().unwrap(),
        created_at: START,
        ended_at: None,
        counts_shares: false,
        used_up_until: None,
        owner,
    };
    store.create_balance(&balance).await.unwrap();
    let Balance { id, owner, kind, currency, used_up_until, .. } = balance;
    let merchant = match owner {
        Owner::App(_) | Owner::Partner(_) => None,
        Owner::Merchant { merchant, .. } => Some(merchant),
    };
    PaidFrom { balance: id, kind, currency, merchant, used_up_until }
}

async fn end(store: &Store, id: &BalanceId) {
    let mut transaction = store.begin().await.unwrap();
    let balance = transaction.lock_balance(id).await.unwrap().unwrap();
    transaction.change_balance(&balance, Change::End, ("left", START)).await.unwrap();
    transaction.commit().await.unwrap();
}

/// An app without subscriptions, balances and rules.
fn bare(app: &App) -> CallingApp {
    let facts = AppFacts {
        id: app.id.clone(),
        partner: app.partner.clone(),
        environment: app.environment,
        scopes: app.scopes.clone(),
        subscriptions: Vec::new(),
        balances: Vec::new(),
    };
    CallingApp::new(facts, Standing::Active, Standing::Active)
}

/// An app with as much as one may have, and what is to come of it.
async fn rich(store: &Store) -> CallingApp {
    let (app, merchant) = seed(store).await;
    let other = super::seed::app("app_2", "partner_1");
    store.create_app(&other, &ClientSettings::of_kind(other.kind), None).await.unwrap();
    let ended = subscription(3, &app.id, Some(later(5)));
    let (older, newer) = (subscription(1, &app.id, None), subscription(2, &app.id, None));
    for subscription in [&ended, &older, &newer, &subscription(4, &other.id, None)] {
        store.subscribe(subscription).await.unwrap();
    }
    let own = |app: &AppId| Owner::App(app.clone());
    let gone = balance(store, "bal_0", own(&app.id), "CNY").await;
    end(store, &gone.balance).await;
    let of_partner = balance(store, "bal_1", Owner::Partner(app.partner.clone()), "USD").await;
    let of_app = balance(store, "bal_2", own(&app.id), "CNY").await;
    balance(store, "bal_3", own(&other.id), "CNY").await;
    balance(store, "cap_1", Owner::Merchant { merchant: merchant.id, app: app.id.clone() }, "CNY").await;
    let settings = ClientSettings { dpop_bound_tokens: true, ..ClientSettings::of_kind(app.kind) };
    store.update_app(&app, &settings).await.unwrap();
    store.end_app_tokens(&app.id, later(7)).await.unwrap();
    let mut calling = bare(&app);
    calling.facts.subscriptions = [newer, older, ended].map(Subscribed::from).into();
    calling.facts.balances = vec![of_app, of_partner];
    calling.token_rules = TokenRules { valid_from: Some(later(7)), binding: Some(Binding::Key) };
    calling
}

async fn an_app_comes_with_all_that_its_calls_rest_on(store: Store) {
    let expected = rich(&store).await;
    assert_eq!(store.calling_app(&expected.facts.id).await.unwrap(), Some(expected));
}

async fn an_app_that_has_nothing_or_may_not_call_comes_all_the_same(store: Store) {
    let (app, _) = seed(&store).await;
    let mut expected = bare(&app);
    assert_eq!(store.calling_app(&app.id).await.unwrap().as_ref(), Some(&expected));
    store.set_app_standing(&app.id, Standing::Suspended).await.unwrap();
    expected.suspended = Some(Subject::App);
    assert_eq!(store.calling_app(&app.id).await.unwrap().as_ref(), Some(&expected));
    store.set_partner_standing(&app.partner, Standing::Suspended).await.unwrap();
    expected.suspended = Some(Subject::Partner);
    assert_eq!(store.calling_app(&app.id).await.unwrap().as_ref(), Some(&expected));
    assert_eq!(store.calling_app(&AppId::new("nobody").unwrap()).await.unwrap(), None);
}

async fn a_credential_comes_with_its_app(store: Store) {
    let expected = rich(&store).await;
    let app = &expected.facts.id;
    let narrow = Narrowing { products: "supply".parse().ok(), addresses: None };
    for (number, narrowing) in [(1, Narrowing::default()), (2, narrow)] {
        let (key, hash) = contract_key::key(number, app, narrowing);
        store.create_key(&key, &hash).await.unwrap();
        assert_eq!(store.key_with_app(&hash).await.unwrap(), Some((key.clone(), expected.clone())));
        store.revoke_credential(&key.id, later(9)).await.unwrap();
        let (revoked, _) = store.key_with_app(&hash).await.unwrap().unwrap();
        assert_eq!(revoked, key.revoked(later(9)), "a key that was revoked is told of as such");
    }
    assert_eq!(store.key_with_app(&KeyHash([9; 32])).await.unwrap(), None);
    for (id, material) in [
        ("sgk_1", SignatureKeyMaterial::Sealed(vec![0, 1, 255])),
        ("sgk_2", SignatureKeyMaterial::Public("{}".to_owned())),
    ] {
        let key = contract_signature_key::key(id, app, material);
        store.create_signature_key(&key).await.unwrap();
        let found = store.signature_key_with_app(&key.record.id).await.unwrap();
        assert_eq!(found, Some((key, expected.clone())));
    }
    assert_eq!(store.signature_key_with_app(&"sgk_x".parse().unwrap()).await.unwrap(), None);
    let known_by = KnownBy::of("subject", "CN=a").unwrap();
    let own = RegisteredAs { known_by: known_by.clone(), label: Some("ERP".to_owned()) };
    let certificate = AppCertificate::new("crt_1".parse().unwrap(), app.clone(), own, START);
    store.create_client_certificate(&certificate).await.unwrap();
    let found = store.client_certificate_known_by(&ShownNames::new([known_by])).await.unwrap();
    assert_eq!(found, Some((certificate, expected)));
}

async fn a_grant_comes_with_its_merchants_standing_and_its_caps(store: Store) {
    let grant = seed_grant(&store).await;
    let (other, second) = (app("app_2", "partner_1"), merchant("merchant_2", "second"));
    store.create_app(&other, &ClientSettings::of_kind(other.kind), None).await.unwrap();
    store.create_merchant(&second, super::seed::PASSWORD_HASH).await.unwrap();
    let found = async || {
        let by_id = store.calling_grant(&grant.id).await.unwrap();
        let by_whom = store.calling_grant_of((&grant.merchant, &grant.app)).await.unwrap();
        (by_id.clone().unwrap(), by_whom == by_id)
    };
    let (bare, is_found_by_both) = found().await;
    assert!(is_found_by_both);
    assert_eq!((&bare.grant, bare.merchant, bare.caps.len()), (&grant, Standing::Active, 0));
    let cap = |of: &MerchantId, app: &AppId| Owner::Merchant { merchant: of.clone(), app: app.clone() };
    let mut caps = Vec::new();
    for (id, currency) in [("cap_1", "CNY"), ("cap_2", "USD")] {
        caps.push(balance(&store, id, cap(&grant.merchant, &grant.app), currency).await);
    }
    balance(&store, "cap_3", cap(&grant.merchant, &other.id), "CNY").await;
    balance(&store, "cap_4", cap(&second.id, &grant.app), "CNY").await;
    balance(&store, "bal_1", Owner::App(grant.app.clone()), "CNY").await;
    assert_eq!(found().await.0.caps, caps);
    end(&store, &caps[0].balance).await;
    store.set_merchant_standing(&grant.merchant, Standing::Suspended).await.unwrap();
    let (suspended, _) = found().await;
    assert_eq!((suspended.merchant, &suspended.caps[..]), (Standing::Suspended, &caps[1..]));
    store.revoke_grant(&grant.id, later(9)).await.unwrap();
    let (revoked, is_found_by_both) = found().await;
    assert!(revoked.grant.revoked_at == Some(later(9)) && !is_found_by_both, "one that holds no more");
    assert_eq!(store.calling_grant(&GrantId::new("nobody").unwrap()).await.unwrap(), None);
}

async fn a_family_is_revoked_only_once_it_was(store: Store) {
    let grant = seed_grant(&store).await;
    let family = start(&store, &grant, "family_1", later(60)).await;
    assert!(!store.is_family_revoked(&family.id).await.unwrap());
    assert!(!store.is_family_revoked(&FamilyId::new("nobody").unwrap()).await.unwrap());
    store.revoke_refresh_family(&family.id, later(1)).await.unwrap();
    assert!(store.is_family_revoked(&family.id).await.unwrap());
}
