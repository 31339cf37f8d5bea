//! What a sandbox's provider says of a sale is never of a live one, although both may have the same id; and its sales move no prices of
//! live ones.

use tollgate::domain::client::ClientSettings;
use tollgate::domain::id::PartnerId;
use tollgate::domain::identity::{App, ClientKind, DefaultScopes, Environment, Standing};
use tollgate::domain::tiers::{Across, TierTerms, Walk};
use tollgate::domain::time::Timestamp;
use tollgate::domain::transaction::TransactionKind;
use tollgate::domain::usage::UsageRecord;
use tollgate::store::Store;

use super::lifecycle::{balances, by_provider, of_any_app, opened, reasons};
use super::on_both_stores;
use super::seed::{self, app, plan, record, sale, usage};
use super::tiers::{priced, tiered, two_bands};
use crate::support::stores::Place;

on_both_stores! {
    a_sandbox_settles_no_live_sale,
    sales_of_the_sandbox_are_not_summed_up_with_live_ones,
}

async fn register(store: &Store, name: &str, environment: Environment) {
    let app = App {
        id: app(name),
        partner: PartnerId::new("haulier").unwrap(),
        name: name.to_owned(),
        environment,
        kind: ClientKind::Confidential,
        redirect_uris: Vec::new(),
        scopes: "order:read".parse().unwrap(),
        default_scopes: DefaultScopes::All,
        requires_pkce: true,
        standing: Standing::Active,
        created_at: Timestamp::default(),
    };
    store.create_app(&app, &ClientSettings::of_kind(app.kind), None).await.unwrap();
}

async fn a_sandbox_settles_no_live_sale(place: Place) {
    let store = opened(&place, None).await;
    let environments =
        [("app_1", Environment::Live), ("app_2", Environment::Sandbox), ("provider", Environment::Sandbox)];
    for (name, environment) in environments {
        register(&store, name, environment).await;
    }
    let settled = |id| by_provider(id, of_any_app(TransactionKind::Settlement, "s-1", "o-1", None));
    let live = usage(1, 1, Some(sale("o-1", 10_000)));
    record(&store, 1, &[settled(2), live]).await;
    assert_eq!(
        balances(&store).await.get("partner:partner_1:receivable"),
        None,
        "it waits for a sale of the sandbox"
    );
    assert!(reasons(&store).await.is_empty());
    // What waits is of the sandbox's sale once that comes, and of no other.
    let other = UsageRecord { app: app("app_2"), ..usage(3, 1, Some(sale("o-1", 4_000))) };
    record(&store, 3, &[other]).await;
    assert_eq!(balances(&store).await.get("partner:partner_1:receivable"), Some(&100));
    assert_eq!(balances(&store).await.get("partner:partner_1:pending"), Some(&250));
    assert!(reasons(&store).await.is_empty());
    store.close().await;
}

async fn sales_of_the_sandbox_are_not_summed_up_with_live_ones(place: Place) {
    let store = opened(&place, None).await;
    let environments =
        [("app_1", Environment::Live), ("app_2", Environment::Sandbox), ("app_3", Environment::Live)];
    for (name, environment) in environments {
        register(&store, name, environment).await;
    }
    let terms = TierTerms { across: Across::Partner, ..two_bands(Walk::Volume) };
    seed::register(&store, &plan("standard", 2), &priced(tiered(terms))).await;
    let sold = |id: u128, name: &str| {
        let mut record = usage(id, 1, Some(sale(&format!("o-{id}"), 60_000)));
        record.app = app(name);
        record.subscribed = record.subscribed.map(|(product, _)| (product, plan("standard", 2)));
        record
    };
    // Each comes to less than 1,000.00 by itself: 3 %.
    record(&store, 1, &[sold(1, "app_1"), sold(2, "app_2")]).await;
    assert_eq!(balances(&store).await.get("partner:partner_1:receivable"), Some(&3_600));
    // Two live ones come to 1,200.00 together, of which all gives 2 %.
    record(&store, 3, &[sold(3, "app_3")]).await;
    assert_eq!(balances(&store).await.get("partner:partner_1:receivable"), Some(&(2_400 + 1_800)));
    let sums = "select scope || ' ' || cast(net as text) || ' ' || cast(minor as text) from tier_total order by scope";
    assert_eq!(place.texts(sums).await, ["partner:partner_1 120000 2400", "sandbox:partner_1 60000 1800"]);
    store.close().await;
}
