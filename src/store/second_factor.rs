//! Second factors of merchants: what makes their one-time passwords, and the recovery codes that stand in for one.
//!
//! Invariant: a one-time password works once, and so does a recovery code: whoever is second to use one changes nothing.

use super::error::StoreError;
use super::open::Store;
use super::row::time;
use super::transaction::Transaction;
use crate::domain::id::MerchantId;
use crate::domain::secret_hash::RecoveryHash;
use crate::domain::time::Timestamp;

/// A merchant's second factor.
#[derive(Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// The secret of its one-time passwords as the caller sealed it.
    pub sealed: Vec<u8>,
    /// When the merchant first showed a password of it; until then it is only offered.
    pub confirmed_at: Option<Timestamp>,
}

impl std::fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecondFactor").field("confirmed_at", &self.confirmed_at).finish_non_exhaustive()
    }
}

row! {
    FactorRow { sealed: Vec<u8>, confirmed_at: Option<i64> }
}

impl Store {
    /// The second factor of a merchant, offered or confirmed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn second_factor(&self, merchant: &MerchantId) -> Result<Option<SecondFactor>, StoreError> {
        let row: Option<FactorRow> = on!(self.reader(), db => {
            sqlx::query_as("select sealed, confirmed_at from second_factor where merchant = $1")
                .bind(merchant.as_str())
                .fetch_optional(db)
                .await
        })?;
        Ok(row.map(|row| SecondFactor { sealed: row.sealed, confirmed_at: time(row.confirmed_at) }))
    }

    /// Offers a merchant a second factor in place of one that it did not confirm; whether it has none that it did.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a merchant; [`StoreError::Unavailable`].
    pub async fn offer_second_factor(
        &self,
        merchant: &MerchantId,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let offered = on!(self.writer(), db => {
            sqlx::query(
                "insert into second_factor (merchant, sealed, last_step, created_at) values ($1, $2, 0, $3) \
                 on conflict (merchant) do update set sealed = excluded.sealed, created_at = excluded.created_at \
                 where second_factor.confirmed_at is null",
            )
            .bind(merchant.as_str())
            .bind(sealed)
            .bind(now.as_micros())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })
        .map_err(|error| StoreError::from(error).for_missing("merchant"))?;
        Ok(offered > 0)
    }

    /// Confirms the second factor that was offered as `sealed` by the password of time step `step`, and keeps its recovery
    /// codes; whether it was still offered.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn confirm_second_factor(
        &self,
        (merchant, sealed): (&MerchantId, &[u8]),
        (step, recovery): (i64, &[RecoveryHash]),
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let confirmed = on!(transaction.connection(), db => {
            sqlx::query(
                "update second_factor set confirmed_at = $3, last_step = $4 \
                 where merchant = $1 and sealed = $2 and confirmed_at is null",
            )
            .bind(merchant.as_str())
            .bind(sealed)
            .bind(now.as_micros())
            .bind(step)
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        if confirmed == 0 {
            return Ok(false);
        }
        for hash in recovery {
            transaction.insert_recovery_code(merchant, hash).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Uses the one-time password of time step `step` up; whether it, and every later one, was still unused.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn use_one_time_password(&self, merchant: &MerchantId, step: i64) -> Result<bool, StoreError> {
        let used = on!(self.writer(), db => {
            sqlx::query(
                "update second_factor set last_step = $2 \
                 where merchant = $1 and last_step < $2 and confirmed_at is not null",
            )
            .bind(merchant.as_str())
            .bind(step)
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(used > 0)
    }

    /// Uses a recovery code of the merchant's up; whether it was there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn use_recovery_code(
        &self,
        merchant: &MerchantId,
        hash: &RecoveryHash,
    ) -> Result<bool, StoreError> {
        let used = on!(self.writer(), db => {
            sqlx::query("delete from recovery_code where hash = $1 and merchant = $2")
                .bind(&hash.0[..])
                .bind(merchant.as_str())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(used > 0)
    }

    /// How many recovery codes a merchant has left.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn recovery_codes_left(&self, merchant: &MerchantId) -> Result<i64, StoreError> {
        let left: i64 = on!(self.reader(), db => {
            sqlx::query_scalar("select count(*) from recovery_code where merchant = $1")
                .bind(merchant.as_str())
                .fetch_one(db)
                .await
        })?;
        Ok(left)
    }

    /// Removes a merchant's second factor and its recovery codes; whether it had one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn remove_second_factor(&self, merchant: &MerchantId) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let removed = on!(transaction.connection(), db => {
            sqlx::query("delete from second_factor where merchant = $1")
                .bind(merchant.as_str())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        transaction.commit().await?;
        Ok(removed > 0)
    }
}

impl Transaction {
    async fn insert_recovery_code(
        &mut self,
        merchant: &MerchantId,
        hash: &RecoveryHash,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("insert into recovery_code (hash, merchant) values ($1, $2)")
                .bind(&hash.0[..])
                .bind(merchant.as_str())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }
}
