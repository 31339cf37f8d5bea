//! Second factors of merchants: what makes their one-time passwords, and the recovery codes that stand in for one.
//!
//! Invariant: a one-time password works once, and so does a recovery code: whoever is second to use one changes nothing. An
//! attempt is counted before it is looked at, whichever node it meets, but in browsers that a merchant is known by, which the node
//! counts by themselves.

use std::time::Duration;

use super::error::StoreError;
use super::open::Store;
use super::row::{parse, time};
use super::transaction::Transaction;
use crate::domain::id::{MerchantId, SessionId};
use crate::domain::secret_hash::RecoveryHash;
use crate::domain::time::Timestamp;

/// So many wrong passwords in a row make nobody wait.
const FREE_FAILURES: i64 = 5;
/// How long the next one makes wait. Each that follows doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// How long it makes wait at most.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// A merchant's second factor.
#[derive(Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// The secret of its one-time passwords as the caller sealed it.
    pub sealed: Vec<u8>,
    /// When the merchant first showed a password of it; until then it is only offered.
    pub confirmed_at: Option<Timestamp>,
    /// The session that made it: no other may confirm it.
    pub offered_by: SessionId,
    /// When.
    pub offered_at: Timestamp,
}

impl std::fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecondFactor").field("confirmed_at", &self.confirmed_at).finish_non_exhaustive()
    }
}

/// A second factor that a merchant logs in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfirmedFactor {
    /// Since when.
    pub since: Timestamp,
    /// How many recovery codes stand in for it.
    pub recovery_codes_left: i64,
}

/// Which second factor is removed. What came in its place meanwhile stays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Removal<'f> {
    /// One that is only offered.
    Offered,
    /// The one that the merchant proved itself by, as it is sealed.
    Proven(&'f [u8]),
    /// Any: an administrator has it removed.
    Any,
}

row! {
    FactorRow { sealed: Vec<u8>, confirmed_at: Option<i64>, offered_by: String, offered_at: i64 }
}

impl TryFrom<FactorRow> for SecondFactor {
    type Error = StoreError;

    fn try_from(row: FactorRow) -> Result<Self, StoreError> {
        Ok(Self {
            sealed: row.sealed,
            confirmed_at: time(row.confirmed_at),
            offered_by: parse("second_factor.offered_by", &row.offered_by)?,
            offered_at: Timestamp::from_micros(row.offered_at),
        })
    }
}

row! {
    ConfirmedRow { confirmed_at: i64, codes: i64 }
}

impl From<ConfirmedRow> for ConfirmedFactor {
    fn from(row: ConfirmedRow) -> Self {
        Self { since: Timestamp::from_micros(row.confirmed_at), recovery_codes_left: row.codes }
    }
}

const CONFIRMED: &str = "select confirmed_at, \
     (select count(*) from recovery_code where recovery_code.merchant = second_factor.merchant) as codes \
     from second_factor where merchant = $1 and confirmed_at is not null";

row! {
    TriedRow { failures: i64, tried_at: i64 }
}

impl TriedRow {
    /// When the next attempt may come.
    fn next_at(&self) -> Timestamp {
        let tried_at = Timestamp::from_micros(self.tried_at);
        let beyond = self.failures.saturating_sub(FREE_FAILURES);
        match u32::try_from(beyond) {
            Ok(beyond) => tried_at.plus(FIRST_WAIT.saturating_mul(1 << beyond.min(10)).min(LONGEST_WAIT)),
            Err(_) => tried_at,
        }
    }
}

