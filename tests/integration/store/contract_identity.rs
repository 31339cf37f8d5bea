//! Partners, apps, subscriptions, keys, merchants and grants.

use tollgate::domain::api_key::KeyHash;
use tollgate::domain::client::{ClientSettings, SecretRecord};
use tollgate::domain::id::{AppId, GrantId, KeyId, PartnerId, PlanName, ProductName, SubscriptionId};
use tollgate::domain::identity::{DefaultScopes, KeyRecord, SecretHash, Standing, Subscription};
use tollgate::domain::scope::ScopeSet;
use tollgate::domain::time::Timestamp;
use tollgate::domain::token_rules::TokenRules;
use tollgate::store::app_secret::Others;
use tollgate::store::subscription::SubscriptionFilter;
use tollgate::store::{Page, Store, StoreError};

use super::contract;
use super::seed::{PASSWORD_HASH, START, app, later, merchant, partner, secret, seed};

contract! {
    a_partner_comes_back_as_it_went_in,
    pages_follow_one_another_in_the_order_of_ids,
    an_app_comes_back_as_it_went_in,
    an_app_needs_its_partner,
    an_apps_tokens_are_ended_for_good,
    an_app_has_one_active_subscription_for_each_product,
    a_subscription_stands_at_a_version_of_its_plan_until_it_is_moved,
    of_many_who_subscribe_at_once_one_succeeds,
    a_key_is_found_by_its_hash_and_revoked_once,
    a_merchant_logs_in_by_its_username,
    a_taken_name_is_named_alike_by_both_stores,
    consent_widens_the_active_grant,
    of_many_consents_at_once_one_grant_comes,
    what_is_not_there_is_missing,
}

fn scopes(text: &str) -> ScopeSet {
    text.parse().unwrap()
}

#[track_caller]
fn assert_conflict(result: Result<(), StoreError>, expected: &str) {
    match result {
        Err(StoreError::Conflict { what }) => assert_eq!(what, expected),
        other => panic!("expected that {expected} is taken; got {other:?}"),
    }
}

#[track_caller]
fn assert_missing(result: Result<(), StoreError>, expected: &str) {
    match result {
        Err(StoreError::Missing { what }) => assert_eq!(what, expected),
        other => panic!("expected that there is no such {expected}; got {other:?}"),
    }
}

async fn a_partner_comes_back_as_it_went_in(store: Store) {
    let partner = partner("partner_1");
    store.create_partner(&partner).await.unwrap();
    assert_eq!(store.partner(&partner.id).await.unwrap(), Some(partner.clone()));
    assert_eq!(store.partner(&PartnerId::new("partner_2").unwrap()).await.unwrap(), None);
    store.set_partner_standing(&partner.id, Standing::Suspended).await.unwrap();
    assert_eq!(store.partner(&partner.id).await.unwrap().unwrap().standing, Standing::Suspended);
}

async fn pages_follow_one_another_in_the_order_of_ids(store: Store) {
    for id in ["b", "a", "C", "_", "a_1"] {
        store.create_partner(&partner(id)).await.unwrap();
    }
    let mut ids = Vec::new();
    let mut page = Page::first().with_size(2);
    loop {
        let partners = store.partners(&page).await.unwrap();
        assert!(partners.len() <= 2);
        let Some(last) = partners.last() else { break };
        page = Page::after(last.id.as_str()).with_size(2);
        ids.extend(partners.iter().map(|partner| partner.id.to_string()));
    }
    assert_eq!(ids, ["C", "_", "a", "a_1", "b"]);
}

async fn an_app_comes_back_as_it_went_in(store: Store) {
    let (mut app, _) = seed(&store).await;
    assert_eq!(store.app(&app.id).await.unwrap(), Some(app.clone()));
    app.name = "Renamed".to_owned();
    app.redirect_uris.pop();
    app.scopes = scopes("catalog:read");
    app.default_scopes = DefaultScopes::Named(ScopeSet::none());
    app.requires_pkce = false;
    store.update_app(&app, &ClientSettings::of_kind(app.kind)).await.unwrap();
    store.set_app_standing(&app.id, Standing::Suspended).await.unwrap();
    app.standing = Standing::Suspended;
    for default in [DefaultScopes::Named(app.scopes.clone()), DefaultScopes::All] {
        app.default_scopes = default;
        store.update_app(&app, &ClientSettings::of_kind(app.kind)).await.unwrap();
        assert_eq!(store.client(&app.id).await.unwrap().unwrap().app, app);
    }
    let client = store.client(&app.id).await.unwrap().unwrap();
    assert_eq!(client.app, app);
    let page = Page::first();
    for partner in [None, Some(&app.partner)] {
        assert_eq!(store.clients(partner, &page).await.unwrap(), std::slice::from_ref(&client));
    }
    assert!(store.clients(None, &Page::after(app.id.as_str())).await.unwrap().is_empty());
    assert!(store.clients(Some(&PartnerId::new("other").unwrap()), &page).await.unwrap().is_empty());
}

