//! What is left of balances, for those who ask.

use super::reserved::Reserved;
use crate::billing::error::BillingError;
use crate::domain::balance::{Balance, Funds, Lease, PaidFrom};
use crate::domain::id::BalanceId;
use crate::domain::time::{Period, Timestamp, Zone};
use crate::store::balance_dispute::Disputed;
use crate::store::{Store, StoreError};

/// The balances that a store keeps, as those see them who may only look.
#[derive(Debug, Clone)]
pub struct Balances {
    store: Store,
}

impl Balances {
    /// Those of `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The balances on which an app's fees are counted, with their sums as they are at `now`.
    ///
    /// # Errors
    /// [`BillingError`].
    pub async fn of(
        &self,
        paid_from: &[PaidFrom],
        now: Timestamp,
        zone: &Zone,
    ) -> Result<Vec<(Balance, Funds)>, BillingError> {
        let mut told = Vec::with_capacity(paid_from.len());
        for PaidFrom { balance, .. } in paid_from {
            let balance = self.store.balance(balance).await?;
            let balance = balance.ok_or(StoreError::Missing { what: "balance" })?;
            let funds = funds(&self.store, &balance, now, zone).await?;
            told.push((balance, funds));
        }
        Ok(told)
    }
}

/// What nodes have leased of a balance, and is neither recorded nor given back.
///
/// # Errors
/// [`StoreError`].
pub async fn leases(store: &Store, balance: &BalanceId) -> Result<Vec<Lease>, StoreError> {
    let mut transaction = store.begin_reading().await?;
    let leases = transaction.open_leases(balance).await?;
    transaction.roll_back().await?;
    Ok(leases)
}

/// The units of a balance by which calls were let through that someone has to decide about.
///
/// # Errors
/// [`StoreError`].
pub async fn disputed(store: &Store, balance: &BalanceId) -> Result<Vec<Disputed>, StoreError> {
    let mut transaction = store.begin_reading().await?;
    let disputed = transaction.open_disputes(balance).await?;
    transaction.roll_back().await?;
    Ok(disputed)
}

/// The sums of a balance; of a budget, those of the service period that runs at `now` in `zone`.
///
/// # Errors
/// [`BillingError`].
pub async fn funds(
    store: &Store,
    balance: &Balance,
    now: Timestamp,
    zone: &Zone,
) -> Result<Funds, BillingError> {
    let mut transaction = store.begin_reading().await?;
    let reserved = Reserved::read(&mut transaction, balance, Period::of(now, zone), None).await?;
    transaction.roll_back().await?;
    Ok(reserved.funds)
}
