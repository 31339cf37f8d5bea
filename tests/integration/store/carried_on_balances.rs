//! What earlier steps of the schema left is carried on by the one that brought balances.

use tollgate::domain::balance::{Balance, BalanceKind, Owner};
use tollgate::domain::id::BalanceId;
use tollgate::store::Page;

use super::carried_on::step;
use super::seed::{START, seed};
use crate::support::stores::Place;

/// A store from before there were balances has none, and takes some.
async fn a_store_of_the_thirty_third_step_takes_balances(place: Place) {
    step(&place, 33).await;
    let store = place.open().await;
    let (app, _) = seed(&store).await;
    assert_eq!(store.balances(&Page::first()).await.unwrap(), []);
    let balance = Balance {
        id: BalanceId::new("bal_1").unwrap(),
        owner: Owner::App(app.id.clone()),
        kind: BalanceKind::Credit(500),
        currency: "CNY".parse().unwrap(),
        created_at: START,
    };
    store.create_balance(&balance).await.unwrap();
    store.close().await;
    let store = place.open().await;
    assert_eq!(store.balances(&Page::first()).await.unwrap(), std::slice::from_ref(&balance));
    let paid_from = store.paid_from(&[(app.id.clone(), app.partner)]).await.unwrap();
    assert_eq!(paid_from[&app.id][0].balance, balance.id);
    store.close().await;
}

#[tokio::test]
async fn a_store_of_the_thirty_third_step_takes_balances_in_sqlite() {
    a_store_of_the_thirty_third_step_takes_balances(Place::sqlite()).await;
}

#[tokio::test]
async fn a_store_of_the_thirty_third_step_takes_balances_in_postgres() {
    a_store_of_the_thirty_third_step_takes_balances(Place::postgres().await).await;
}
