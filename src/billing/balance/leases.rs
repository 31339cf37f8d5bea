//! Units of balances that a node may let through without asking anyone. They are granted, and given back; what records consume of
//! them is in `consumed.rs`. Whatever the store leaves unsaid is found out later, never guessed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::available::{Asked, lease};
use super::reserved::Reserved;
use crate::billing::error::BillingError;
use crate::domain::balance::{Balance, Lease, Run, Stretch};
use crate::domain::id::{BalanceId, NodeId};
use crate::store::{Store, StoreError, Transaction};

/// Units of stretches that go back to their balances.
pub type Returned = (Stretch, u64);

/// What became of leasing.
#[derive(Debug)]
pub enum Granted {
    /// So many units are leased, and what was to be given back for them is.
    Now(u64),
    /// The store did not say whether it is so.
    Unsaid(Doubt),
}

/// Units that may have been leased.
#[derive(Debug)]
pub struct Doubt {
    /// How many.
    pub units: u64,
    /// What the store said.
    pub error: StoreError,
    stretch: Stretch,
    /// How many would have been leased of the stretch then, in all.
    granted: u64,
}

impl Doubt {
    /// Of which stretch.
    #[must_use]
    pub fn stretch(&self) -> &Stretch {
        &self.stretch
    }
}

/// Leases units of a stretch to a run of a node: as many of those that are asked for as the balance can bear, once the node has given
/// back what is `returned` of the same balance.
///
/// # Errors
/// [`BillingError`]; nothing is leased or given back then.
pub async fn grant(
    store: &Store,
    run: &Run,
    stretch: &Stretch,
    (asked, returned): (Asked, &[Returned]),
) -> Result<Granted, BillingError> {
    let mut transaction = store.begin().await?;
    let balance = transaction.lock_balance(&stretch.balance).await?;
    let balance = balance.ok_or(StoreError::Missing { what: "balance" })?;
    transaction.give_back_units(&of_run(run, returned)).await?;
    let period = stretch.service_period;
    let reserved = Reserved::read(&mut transaction, &balance, period, Some(stretch)).await?;
    let left = balance.left(reserved.funds);
    let counted = reserved.counted(stretch);
    let units = counted.map_or(0, |counted| lease(counted, stretch.part.as_ref(), left, asked));
    let mut granted = 0;
    if units > 0 {
        let lease = Lease { stretch: stretch.clone(), run: run.clone(), units };
        granted = transaction.granted(&lease).await?.saturating_add(units);
        transaction.grant_units(&lease).await?;
    } else if returned.is_empty() {
        transaction.roll_back().await?;
        return Ok(Granted::Now(0));
    }
    Ok(match transaction.commit().await {
        Ok(()) => Granted::Now(units),
        Err(error) => Granted::Unsaid(Doubt { units, error, stretch: stretch.clone(), granted }),
    })
}

/// Whether units that may have been leased are, and what was to be given back for them is. The run must have leased nothing of the
/// stretch since.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn was_granted(store: &Store, run: &Run, doubt: &Doubt) -> Result<bool, BillingError> {
    let Doubt { units, stretch, granted, .. } = doubt;
    if *units == 0 {
        return Ok(false);
    }
    let mut transaction = store.begin().await?;
    // If the store is still at it, this waits for it.
    transaction.lock_balance(&stretch.balance).await?;
    let lease = Lease { stretch: stretch.clone(), run: run.clone(), units: *units };
    let known = transaction.granted(&lease).await?;
    transaction.roll_back().await?;
    Ok(known >= *granted)
}

/// What became of units that were given back.
#[derive(Debug)]
pub enum GivenBack {
    /// The balances have them.
    Now,
    /// The store did not say whether they have: they must not be used again. Whether they are still leased, [`leased`] tells.
    Unsaid(StoreError),
}

