//! Money that is paid into balances, and out of them again. Append-only: what was wrong is corrected by more of the same.

use super::error::StoreError;
use super::numbers::Numbers;
use super::row::known;
use super::transaction::Transaction;
use crate::domain::id::BalanceId;
use crate::domain::ledger::LedgerTransaction;
use crate::domain::time::Timestamp;

/// Money that comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deposit {
    /// Into which balance.
    pub balance: BalanceId,
    /// What names it to who paid: it comes in once.
    pub cause: String,
    /// Minor units; above zero.
    pub minor: i64,
    /// When it came in.
    pub at: Timestamp,
}

/// Money that goes out again, or that had not come in as a deposit said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Of which balance.
    pub balance: BalanceId,
    /// What names it: it goes out once.
    pub cause: String,
    /// The cause of the deposit that is corrected, if it is one.
    pub deposit: Option<String>,
    /// Minor units; of a correction also below zero: so much more had come in.
    pub minor: i64,
    /// When.
    pub at: Timestamp,
}

/// What went out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawn {
    /// Minor units.
    pub minor: i64,
    /// The cause of the deposit that was corrected, if it was one.
    pub deposit: Option<String>,
    /// The number of its posting.
    pub posting: i64,
}

impl Transaction {
    /// How much was paid in under that cause, if anything was.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn deposited(&mut self, balance: &BalanceId, cause: &str) -> Result<Option<i64>, StoreError> {
        let found: Option<(i64,)> = on!(self.connection(), db => {
            sqlx::query_as("select minor from balance_deposit where balance = $1 and cause = $2")
                .bind(balance.as_str())
                .bind(cause)
                .fetch_optional(db)
                .await
        })?;
        Ok(found.map(|(minor,)| minor))
    }

    /// Keeps what was paid in, and posts it; gives the numbers for what follows. The transaction must hold
    /// [`super::transaction::Exclusive::Billing`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if its cause is known; [`StoreError::Unavailable`].
    pub async fn insert_deposit(
        &mut self,
        deposit: &Deposit,
        posting: &LedgerTransaction,
    ) -> Result<Numbers, StoreError> {
        let mut numbers = Numbers::default();
        self.learn_last(&mut numbers).await?;
        let posted = self.post(std::slice::from_ref(posting), &mut numbers).await?;
        let number = known("balance_deposit.posting", posted.first().copied())?;
        on!(self.connection(), db => {
            sqlx::query("insert into balance_deposit (balance, cause, minor, at, posting) values ($1, $2, $3, $4, $5)")
                .bind(deposit.balance.as_str())
                .bind(&deposit.cause)
                .bind(deposit.minor)
                .bind(deposit.at.as_micros())
                .bind(number)
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(numbers)
    }

    /// What was paid into a balance and not paid out again, in minor units.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn paid_in(&mut self, balance: &BalanceId) -> Result<i64, StoreError> {
        let (sum,): (i64,) = on!(self.connection(), db => {
            sqlx::query_as(
                "select cast(coalesce(sum(minor), 0) as bigint) as minor from (select minor from balance_deposit where balance = $1 \
                 union all select -minor from balance_withdrawal where balance = $1) m",
            )
            .bind(balance.as_str())
            .fetch_one(db)
            .await
        })?;
        Ok(sum)
    }

    /// What went out under that cause, if anything did.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn withdrawn(
        &mut self,
        balance: &BalanceId,
        cause: &str,
    ) -> Result<Option<Withdrawn>, StoreError> {
        let found: Option<(i64, String, i64)> = on!(self.connection(), db => {
            sqlx::query_as("select minor, deposit, posting from balance_withdrawal where balance = $1 and cause = $2")
                .bind(balance.as_str())
                .bind(cause)
                .fetch_optional(db)
                .await
        })?;
        Ok(found.map(|(minor, deposit, posting)| {
            let deposit = Some(deposit).filter(|deposit| !deposit.is_empty());
            Withdrawn { minor, deposit, posting }
        }))
    }

    /// By how much a deposit was corrected up to a posting: so many minor units less had come in.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn corrected(
        &mut self,
        balance: &BalanceId,
        deposit: &str,
        up_to: i64,
    ) -> Result<i64, StoreError> {
        let (sum,): (i64,) = on!(self.connection(), db => {
            sqlx::query_as(
                "select cast(coalesce(sum(minor), 0) as bigint) as minor from balance_withdrawal \
                 where balance = $1 and deposit = $2 and posting <= $3",
            )
            .bind(balance.as_str())
            .bind(deposit)
            .bind(up_to)
            .fetch_one(db)
            .await
        })?;
        Ok(sum)
    }

    /// Keeps what goes out, and posts it; gives the numbers for what follows. The transaction must hold
    /// [`super::transaction::Exclusive::Billing`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if its cause is known; [`StoreError::Unavailable`].
    pub async fn insert_withdrawal(
        &mut self,
        withdrawal: &Withdrawal,
        posting: &LedgerTransaction,
    ) -> Result<Numbers, StoreError> {
        let mut numbers = Numbers::default();
        self.learn_last(&mut numbers).await?;
        let posted = self.post(std::slice::from_ref(posting), &mut numbers).await?;
        let number = known("balance_withdrawal.posting", posted.first().copied())?;
        on!(self.connection(), db => {
            sqlx::query(
                "insert into balance_withdrawal (balance, cause, deposit, minor, at, posting) values ($1, $2, $3, $4, $5, $6)",
            )
            .bind(withdrawal.balance.as_str())
            .bind(&withdrawal.cause)
            .bind(withdrawal.deposit.as_deref().unwrap_or_default())
            .bind(withdrawal.minor)
            .bind(withdrawal.at.as_micros())
            .bind(number)
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(numbers)
    }
}
