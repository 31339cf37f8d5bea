//! Subscriptions through time, as what they cost by the month goes by it.

use tollgate::domain::id::{AppId, SubscriptionId};
use tollgate::domain::identity::Subscription;
use tollgate::domain::recurring::{Moved, Tenure};
use tollgate::domain::time::Timestamp;
use tollgate::store::Store;

use super::contract;
use super::seed::{START, later, seed};

contract! {
    tenures_come_as_they_began_each_with_its_moves_in_order,
    tenures_are_of_a_span_and_of_an_app,
}

fn id(text: &str) -> SubscriptionId {
    SubscriptionId::new(text).unwrap()
}

/// One of `app_1`, for so many seconds from some after the start on, or for ever.
fn subscription(named: &str, product: &str, (from, seconds): (u64, Option<u64>)) -> Subscription {
    Subscription {
        id: id(named),
        app: "app_1".parse().unwrap(),
        product: product.parse().unwrap(),
        plan: "standard".parse().unwrap(),
        version: Some(1),
        from: later(from),
        until: seconds.map(|seconds| later(from + seconds)),
    }
}

async fn tenures(store: &Store, span: (Timestamp, Timestamp), app: Option<&str>) -> Vec<Tenure> {
    let app: Option<AppId> = app.map(|app| app.parse().unwrap());
    let mut transaction = store.begin_reading().await.unwrap();
    let tenures = transaction.tenures(span, app.as_ref()).await.unwrap();
    transaction.roll_back().await.unwrap();
    tenures
}

fn ids(tenures: &[Tenure]) -> Vec<&str> {
    tenures.iter().map(|tenure| tenure.subscription.id.as_str()).collect()
}

async fn tenures_come_as_they_began_each_with_its_moves_in_order(store: Store) {
    seed(&store).await;
    for made in [
        subscription("sub_a", "storefront", (200, None)),
        subscription("sub_b", "storefront", (100, Some(100))),
        subscription("sub_c", "supply", (0, None)),
    ] {
        store.subscribe(&made).await.unwrap();
    }
    let mut transaction = store.begin().await.unwrap();
    for (version, at) in [(2, 310), (1, 320), (3, 330)] {
        transaction.move_subscription(&id("sub_a"), version, later(at)).await.unwrap();
    }
    transaction.move_subscription(&id("sub_c"), 2, later(10)).await.unwrap();
    transaction.commit().await.unwrap();
    let told = tenures(&store, (START, later(1_000)), None).await;
    assert_eq!(ids(&told), ["sub_b", "sub_a", "sub_c"]);
    let moved = |before, at| Moved { at: later(at), before: Some(before) };
    let moves: Vec<_> = told.iter().map(|tenure| tenure.moves.clone()).collect();
    assert_eq!(moves, [vec![], vec![moved(1, 310), moved(2, 320), moved(1, 330)], vec![moved(1, 10)]]);
    let versions: Vec<_> = told.iter().map(|tenure| tenure.subscription.version).collect();
    assert_eq!(versions, [Some(1), Some(3), Some(2)]);
    assert!(told.iter().all(|tenure| tenure.partner.as_str() == "partner_1"));
}

async fn tenures_are_of_a_span_and_of_an_app(store: Store) {
    seed(&store).await;
    store.subscribe(&subscription("sub_a", "storefront", (100, Some(100)))).await.unwrap();
    for (span, expected) in [((0, 100), 0), ((0, 101), 1), ((150, 160), 1), ((199, 300), 1), ((200, 300), 0)]
    {
        let told = tenures(&store, (later(span.0), later(span.1)), None).await;
        assert_eq!(told.len(), expected, "{span:?}");
    }
    assert_eq!(ids(&tenures(&store, (START, later(1_000)), Some("app_1")).await), ["sub_a"]);
    assert!(tenures(&store, (START, later(1_000)), Some("app_2")).await.is_empty());
}