/// Gives units back that a run of a node has leased and by which it has let no call through, each stretch once.
///
/// # Errors
/// [`BillingError::Store`]; the node has all of them still then.
pub async fn give_back(store: &Store, run: &Run, returned: &[Returned]) -> Result<GivenBack, BillingError> {
    let mut transaction = store.begin().await?;
    lock(&mut transaction, returned.iter().map(|(stretch, _)| &stretch.balance)).await?;
    transaction.give_back_units(&of_run(run, returned)).await?;
    Ok(transaction.commit().await.map_or_else(GivenBack::Unsaid, |()| GivenBack::Now))
}

fn of_run(run: &Run, returned: &[Returned]) -> Vec<Lease> {
    let lease =
        |(stretch, units): &Returned| Lease { stretch: stretch.clone(), run: run.clone(), units: *units };
    returned.iter().map(lease).collect()
}

/// Locks balances in the order in which all do; gives them.
pub(super) async fn lock(
    transaction: &mut Transaction,
    balances: impl Iterator<Item = &BalanceId>,
) -> Result<BTreeMap<BalanceId, Balance>, StoreError> {
    let mut locked = BTreeMap::new();
    for balance in balances.collect::<BTreeSet<_>>() {
        if let Some(found) = transaction.lock_balance(balance).await? {
            locked.insert(balance.clone(), found);
        }
    }
    Ok(locked)
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
    leases.retain(|lease| lease.run.node == *node);
    transaction.give_back_units(&leases).await?;
    Ok(leases.iter().fold(0, |units, lease| units.saturating_add(lease.units)))
}

/// Begins a run that has leased nothing yet: gives back what runs have leased that began no earlier by the journal, as no record of
/// theirs is in it.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn begin(store: &Store, run: &Run) -> Result<(), BillingError> {
    let mut transaction = store.begin().await?;
    give_back_of(&mut transaction, &run.node, run.since..u64::MAX).await?;
    Ok(transaction.commit().await?)
}

/// Gives back what earlier runs of a node have leased and not used, once its journal is recorded up to where the run began: what no
/// record has consumed by then, no call was let through by of which anything is left. Gives whether it was done.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn settle_earlier(store: &Store, run: &Run) -> Result<bool, BillingError> {
    settle_runs(store, &run.node, (run.since, 0..run.since)).await
}

/// Gives back all that a node has leased, once its journal is recorded up to `reached`, its end. Gives whether it was done. The node
/// must lease nothing any more.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn settle(store: &Store, node: &NodeId, reached: u64) -> Result<bool, BillingError> {
    settle_runs(store, node, (reached, 0..u64::MAX)).await
}

async fn settle_runs(
    store: &Store,
    node: &NodeId,
    (reached, runs): (u64, Range<u64>),
) -> Result<bool, BillingError> {
    // It is looked again and again while the books take the journal: that they alone write.
    let mut reading = store.begin_reading().await?;
    let is_open = reading.has_open_leases(node, runs.clone()).await?;
    let recorded = reading.journal_place(node.as_str()).await?.sequence;
    reading.roll_back().await?;
    if !is_open || recorded < reached {
        return Ok(!is_open);
    }
    let mut transaction = store.begin().await?;
    give_back_of(&mut transaction, node, runs).await?;
    transaction.commit().await?;
    Ok(true)
}

async fn give_back_of(
    transaction: &mut Transaction,
    node: &NodeId,
    runs: Range<u64>,
) -> Result<(), BillingError> {
    let leases = transaction.give_back_all(node, runs).await?;
    if leases > 0 {
        tracing::info!(leases, "what was leased of balances and not used is given back");
    }
    Ok(())
}

/// What a run of a node has leased by what the store says, and how far its journal was recorded then.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn leased(store: &Store, run: &Run) -> Result<(BTreeMap<Stretch, u64>, u64), BillingError> {
    let mut transaction = store.begin_reading().await?;
    let position = transaction.journal_place(run.node.as_str()).await?.sequence;
    let open = transaction.open_leases_of_run(run).await?;
    transaction.roll_back().await?;
    Ok((open.into_iter().map(|lease| (lease.stretch, lease.units)).collect(), position))
}
