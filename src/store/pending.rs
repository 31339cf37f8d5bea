//! Amounts that wait in the ledger, and what became of them. Append-only, and never more than there was, by triggers of both
//! stores.

use super::error::StoreError;
use super::open::Store;
use super::row::{known, parse};
use super::transaction::Transaction;
use crate::domain::ledger::LedgerTransaction;
use crate::domain::money::Amount;
use crate::domain::pending::{Moved, Pending, Resolution};
use crate::domain::time::Timestamp;

/// An amount that waits, or waited, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPending {
    /// The number of the ledger transaction that took it.
    pub number: i64,
    /// The cause of that.
    pub cause: String,
    /// What of it is left.
    pub pending: Pending,
    /// How many resolutions there are of it.
    pub parts: i64,
}

/// A resolution as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptResolution {
    /// The cause of the amount that waited.
    pub pending: String,
    /// What became of it: the name of a [`Resolution`].
    pub outcome: String,
    /// How many minor units it moved.
    pub minor: i64,
    /// To which account, as text.
    pub to: String,
}

/// What waits that a check reads at once.
const READ_AT_ONCE: i64 = 10_000;

row! {
    PendingRow {
        number: i64,
        cause: String,
        source: String,
        held: String,
        minor: i64,
        currency: String,
        expires_at: i64,
        gone: i64,
        parts: i64,
    }
}

impl TryFrom<PendingRow> for KeptPending {
    type Error = StoreError;

    fn try_from(row: PendingRow) -> Result<Self, StoreError> {
        let accounts =
            (parse("ledger_pending.source", &row.source)?, parse("ledger_pending.held", &row.held)?);
        let amount =
            Amount { minor: row.minor, currency: parse("ledger_transaction.currency", &row.currency)? };
        let pending = Pending::new(accounts, amount, Timestamp::from_micros(row.expires_at))
            .and_then(|pending| pending.after(row.gone))
            .map_err(|error| StoreError::corrupt(error.to_string()))?;
        Ok(Self { number: row.number, cause: row.cause, pending, parts: row.parts })
    }
}

row! {
    ResolutionRow { pending: String, outcome: String, minor: i64, target: String }
}