impl Store {
    /// The second factor of a merchant, offered or confirmed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn second_factor(&self, merchant: &MerchantId) -> Result<Option<SecondFactor>, StoreError> {
        let row: Option<FactorRow> = on!(self.reader(), db => {
            sqlx::query_as("select sealed, confirmed_at, offered_by, offered_at from second_factor where merchant = $1")
                .bind(merchant.as_str())
                .fetch_optional(db)
                .await
        })?;
        row.map(SecondFactor::try_from).transpose()
    }

    /// The second factor that a merchant logs in by.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn confirmed_factor(
        &self,
        merchant: &MerchantId,
    ) -> Result<Option<ConfirmedFactor>, StoreError> {
        let row: Option<ConfirmedRow> = on!(self.reader(), db => {
            sqlx::query_as(CONFIRMED).bind(merchant.as_str()).fetch_optional(db).await
        })?;
        Ok(row.map(ConfirmedFactor::from))
    }

    /// Offers a merchant a second factor in place of one that it did not confirm; whether it has none that it did.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a merchant; [`StoreError::Unavailable`].
    pub async fn offer_second_factor(
        &self,
        merchant: &MerchantId,
        sealed: &[u8],
        (session, now): (&SessionId, Timestamp),
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let offered = on!(transaction.connection(), db => {
            sqlx::query(
                "insert into second_factor (merchant, sealed, last_step, failures, tried_at, offered_by, offered_at) \
                 values ($1, $2, 0, 0, 0, $3, $4) on conflict (merchant) do update set sealed = excluded.sealed, \
                 offered_by = excluded.offered_by, offered_at = excluded.offered_at \
                 where second_factor.confirmed_at is null",
            )
            .bind(merchant.as_str())
            .bind(sealed)
            .bind(session.as_str())
            .bind(now.as_micros())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })
        .map_err(|error| StoreError::from(error).for_missing("merchant"))?;
        if offered > 0 {
            transaction.commit().await?;
        }
        Ok(offered > 0)
    }

    /// Confirms the second factor that was offered as `sealed` by the password of time step `step`, keeps its recovery codes,
    /// and ends all sessions but the one that made it; whether it was still offered.
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
        transaction.lock_merchant(merchant).await?;
        let offered_by: Option<String> = on!(transaction.connection(), db => {
            sqlx::query_scalar(
                "update second_factor set confirmed_at = $3, last_step = $4 \
                 where merchant = $1 and sealed = $2 and confirmed_at is null returning offered_by",
            )
            .bind(merchant.as_str())
            .bind(sealed)
            .bind(now.as_micros())
            .bind(step)
            .fetch_optional(db)
            .await
        })?;
        let Some(offered_by) = offered_by else { return Ok(false) };
        for hash in recovery {
            transaction.insert_recovery_code(merchant, hash).await?;
        }
        transaction.delete_other_login_sessions_of(merchant, &offered_by).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Counts an attempt at a merchant's one-time password before it is looked at. Gives when it may come, if that is later
    /// than `now`: then it is not counted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn count_one_time_attempt(
        &self,
        merchant: &MerchantId,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut transaction = self.begin().await?;
        let tried: Option<TriedRow> = lock_row!(
            transaction,
            "select failures, tried_at from second_factor where merchant = $1",
            |query| query.bind(merchant.as_str())
        )?;
        let next_at = tried.map(|tried| tried.next_at()).filter(|next_at| *next_at > now);
        if next_at.is_none() {
            transaction.note_attempt(merchant, now).await?;
            transaction.commit().await?;
        }
        Ok(next_at)
    }

    /// Uses the one-time password of time step `step` up; whether it, and every later one, was still unused. If it was counted, those
    /// that failed before it are forgotten.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn use_one_time_password(
        &self,
        merchant: &MerchantId,
        step: i64,
        was_counted: bool,
    ) -> Result<bool, StoreError> {
        let used = on!(self.writer(), db => {
            sqlx::query(
                "update second_factor set last_step = $2, failures = case when $3 then 0 else failures end \
                 where merchant = $1 and last_step < $2 and confirmed_at is not null",
            )
            .bind(merchant.as_str())
            .bind(step)
            .bind(was_counted)
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
        let mut transaction = self.begin().await?;
        let used = on!(transaction.connection(), db => {
            sqlx::query("delete from recovery_code where hash = $1 and merchant = $2")
                .bind(&hash.0[..])
                .bind(merchant.as_str())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        if used > 0 {
            transaction.commit().await?;
        }
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

    /// Removes a merchant's second factor and its recovery codes; whether it had one of that kind.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn remove_second_factor(
        &self,
        merchant: &MerchantId,
        removal: Removal<'_>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let is_removed = transaction.remove_second_factor(merchant, removal).await?;
        if is_removed {
            transaction.commit().await?;
        }
        Ok(is_removed)
    }
}

impl Transaction {
    /// Removes a merchant's second factor and its recovery codes; whether it had one of that kind.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn remove_second_factor(
        &mut self,
        merchant: &MerchantId,
        removal: Removal<'_>,
    ) -> Result<bool, StoreError> {
        let (is_offer, proven) = match removal {
            Removal::Offered => (true, None),
            Removal::Proven(sealed) => (false, Some(sealed)),
            Removal::Any => (false, None),
        };
        let removed = on!(self.connection(), db => {
            sqlx::query(
                "delete from second_factor where merchant = $1 and (not $2 or confirmed_at is null) \
                 and sealed = coalesce($3, sealed)",
            )
            .bind(merchant.as_str())
            .bind(is_offer)
            .bind(proven)
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(removed > 0)
    }

    /// The second factor that a merchant logs in by, as the transaction sees it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn confirmed_factor(
        &mut self,
        merchant: &MerchantId,
    ) -> Result<Option<ConfirmedFactor>, StoreError> {
        let row: Option<ConfirmedRow> = on!(self.connection(), db => {
            sqlx::query_as(CONFIRMED).bind(merchant.as_str()).fetch_optional(db).await
        })?;
        Ok(row.map(ConfirmedFactor::from))
    }

    /// Whether a merchant logs in by two factors.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn has_confirmed_factor(&mut self, merchant: &MerchantId) -> Result<bool, StoreError> {
        let found: Option<i64> = on!(self.connection(), db => {
            sqlx::query_scalar(
                "select confirmed_at from second_factor where merchant = $1 and confirmed_at is not null",
            )
            .bind(merchant.as_str())
            .fetch_optional(db)
            .await
        })?;
        Ok(found.is_some())
    }

    async fn note_attempt(&mut self, merchant: &MerchantId, now: Timestamp) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("update second_factor set failures = failures + 1, tried_at = $2 where merchant = $1")
                .bind(merchant.as_str())
                .bind(now.as_micros())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }

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