async fn an_app_needs_its_partner(store: Store) {
    let orphan = app("app_1", "nobody");
    let settings = ClientSettings::of_kind(orphan.kind);
    assert_missing(store.create_app(&orphan, &settings, None).await, "partner");
    assert_eq!(store.app(&orphan.id).await.unwrap(), None);
}

fn subscription(id: &str, from: Timestamp, until: Option<Timestamp>) -> Subscription {
    Subscription {
        id: SubscriptionId::new(id).unwrap(),
        app: AppId::new("app_1").unwrap(),
        product: ProductName::new("orders").unwrap(),
        plan: PlanName::new("standard").unwrap(),
        version: Some(2),
        from,
        until,
    }
}

async fn an_apps_tokens_are_ended_for_good(store: Store) {
    let (app, _) = seed(&store).await;
    let rules = async || store.calling_app(&app.id).await.unwrap().unwrap().token_rules;
    assert_eq!(rules().await, TokenRules::default());
    for (end, expected) in [(5, 5), (9, 9), (7, 9)] {
        store.end_app_tokens(&app.id, later(end)).await.unwrap();
        assert_eq!(rules().await.valid_from, Some(later(expected)));
    }
    let nobody = AppId::new("nobody").unwrap();
    assert_eq!(store.calling_app(&nobody).await.unwrap(), None);
    assert_missing(store.end_app_tokens(&nobody, START).await, "app");
}

async fn a_subscription_stands_at_a_version_of_its_plan_until_it_is_moved(store: Store) {
    seed(&store).await;
    let first = subscription("sub_1", START, None);
    store.subscribe(&first).await.unwrap();
    let product = ProductName::new("catalog").unwrap();
    let follows = Subscription { product, version: None, ..subscription("sub_2", START, None) };
    store.subscribe(&follows).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    transaction.move_subscription(&first.id, 3, START).await.unwrap();
    let nobody = SubscriptionId::new("nobody").unwrap();
    assert_missing(transaction.move_subscription(&nobody, 3, START).await, "subscription");
    transaction.commit().await.unwrap();
    let moved = Subscription { version: Some(3), ..first };
    assert_eq!(store.subscription(&moved.id).await.unwrap(), Some(moved.clone()));
    assert_eq!(store.subscription(&follows.id).await.unwrap(), Some(follows.clone()));
    let at = |version| SubscriptionFilter { version: Some(version), ..SubscriptionFilter::default() };
    assert_eq!(store.subscriptions(&at(3), &Page::first()).await.unwrap(), [moved]);
    assert_eq!(store.subscriptions(&at(2), &Page::first()).await.unwrap(), []);
    let versions: Vec<_> =
        store.subscribed(START).await.unwrap().into_iter().map(|used| used.version).collect();
    assert_eq!(versions, [None, Some(3)]);
}