impl Transaction {
    /// The amount that `cause` had wait.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn pending(&mut self, cause: &str) -> Result<Option<KeptPending>, StoreError> {
        let row: Option<PendingRow> = on!(self.connection(), db => {
            sqlx::query_as(
                "select p.number, t.cause, s.party || ':' || s.purpose as source, h.party || ':' || h.purpose as held, \
                 p.minor, t.currency, p.expires_at, cast(coalesce((select sum(r.minor) from ledger_resolution r \
                 where r.pending = p.number), 0) as bigint) as gone, cast((select count(*) from ledger_resolution r \
                 where r.pending = p.number) as bigint) as parts from ledger_transaction t \
                 join ledger_pending p on p.number = t.number join ledger_account s on s.number = p.source \
                 join ledger_account h on h.number = p.held where t.cause = $1",
            )
            .bind(cause)
            .fetch_optional(db)
            .await
        })?;
        row.map(KeptPending::try_from).transpose()
    }

    /// What waits and cannot be read: the cause of each, and what is wrong with it. Nothing becomes of it until that is put right.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn damaged_pending(&mut self) -> Result<Vec<(String, String)>, StoreError> {
        let (mut damaged, mut last) = (Vec::new(), i64::MIN);
        loop {
            let time = self.answer_time();
            let rows: Vec<PendingRow> = on!(self.connection(), within time, db => {
                sqlx::query_as(sqlx::AssertSqlSafe(format!(
                    "select w.pending as number, coalesce(t.cause, cast(w.pending as text)) as cause, \
                     coalesce(s.party || ':' || s.purpose, '') as source, coalesce(h.party || ':' || h.purpose, '') as held, \
                     p.minor, coalesce(t.currency, '') as currency, p.expires_at, cast(coalesce((select sum(r.minor) \
                     from ledger_resolution r where r.pending = p.number), 0) as bigint) as gone, \
                     cast(0 as bigint) as parts from ledger_waiting w join ledger_pending p on p.number = w.pending \
                     left join ledger_transaction t on t.number = w.pending left join ledger_account s on s.number = p.source \
                     left join ledger_account h on h.number = p.held where w.pending > $1 order by w.pending \
                     limit {READ_AT_ONCE}"
                )))
                .bind(last)
                .fetch_all(db)
                .await
            })?;
            let Some(row) = rows.last() else { return Ok(damaged) };
            last = row.number;
            damaged.extend(rows.into_iter().filter_map(|row| {
                let cause = row.cause.clone();
                KeptPending::try_from(row).err().map(|error| (cause, error.to_string()))
            }));
        }
    }

    /// The resolution that `cause` made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn resolution_by(&mut self, cause: &str) -> Result<Option<KeptResolution>, StoreError> {
        let row: Option<ResolutionRow> = on!(self.connection(), db => {
            sqlx::query_as(
                "select w.cause as pending, r.outcome, r.minor, a.party || ':' || a.purpose as target \
                 from ledger_transaction t join ledger_resolution r on r.number = t.number \
                 join ledger_transaction w on w.number = r.pending join ledger_account a on a.number = r.target \
                 where t.cause = $1",
            )
            .bind(cause)
            .fetch_optional(db)
            .await
        })?;
        Ok(row.map(|row| KeptResolution {
            pending: row.pending,
            outcome: row.outcome,
            minor: row.minor,
            to: row.target,
        }))
    }

    /// Whether anything was posted by `cause`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn is_posted(&mut self, cause: &str) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = on!(self.connection(), db => {
            sqlx::query_as("select number from ledger_transaction where cause = $1")
                .bind(cause)
                .fetch_optional(db)
                .await
        })?;
        Ok(row.is_some())
    }

    /// Posts `transaction`, which takes what is `pending`, and has that wait. The transaction must hold
    /// [`super::transaction::Exclusive::Billing`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if its cause was posted before; [`StoreError::Unavailable`].
    pub async fn keep_pending(
        &mut self,
        transaction: &LedgerTransaction,
        pending: &Pending,
    ) -> Result<(), StoreError> {
        let (posted, numbers) = self.post_by_themselves(std::slice::from_ref(transaction)).await?;
        let number = posted.first().copied();
        let account = |account| numbers.account(account, pending.amount().currency);
        let source = known("ledger_pending.source", account(pending.source()))?;
        let held = known("ledger_pending.held", account(pending.held()))?;
        let expires_at = pending.expires_at().as_micros();
        on!(self.connection(), db => {
            sqlx::query(
                "insert into ledger_pending (number, source, held, minor, expires_at) values ($1, $2, $3, $4, $5)",
            )
            .bind(number)
            .bind(source)
            .bind(held)
            .bind(pending.amount().minor)
            .bind(expires_at)
            .execute(db)
            .await
            .map(|_| ())
        })?;
        on!(self.connection(), db => {
            sqlx::query("insert into ledger_waiting (pending, expires_at) values ($1, $2)")
                .bind(number)
                .bind(expires_at)
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }

    /// Posts `transaction`, which moves what `resolution` of `kept` moves, and keeps that as the next part. The transaction must
    /// hold [`super::transaction::Exclusive::Billing`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if its cause was posted before, or less is left than it moves;
    /// [`StoreError::Unavailable`].
    pub async fn keep_resolution(
        &mut self,
        transaction: &LedgerTransaction,
        (kept, resolution): (&KeptPending, &Resolution),
        moved: &Moved,
    ) -> Result<(), StoreError> {
        let (posted, numbers) = self.post_by_themselves(std::slice::from_ref(transaction)).await?;
        let target = numbers.account(&moved.to, moved.amount.currency);
        let target = known("ledger_resolution.target", target)?;
        on!(self.connection(), db => {
            sqlx::query(
                "insert into ledger_resolution (pending, part, outcome, minor, target, number) \
                 values ($1, $2, $3, $4, $5, $6)",
            )
            .bind(kept.number)
            .bind(kept.parts.saturating_add(1))
            .bind(resolution.name())
            .bind(moved.amount.minor)
            .bind(target)
            .bind(posted.first().copied())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        on!(self.connection(), db => {
            sqlx::query(
                "delete from ledger_waiting where pending = $1 and (select p.minor from ledger_pending p where p.number = $1) \
                 = (select sum(r.minor) from ledger_resolution r where r.pending = $1)",
            )
            .bind(kept.number)
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }
}

/// What waits although its time ran out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// The cause that had it wait.
    pub cause: String,
    expires_at: i64,
    number: i64,
}

row! {
    ExpiredRow { cause: String, expires_at: i64, number: i64 }
}

/// Of what waits although its time ran out by $1, the first to run out first, behind number $3, which ran out at $2.
const EXPIRED: &str = "select t.cause, w.expires_at, w.pending as number from ledger_waiting w \
                       join ledger_transaction t on t.number = w.pending \
                       where w.expires_at <= $1 and w.expires_at >= $2 and (w.expires_at > $2 or w.pending > $3) \
                       order by w.expires_at, w.pending limit $4";

impl Transaction {
    /// What waits although its time ran out by `now`, the first to run out first, `limit` of them at most, behind `after`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn expired_pending(
        &mut self,
        now: Timestamp,
        after: Option<&Expired>,
        limit: i64,
    ) -> Result<Vec<Expired>, StoreError> {
        let (expires_at, number) = after.map_or((i64::MIN, 0), |after| (after.expires_at, after.number));
        let rows: Vec<ExpiredRow> = on!(self.connection(), db => {
            sqlx::query_as(EXPIRED)
                .bind(now.as_micros())
                .bind(expires_at)
                .bind(number)
                .bind(limit)
                .fetch_all(db)
                .await
        })?;
        let expired = |ExpiredRow { cause, expires_at, number }| Expired { cause, expires_at, number };
        Ok(rows.into_iter().map(expired).collect())
    }
}

impl Store {
    /// Whether anything waits although its time ran out by `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn has_expired_pending(&self, now: Timestamp) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = on!(self.reader(), db => {
            sqlx::query_as("select pending from ledger_waiting where expires_at <= $1 limit 1")
                .bind(now.as_micros())
                .fetch_optional(db)
                .await
        })?;
        Ok(row.is_some())
    }
}
