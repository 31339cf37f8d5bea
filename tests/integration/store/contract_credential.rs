//! What the directory of credentials asks of a store: all keys with what they rest on, and what has changed.

use tollgate::domain::api_key::KeyHash;
use tollgate::domain::client::ClientSettings;
use tollgate::domain::id::{AppId, KeyId, PlanName, ProductName, SubscriptionId};
use tollgate::domain::identity::{KeyRecord, Standing, Subscription};
use tollgate::domain::principal::Subscribed;
use tollgate::domain::refusal::Subject;
use tollgate::domain::time::Timestamp;
use tollgate::store::Store;

use super::contract;
use super::contract_refresh::start;
use super::seed::{START, app, later, seed, seed_grant};

contract! {
    keys_come_page_by_page_with_everything_they_rest_on,
    each_change_of_an_identity_is_told_of,
    what_is_kept_from_changing_is_told_of_as_no_change,
}

fn key(number: u8, app: &AppId) -> (KeyRecord, KeyHash) {
    let id = KeyId::new(&format!("key_{number}")).unwrap();
    let record = KeyRecord {
        scopes: number.is_multiple_of(2).then(|| "order:read".parse().unwrap()),
        expires_at: (number == 3).then(|| later(60)),
        ..KeyRecord::new(id, app.clone(), (), START)
    };
    (record, KeyHash([number; 32]))
}

fn subscription(id: &str, app: &AppId, product: &str, until: Option<Timestamp>) -> Subscription {
    Subscription {
        id: SubscriptionId::new(id).unwrap(),
        app: app.clone(),
        product: ProductName::new(product).unwrap(),
        plan: PlanName::new("plan").unwrap(),
        version: Some(2),
        from: START,
        until,
    }
}

async fn keys_come_page_by_page_with_everything_they_rest_on(store: Store) {
    let (first, _) = seed(&store).await;
    let second = app("app_2", "partner_1");
    store.create_app(&second, &ClientSettings::of_kind(second.kind), None).await.unwrap();
    let ended = subscription("sub_1", &first.id, "ended", Some(later(5)));
    let lasting = subscription("sub_2", &first.id, "lasting", None);
    for subscription in [&ended, &lasting] {
        store.subscribe(subscription).await.unwrap();
    }
    for (number, app) in [(1, &first.id), (2, &second.id), (3, &first.id), (4, &first.id)] {
        let (record, hash) = key(number, app);
        store.create_key(&record, &hash).await.unwrap();
    }
    store.revoke_credential(&KeyId::new("key_4").unwrap(), later(1)).await.unwrap();
    store.set_app_standing(&second.id, Standing::Suspended).await.unwrap();

    let page = store.keys_with_apps(None, 2).await.unwrap();
    assert_eq!(page.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), ["key_1", "key_2"]);
    assert_eq!((page[0].hash, &page[0].scopes), (KeyHash([1; 32]), &None));
    assert_eq!((page[1].hash, page[1].scopes.clone()), (KeyHash([2; 32]), "order:read".parse().ok()));
    for (key, app) in page.iter().zip([&first, &second]) {
        assert_eq!(Some(&key.app), store.calling_app(&app.id).await.unwrap().as_ref());
    }
    let subscribed = [lasting, ended].map(Subscribed::from);
    assert_eq!(page[0].app.facts.subscriptions, subscribed, "what lasts comes first");
    let of_second = (page[1].app.suspended, page[1].app.facts.subscriptions.len());
    assert_eq!(of_second, (Some(Subject::App), 0));

    let next = store.keys_with_apps(Some(&page[1].id), 2).await.unwrap();
    assert_eq!(
        next.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(),
        ["key_3"],
        "a revoked key is none"
    );
    assert_eq!((next[0].expires_at, next[0].app.facts.subscriptions.len()), (Some(later(60)), 2));
    assert!(store.keys_with_apps(Some(&next[0].id), 2).await.unwrap().is_empty());
    store.set_partner_standing(&first.partner, Standing::Suspended).await.unwrap();
    let first = &store.keys_with_apps(None, 1).await.unwrap()[0];
    assert_eq!(first.app.suspended, Some(Subject::Partner));
}