async fn an_app_has_one_active_subscription_for_each_product(store: Store) {
    let (app, _) = seed(&store).await;
    let first = subscription("sub_1", START, None);
    store.subscribe(&first).await.unwrap();
    let taken = "subscription.product";
    assert_conflict(store.subscribe(&subscription("sub_2", later(9), None)).await, taken);
    let other =
        Subscription { product: ProductName::new("catalog").unwrap(), ..subscription("sub_3", START, None) };
    store.subscribe(&other).await.unwrap();

    store.end_subscription(&first.id, later(10)).await.unwrap();
    store.end_subscription(&first.id, later(20)).await.unwrap();
    assert_conflict(store.subscribe(&subscription("sub_2", later(9), None)).await, taken);
    let second = subscription("sub_2", later(10), Some(later(15)));
    store.subscribe(&second).await.unwrap();

    let ended = Subscription { until: Some(later(10)), ..first };
    assert_eq!(
        store.subscriptions_of(&app.id).await.unwrap(),
        [other.clone(), second.clone(), ended.clone()]
    );

    let found =
        async |filter: SubscriptionFilter| store.subscriptions(&filter, &Page::first()).await.unwrap();
    let any = SubscriptionFilter::default();
    let of = |app: &str| SubscriptionFilter { app: Some(AppId::new(app).unwrap()), ..any.clone() };
    let to = |product: &ProductName| SubscriptionFilter { product: Some(product.clone()), ..any.clone() };
    let under = |plan: &str| SubscriptionFilter { plan: Some(PlanName::new(plan).unwrap()), ..any.clone() };
    let lasting = SubscriptionFilter { lasting_after: Some(later(12)), ..of(app.id.as_str()) };
    let all = [ended.clone(), second.clone(), other.clone()];
    for (filter, expected) in [
        (any.clone(), &all[..]),
        (of(app.id.as_str()), &all),
        (of("app_other"), &[]),
        (to(&other.product), &all[2..]),
        (to(&second.product), &all[..2]),
        (under(second.plan.as_str()), &all),
        (under("another"), &[]),
        (lasting, &all[1..]),
    ] {
        assert_eq!(found(filter.clone()).await, expected, "{filter:?}");
    }
    let page = Page::after(ended.id.as_str()).with_size(1);
    assert_eq!(store.subscriptions(&any, &page).await.unwrap(), all[1..2]);
    assert_eq!(store.subscription(&second.id).await.unwrap(), Some(second));
    assert_eq!(store.subscription(&SubscriptionId::new("sub_9").unwrap()).await.unwrap(), None);
}

async fn of_many_who_subscribe_at_once_one_succeeds(store: Store) {
    let (app, _) = seed(&store).await;
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                store.subscribe(&subscription(&format!("sub_{number}"), START, None)).await
            })
        })
        .collect();
    let mut succeeded = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => succeeded += 1,
            Err(error) => assert_conflict(Err(error), "subscription.product"),
        }
    }
    assert_eq!(succeeded, 1);
    assert_eq!(store.subscriptions_of(&app.id).await.unwrap().len(), 1);
}

async fn a_key_is_found_by_its_hash_and_revoked_once(store: Store) {
    let (app, _) = seed(&store).await;
    let hash = KeyHash([7; 32]);
    let mut key = KeyRecord {
        scopes: Some(scopes("order:read")),
        expires_at: Some(later(60)),
        ..KeyRecord::new(KeyId::new("key_1").unwrap(), app.id.clone(), (), START)
    };
    store.create_key(&key, &hash).await.unwrap();
    assert_eq!(store.key_by_hash(&hash).await.unwrap(), Some(key.clone()));
    assert_eq!(store.key_by_hash(&KeyHash([8; 32])).await.unwrap(), None);
    assert_conflict(store.create_key(&key, &KeyHash([8; 32])).await, "api_key.id");
    let second = KeyRecord {
        id: KeyId::new("key_2").unwrap(),
        scopes: None,
        expires_at: None,
        created_at: later(1),
        ..key.clone()
    };
    assert_conflict(store.create_key(&second, &hash).await, "api_key.hash");
    store.create_key(&second, &KeyHash([8; 32])).await.unwrap();

    store.revoke_credential(&key.id, later(5)).await.unwrap();
    store.revoke_credential(&key.id, later(6)).await.unwrap();
    key.revoked_at = Some(later(5));
    assert_eq!(store.credential(&key.id).await.unwrap(), Some(key.clone()));
    assert_eq!(store.credentials_of::<KeyId>(&app.id).await.unwrap(), [second, key]);
}

async fn a_merchant_logs_in_by_its_username(store: Store) {
    let (_, mut merchant) = seed(&store).await;
    assert_eq!(store.merchant(&merchant.id).await.unwrap(), Some(merchant.clone()));
    let login = store.merchant_login("shop").await.unwrap();
    assert_eq!(login, Some((merchant.clone(), PASSWORD_HASH.to_owned())));
    assert_eq!(store.merchant_login("SHOP").await.unwrap(), None);
    store.set_merchant_password(&merchant.id, "$argon2id$other").await.unwrap();
    store.set_merchant_standing(&merchant.id, Standing::Suspended).await.unwrap();
    merchant.standing = Standing::Suspended;
    let login = store.merchant_login("shop").await.unwrap();
    assert_eq!(login, Some((merchant.clone(), "$argon2id$other".to_owned())));
    assert_eq!(store.merchants(&Page::first()).await.unwrap(), [merchant]);
}

