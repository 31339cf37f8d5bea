//! Units of balances that a node may let through without asking anyone. They are granted, given back, and consumed by what was
//! recorded of calls.

use std::collections::{BTreeMap, BTreeSet};

use super::available::{Asked, lease};
use super::reserved::Reserved;
use crate::billing::error::BillingError;
use crate::domain::balance::{Lease, Stretch};
use crate::domain::id::{AppId, BalanceId, NodeId, ProductName};
use crate::domain::plan::PlanRef;
use crate::domain::time::{Period, Zone};
use crate::store::usage_batch::Recorded;
use crate::store::{Store, StoreError, Transaction};

/// Leases units of a stretch to a node: as many of those that are asked for as the balance can bear.
///
/// # Errors
/// [`BillingError`]; nothing is leased then, or it is found at the next start if the store did not say.
pub async fn grant(
    store: &Store,
    node: &NodeId,
    stretch: &Stretch,
    asked: Asked,
) -> Result<u64, BillingError> {
    let mut transaction = store.begin().await?;
    let balance = transaction.lock_balance(&stretch.balance).await?;
    let balance = balance.ok_or(StoreError::Missing { what: "balance" })?;
    let period = stretch.service_period;
    let Reserved { funds, counted } =
        Reserved::read(&mut transaction, &balance, period, Some(stretch)).await?;
    let units = counted.get(stretch).map_or(0, |counted| lease(counted, balance.left(funds), asked));
    if units > 0 {
        let granted = Lease { stretch: stretch.clone(), node: node.clone(), units };
        transaction.grant_units(&granted).await?;
        transaction.commit().await?;
    }
    Ok(units)
}

/// Gives units back that a node has leased and by which it has let no call through.
///
/// # Errors
/// [`BillingError::Store`]; the node has them still then, or they come back at its next start if the store did not say.
pub async fn give_back(store: &Store, lease: &Lease) -> Result<(), BillingError> {
    let mut transaction = store.begin().await?;
    transaction.lock_balance(&lease.stretch.balance).await?;
    transaction.give_back_units(lease).await?;
    Ok(transaction.commit().await?)
}

/// Gives back what a node that will not come back has leased of a balance; gives how many units that was. If it does come back, the
/// calls that it has let through by them are spent all the same, and the balance may be overdrawn by so much.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn give_up(
    transaction: &mut Transaction,
    balance: &BalanceId,
    node: &NodeId,
) -> Result<u64, BillingError> {
    transaction.lock_balance(balance).await?;
    let mut units = 0_u64;
    for lease in transaction.open_leases(balance).await?.iter().filter(|lease| lease.node == *node) {
        transaction.give_back_units(lease).await?;
        units = units.saturating_add(lease.units);
    }
    Ok(units)
}

/// Gives back what a node has leased, once its journal is recorded up to `reached`: what no record has consumed by then, no call
/// was let through by of which anything is left. Gives whether it was done. The node must not have leased anything since.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn settle(store: &Store, node: &NodeId, reached: u64) -> Result<bool, BillingError> {
    let mut transaction = store.begin().await?;
    if !transaction.has_open_leases(node).await? {
        return Ok(true);
    }
    if transaction.journal_place(node.as_str()).await?.sequence < reached {
        return Ok(false);
    }
    let leases = transaction.give_back_all(node).await?;
    transaction.commit().await?;
    tracing::info!(leases, "what was leased of balances and not used is given back");
    Ok(true)
}

/// Units by which calls were let through, by what leases are found by beside balance and node.
type Held = BTreeMap<(AppId, ProductName, PlanRef, Period), u64>;

/// Consumes the leased units by which the calls of new records of a node were let through, in the transaction that adds what they
/// cost to what was spent.
///
/// # Errors
/// [`BillingError::Store`].
pub(in crate::billing) async fn consume(
    transaction: &mut Transaction,
    node: &NodeId,
    records: &[Recorded],
    zone: &Zone,
) -> Result<(), BillingError> {
    let mut held = held(records, zone);
    if held.is_empty() {
        return Ok(());
    }
    let apps: BTreeSet<AppId> = held.keys().map(|(app, ..)| app.clone()).collect();
    let apps: Vec<AppId> = apps.into_iter().collect();
    let open = transaction.open_leases_of(node, &apps).await?;
    let balances: BTreeSet<BalanceId> = open.into_iter().map(|lease| lease.stretch.balance).collect();
    for balance in &balances {
        transaction.lock_balance(balance).await?;
    }
    // Once more, as some may have been given back before the balances were locked.
    for lease in transaction.open_leases_of(node, &apps).await? {
        let Stretch { app, product, plan, service_period, .. } = &lease.stretch;
        let of_it = (app.clone(), product.clone(), plan.clone(), *service_period);
        let Some(units) = held.get_mut(&of_it) else { continue };
        let consumed = lease.units.min(*units);
        *units = units.saturating_sub(consumed);
        if consumed > 0 {
            transaction.consume_units(&Lease { units: consumed, ..lease }).await?;
        }
    }
    let beyond = held.values().fold(0_u64, |sum, units| sum.saturating_add(*units));
    if beyond > 0 {
        tracing::error!(%node, units = beyond, "calls were let through by more units of balances than were leased");
    }
    Ok(())
}

fn held(records: &[Recorded], zone: &Zone) -> Held {
    let mut held = Held::new();
    for Recorded { usage, .. } in records {
        let (1.., Some((product, plan))) = (usage.held, &usage.subscribed) else { continue };
        let of_it = (usage.app.clone(), product.clone(), plan.clone(), Period::of(usage.at, zone));
        let units = held.entry(of_it).or_default();
        *units = units.saturating_add(usage.held);
    }
    held
}