async fn each_change_of_an_identity_is_told_of(store: Store) {
    let grant = seed_grant(&store).await;
    let (record, hash) = key(1, &grant.app);
    store.create_key(&record, &hash).await.unwrap();
    let begin = store.identity_changes(None).await.unwrap();
    assert_eq!(begin.subjects, Some(Vec::new()), "from here on");
    let mut position = begin.next;
    let mut told = async || {
        let changes = store.identity_changes(Some(position)).await.unwrap();
        position = changes.next;
        changes.subjects.unwrap()
    };
    let partner = &app("app_1", "partner_1").partner;
    store.set_partner_standing(partner, Standing::Suspended).await.unwrap();
    assert!(told().await.contains(&partner.to_string()));
    store.set_app_standing(&grant.app, Standing::Suspended).await.unwrap();
    assert!(told().await.contains(&grant.app.to_string()));
    store.end_app_tokens(&grant.app, later(1)).await.unwrap();
    assert!(told().await.contains(&grant.app.to_string()));
    let subscription = subscription("sub_1", &grant.app, "product", None);
    store.subscribe(&subscription).await.unwrap();
    assert!(told().await.contains(&grant.app.to_string()));
    store.end_subscription(&subscription.id, later(5)).await.unwrap();
    assert!(told().await.contains(&grant.app.to_string()));
    store.revoke_credential(&record.id, later(1)).await.unwrap();
    assert!(told().await.contains(&record.id.to_string()));
    store.set_merchant_standing(&grant.merchant, Standing::Suspended).await.unwrap();
    assert!(told().await.contains(&grant.merchant.to_string()));
    let family = start(&store, &grant, "family_1", later(60)).await;
    store.revoke_refresh_family(&family.id, later(1)).await.unwrap();
    assert!(told().await.contains(&family.id.to_string()));
    store.revoke_grant(&grant.id, later(1)).await.unwrap();
    assert!(told().await.contains(&grant.id.to_string()));
    // What is forgotten was told long ago.
    let end = Timestamp::from_seconds(i64::from(u32::MAX));
    assert!(store.forget_identity_changes(end).await.unwrap() > 0);
    assert_eq!(store.forget_identity_changes(end).await.unwrap(), 0);
    store.set_app_standing(&grant.app, Standing::Active).await.unwrap();
    assert!(told().await.contains(&grant.app.to_string()));
}

async fn what_is_kept_from_changing_is_told_of_as_no_change(store: Store) {
    let grant = seed_grant(&store).await;
    let (record, hash) = key(1, &grant.app);
    store.create_key(&record, &hash).await.unwrap();
    let subscription = subscription("sub_1", &grant.app, "product", None);
    store.subscribe(&subscription).await.unwrap();
    let partner = &app("app_1", "partner_1").partner;
    let end = Timestamp::from_seconds(i64::from(u32::MAX));
    while store.forget_identity_changes(end).await.unwrap() > 0 {}

    let mut transaction = store.begin().await.unwrap();
    assert!(transaction.lock_partner(partner).await.unwrap().is_some());
    assert!(transaction.lock_client(&grant.app).await.unwrap().is_some());
    assert!(transaction.lock_introspects(&grant.app).await.unwrap().is_some());
    assert_eq!(transaction.lock_subscription(&subscription.id).await.unwrap(), Some(subscription));
    assert_eq!(transaction.lock_credential(&record.id).await.unwrap(), Some(record));
    assert!(transaction.lock_merchant(&grant.merchant).await.unwrap().is_some());
    let of = (&grant.merchant, &grant.app);
    assert_eq!(transaction.lock_active_grant(of).await.unwrap(), Some(grant.clone()));
    assert_eq!(transaction.lock_grant(&grant.id).await.unwrap(), Some(grant.clone()));
    transaction.commit().await.unwrap();
    start(&store, &grant, "family_1", later(60)).await;
    assert_eq!(store.forget_identity_changes(end).await.unwrap(), 0);
}
