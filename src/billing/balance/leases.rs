//! Units of balances that a node may let through without asking anyone. They are granted, given back, and consumed by what was
//! recorded of calls.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::available::{Asked, lease};
use super::reserved::Reserved;
use crate::billing::error::BillingError;
use crate::domain::balance::{Lease, Stretch};
use crate::domain::id::{AppId, BalanceId, NodeId, ProductName};
use crate::domain::plan::PlanRef;
use crate::domain::time::{Period, Zone};
use crate::store::balance_dispute::Disputed;
use crate::store::usage_batch::Recorded;
use crate::store::usage_exception::{ExceptionKind, UsageException};
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

/// What became of units that were given back.
#[derive(Debug)]
pub enum GivenBack {
    /// The balance has them.
    Now,
    /// The store did not say whether it has them: they must not be used again, and come back at the node's next start.
    Unsaid(StoreError),
}

/// Gives units back that a node has leased and by which it has let no call through.
///
/// # Errors
/// [`BillingError::Store`]; the node has them still then.
pub async fn give_back(store: &Store, lease: &Lease) -> Result<GivenBack, BillingError> {
    let mut transaction = store.begin().await?;
    transaction.lock_balance(&lease.stretch.balance).await?;
    transaction.give_back_units(std::slice::from_ref(lease)).await?;
    Ok(transaction.commit().await.map_or_else(GivenBack::Unsaid, |()| GivenBack::Now))
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
    let mut leases = transaction.open_leases(balance).await?;
    leases.retain(|lease| lease.node == *node);
    transaction.give_back_units(&leases).await?;
    Ok(leases.iter().fold(0, |units, lease| units.saturating_add(lease.units)))
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

/// What leases are found by beside balance and node.
type Use = (AppId, ProductName, PlanRef, Period);

/// Units by which calls were let through.
#[derive(Default)]
struct Held {
    units: u64,
    /// Those of calls that someone has to decide about, by their exceptions.
    disputed: Vec<(String, u64)>,
}

/// Consumes the leased units by which the calls of new records of a node were let through, in the transaction that adds what they
/// cost to what was spent. Those of calls whose worth is for someone to decide, by `exceptions` that are kept already, stay reserved
/// until that is done.
///
/// # Errors
/// [`BillingError::Store`].
pub(in crate::billing) async fn consume(
    transaction: &mut Transaction,
    node: &NodeId,
    records: &[Recorded],
    exceptions: &[UsageException],
    zone: &Zone,
) -> Result<(), BillingError> {
    let mut held = held(records, exceptions, zone);
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
    let (mut consumed, mut disputes) = (Vec::new(), Vec::new());
    // Once more, as some may have been given back before the balances were locked.
    for lease in transaction.open_leases_of(node, &apps).await? {
        let Stretch { app, product, plan, service_period, .. } = &lease.stretch;
        let of_it = (app.clone(), product.clone(), plan.clone(), *service_period);
        let Some(held) = held.get_mut(&of_it) else { continue };
        let units = lease.units.min(held.units);
        if units == 0 {
            continue;
        }
        held.units = held.units.saturating_sub(units);
        for (exception, units) in held.disputed.drain(..) {
            disputes.push((exception, Disputed { stretch: lease.stretch.clone(), units }));
        }
        consumed.push(Lease { units, ..lease });
    }
    transaction.consume_units(&consumed).await?;
    transaction.insert_disputes(&disputes).await?;
    let beyond = held.values().fold(0_u64, |sum, held| sum.saturating_add(held.units));
    if beyond > 0 {
        tracing::error!(%node, units = beyond, "calls were let through by more units of balances than were leased");
    }
    Ok(())
}

fn held(records: &[Recorded], exceptions: &[UsageException], zone: &Zone) -> BTreeMap<Use, Held> {
    // What is left out here is no call's, or of one whose units are charged.
    let is_of_units = |exception: &&UsageException| exception.kind != ExceptionKind::Transaction;
    let exceptions = exceptions.iter().filter(is_of_units);
    let exceptions: HashMap<&str, &str> =
        exceptions.filter_map(|exception| Some((exception.usage.as_deref()?, &*exception.id))).collect();
    let mut held = BTreeMap::<Use, Held>::new();
    for Recorded { usage, .. } in records {
        let (1.., Some((product, plan))) = (usage.held, &usage.subscribed) else { continue };
        let of_it = (usage.app.clone(), product.clone(), plan.clone(), Period::of(usage.at, zone));
        let of_it = held.entry(of_it).or_default();
        of_it.units = of_it.units.saturating_add(usage.held);
        if !exceptions.is_empty()
            && let Some(exception) = exceptions.get(&*usage.id.to_string())
        {
            of_it.disputed.push(((*exception).to_owned(), usage.held));
        }
    }
    held
}