async fn a_taken_name_is_named_alike_by_both_stores(store: Store) {
    seed(&store).await;
    assert_conflict(store.create_partner(&partner("partner_1")).await, "partner.id");
    let again = app("app_1", "partner_1");
    let settings = ClientSettings::of_kind(again.kind);
    assert_conflict(store.create_app(&again, &settings, None).await, "app.id");
    let same_name = merchant("merchant_2", "shop");
    assert_conflict(store.create_merchant(&same_name, PASSWORD_HASH).await, "merchant.username");
    let same_id = merchant("merchant_1", "shop_2");
    assert_conflict(store.create_merchant(&same_id, PASSWORD_HASH).await, "merchant.id");
}

async fn consent_widens_the_active_grant(store: Store) {
    let (app, merchant) = seed(&store).await;
    let ids: Vec<_> = (0..4).map(|number| GrantId::new(&format!("grant_{number}")).unwrap()).collect();
    let pair = (&merchant.id, &app.id);
    let first = store.grant_consent(pair, &scopes("order:read"), &ids[0], START).await.unwrap();
    let wider = store.grant_consent(pair, &scopes("order:write"), &ids[1], later(1)).await.unwrap();
    assert_eq!((wider.id.clone(), wider.created_at), (first.id, START));
    assert_eq!(wider.scopes, scopes("order:read order:write"));
    assert_eq!(store.grant(&ids[0]).await.unwrap(), Some(wider.clone()));
    let same = store.grant_consent(pair, &scopes("order:read"), &ids[2], later(2)).await.unwrap();
    assert_eq!(same, wider);

    store.revoke_grant(&wider.id, later(3)).await.unwrap();
    store.revoke_grant(&wider.id, later(4)).await.unwrap();
    let fresh = store.grant_consent(pair, &scopes("order:read"), &ids[3], later(5)).await.unwrap();
    assert_eq!((&fresh.id, &fresh.scopes), (&ids[3], &scopes("order:read")));
    let all = store.grants_of_merchant(&merchant.id, &Page::first()).await.unwrap();
    assert_eq!(all.iter().map(|grant| grant.revoked_at).collect::<Vec<_>>(), [Some(later(3)), None]);
    assert_eq!(store.grants_of_app(&app.id, &Page::first()).await.unwrap(), all);
}

async fn of_many_consents_at_once_one_grant_comes(store: Store) {
    let (app, merchant) = seed(&store).await;
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let (store, app, merchant) = (store.clone(), app.id.clone(), merchant.id.clone());
            tokio::spawn(async move {
                let id = GrantId::new(&format!("grant_{number}")).unwrap();
                let scope = scopes(&format!("scope:{number}"));
                store.grant_consent((&merchant, &app), &scope, &id, START).await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let grants = store.grants_of_app(&app.id, &Page::first()).await.unwrap();
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0].scopes.iter().count(), 20);
}

async fn what_is_not_there_is_missing(store: Store) {
    let (app, merchant) = seed(&store).await;
    let nobody = AppId::new("nobody").unwrap();
    assert_missing(store.set_app_standing(&nobody, Standing::Active).await, "app");
    let orphan = SecretRecord { app: nobody.clone(), ..secret("sec_1", &app, START) };
    let added = store.add_app_secret((&orphan, &SecretHash::of("x")), Others::Stay).await;
    assert_missing(added.map(|_| ()), "app");
    let orphan = Subscription { app: nobody.clone(), ..subscription("sub_1", START, None) };
    assert_missing(store.subscribe(&orphan).await, "app");
    assert_missing(store.end_subscription(&orphan.id, START).await, "subscription");
    assert_missing(store.revoke_credential(&KeyId::new("key_1").unwrap(), START).await, "API key");
    let grant = GrantId::new("grant_1").unwrap();
    assert_missing(store.revoke_grant(&grant, START).await, "grant");
    let consent = store.grant_consent((&merchant.id, &nobody), &app.scopes, &grant, START).await;
    assert_missing(consent.map(|_| ()), "merchant or app");
}
