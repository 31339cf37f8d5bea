//! What a balance says of more units before anything is leased, on both stores.

use tollgate::billing::balance::borne::{Borne, borne};
use tollgate::billing::error::BillingError;
use tollgate::domain::balance::{Balance, BalanceKind, Owner, Stretch};
use tollgate::domain::id::{BalanceId, PartnerId};
use tollgate::store::Store;

use super::balances::{lease, of_app, open, pay_in, stretch};
use super::on_both_stores;
use super::seed::plan;
use crate::support::stores::Place;

on_both_stores!(a_balance_bears_what_a_node_could_lease);

/// The cost of more units, whether there is enough for it, and what nodes have leased of such units and of others.
async fn asked(store: &Store, balance: &Balance, month: &str, units: u64) -> (i64, bool, u64, u64) {
    let told = borne(store, balance, &stretch(month), units).await.unwrap();
    let Borne { cost, is_enough, leased, leased_for_others } = told.unwrap();
    (cost, is_enough, leased, leased_for_others)
}

async fn a_balance_bears_what_a_node_could_lease(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Prepaid).await;
    let november = "2026-11";
    assert_eq!(asked(&store, &balance, november, 2).await, (0, true, 0, 0), "those that are free");
    assert_eq!(asked(&store, &balance, november, 3).await, (1, false, 0, 0), "nothing is paid in");
    pay_in(&store, "transfer 1", 10).await.unwrap();
    assert_eq!(asked(&store, &balance, november, 3).await, (1, true, 0, 0));
    assert_eq!(asked(&store, &balance, november, 13).await, (11, false, 0, 0));
    assert_eq!(lease(&store, "node-1", 4).await, 4);
    assert_eq!(asked(&store, &balance, november, 1).await, (1, true, 4, 0));
    assert_eq!(lease(&store, "node-2", 50).await, 8);
    assert_eq!(asked(&store, &balance, november, 1).await, (1, false, 12, 0));
    assert_eq!(asked(&store, &balance, "2026-12", 2).await, (0, true, 0, 12), "free, and of another month");
    // It has leased nothing itself.
    assert_eq!(lease(&store, "node-1", 1).await, 0);
    let dollars = in_dollars(&store, &balance).await;
    let of_dollars = Stretch { balance: dollars.id.clone(), ..stretch(november) };
    assert_eq!(borne(&store, &dollars, &of_dollars, 1).await.unwrap(), None);
    let unknown = Stretch { plan: plan("standard", 9), ..stretch(november) };
    let unknown = borne(&store, &balance, &unknown, 1).await;
    assert!(matches!(unknown, Err(BillingError::PlanUnknown(_))), "{unknown:?}");
    store.close().await;
}

/// The same, of its app's partner and in another currency.
async fn in_dollars(store: &Store, balance: &Balance) -> Balance {
    let (id, partner) = (BalanceId::new("bal_2").unwrap(), PartnerId::new("partner_1").unwrap());
    let currency = "USD".parse().unwrap();
    let balance = Balance { id, owner: Owner::Partner(partner), currency, ..balance.clone() };
    store.create_balance(&balance).await.unwrap();
    balance
}
