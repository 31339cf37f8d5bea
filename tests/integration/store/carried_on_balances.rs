//! What earlier steps of the schema left is carried on by the one that brought balances.

use tollgate::billing::balance::left::{disputed, leases};
use tollgate::domain::balance::{Balance, BalanceKind, Lease, Owner};
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
        ended_at: None,
        counts_shares: true,
        used_up_until: None,
    };
    store.create_balance(&balance).await.unwrap();
    store.close().await;
    let store = place.open().await;
    assert_eq!(store.balances(&Page::first()).await.unwrap(), std::slice::from_ref(&balance));
    let calling = store.calling_app(&app.id).await.unwrap().unwrap();
    assert_eq!(calling.facts.balances[0].balance, balance.id);
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

/// What older programs had leased is of any item, and fees that a balance pays stand on their statements.
async fn balances_of_the_fortieth_step_are_carried_on(place: Place) {
    step(&place, 3).await;
    place.tamper(include_str!("books_of_the_third_step.sql")).await;
    step(&place, 40).await;
    for sql in [
        "insert into balance (id, owner_kind, owner, kind, amount_limit, currency, created_at) \
         values ('bal_1', 'app', 'a', 'credit', 500, 'CNY', 0), ('bal_2', 'partner', 'p', 'prepaid', 0, 'USD', 0)",
        "insert into balance_spent values ('bal_1', '2026-11', 2)",
        "insert into balance_lease (balance, node, app, product, plan, plan_version, service_period, granted, consumed) \
         values ('bal_1', 'n', 'a', 'store', 'standard', 1, '2026-11', 9, 5)",
        "insert into balance_dispute (exception, balance, app, product, plan, plan_version, service_period, units) \
         values ('usage:u5', 'bal_1', 'a', 'store', 'standard', 1, '2026-11', 3)",
    ] {
        place.tamper(sql).await;
    }
    let store = place.open().await;
    let balances = store.balances(&Page::first()).await.unwrap();
    assert_eq!(balances.iter().map(|balance| balance.id.as_str()).collect::<Vec<_>>(), ["bal_1", "bal_2"]);
    assert!(balances.iter().all(|balance| !balance.counts_shares), "an older program made them");
    let billed = "select balance || ' ' || period || ' ' || app || ' ' || minor from balance_billed";
    assert_eq!(place.texts(billed).await, ["bal_1 2026-11 a 2"]);
    let leases = leases(&store, &balances[0].id).await.unwrap();
    let Lease { stretch, run, units } = &leases[0];
    assert_eq!((leases.len(), &stretch.part, run.since, *units), (1, &None, 0, 4));
    let disputed = disputed(&store, &balances[0].id).await.unwrap();
    assert_eq!((disputed.len(), &disputed[0].stretch.part, disputed[0].units), (1, &None, 3));
    // An exception may keep units of several balances, each once.
    let of_another = "insert into balance_dispute (exception, balance, app, product, plan, plan_version, item, promotion, \
                      service_period, units) values ('usage:u5', 'bal_2', 'a', 'store', 'standard', 1, '', 0, '2026-11', 3)";
    place.tamper(of_another).await;
    for sql in [
        of_another,
        "update balance set app = 'a' where id = 'bal_2'",
        "update balance set currency = 'USD'",
        "delete from balance",
        "update balance_lease set since = 1",
        "update balance_dispute set item = 'calls'",
        "insert into balance_spent values ('bal_3', '2026-11', 2)",
    ] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    store.close().await;
}

#[tokio::test]
async fn balances_of_the_fortieth_step_are_carried_on_in_sqlite() {
    balances_of_the_fortieth_step_are_carried_on(Place::sqlite()).await;
}

#[tokio::test]
async fn balances_of_the_fortieth_step_are_carried_on_in_postgres() {
    balances_of_the_fortieth_step_are_carried_on(Place::postgres().await).await;
}
