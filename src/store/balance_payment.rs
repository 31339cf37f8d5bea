//! What fees took of money that was paid in. Append-only.

use super::error::StoreError;
use super::numbers::Numbers;
use super::row::known;
use super::transaction::Transaction;
use crate::domain::id::{BalanceId, PartnerId};
use crate::domain::ledger::LedgerTransaction;

/// So much of what is owed, paid by what was paid in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Into which balance it was paid.
    pub balance: BalanceId,
    /// Whose money it is, and who owed it.
    pub partner: PartnerId,
    /// Minor units; below zero, so much is owed again.
    pub minor: i64,
}

impl Transaction {
    /// Keeps a payment, and posts it. The transaction must hold [`super::transaction::Exclusive::Billing`], and `numbers` be learned.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if its cause is known; [`StoreError::Unavailable`].
    pub async fn insert_payment(
        &mut self,
        payment: &Payment,
        posting: &LedgerTransaction,
        numbers: &mut Numbers,
    ) -> Result<(), StoreError> {
        let posted = self.post(std::slice::from_ref(posting), numbers).await?;
        let number = known("balance_payment.posting", posted.first().copied())?;
        on!(self.connection(), db => {
            sqlx::query("insert into balance_payment (posting, balance, partner, minor) values ($1, $2, $3, $4)")
                .bind(number)
                .bind(payment.balance.as_str())
                .bind(payment.partner.as_str())
                .bind(payment.minor)
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }

    /// How much of what its fees came to was paid by what was paid into a balance, in minor units.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn paid_by(&mut self, balance: &BalanceId) -> Result<i64, StoreError> {
        let (sum,): (i64,) = on!(self.connection(), db => {
            sqlx::query_as(
                "select cast(coalesce(sum(minor), 0) as bigint) as minor from balance_payment where balance = $1",
            )
            .bind(balance.as_str())
            .fetch_one(db)
            .await
        })?;
        Ok(sum)
    }
}
