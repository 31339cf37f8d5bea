//! What nodes have leased of plans' quotas. The row of a window is locked by who leases of it, or gives back.

use super::error::StoreError;
use super::open::Store;
use super::row::{all, known, parse};
use super::transaction::Transaction;
use super::usage::{count, integer};
use crate::domain::id::{AppId, NodeId};
use crate::domain::plan::Quantity;
use crate::domain::quota::QuotaWindow;
use crate::domain::time::Timestamp;

/// What is leased of a window: in all, or to one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaLeased {
    /// The window; how many it has is not kept here, and 0.
    pub window: QuotaWindow,
    /// How many.
    pub leased: u64,
}

row! {
    LeasedRow {
        app: String,
        plan: String,
        quota: String,
        counts: String,
        window_from: i64,
        window_until: i64,
        leased: i64,
    }
}

impl TryFrom<LeasedRow> for QuotaLeased {
    type Error = StoreError;

    fn try_from(row: LeasedRow) -> Result<Self, StoreError> {
        let window = QuotaWindow {
            app: parse("quota_use.app", &row.app)?,
            plan: parse("quota_use.plan", &row.plan)?,
            quota: parse("quota_use.quota", &row.quota)?,
            of: known("quota_use.counts", Quantity::named(&row.counts))?,
            most: 0,
            from: Timestamp::from_micros(row.window_from),
            until: Timestamp::from_micros(row.window_until),
        };
        Ok(Self { window, leased: count("quota_use.leased", row.leased)? })
    }
}

/// The key of a window, of which values 1 to 6 are.
macro_rules! of_window {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            " where app = $1 and plan = $2 and quota = $3 and counts = $4 and window_from = $5 and window_until = $6",
            $tail
        )
    };
}

macro_rules! bound {
    ($query:expr, $window:expr) => {
        $query
            .bind($window.app.as_str())
            .bind($window.plan.as_str())
            .bind($window.quota.as_str())
            .bind($window.of.name())
            .bind($window.from.as_micros())
            .bind($window.until.as_micros())
    };
}

impl Transaction {
    /// Locks a window, which is there from then on; gives what is leased of it in all.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_quota(&mut self, window: &QuotaWindow) -> Result<u64, StoreError> {
        on!(self.connection(), db => {
            bound!(
                sqlx::query(
                    "insert into quota_use (app, plan, quota, counts, window_from, window_until, leased) \
                     values ($1, $2, $3, $4, $5, $6, 0) \
                     on conflict (app, plan, quota, counts, window_from, window_until) do nothing",
                ),
                window
            )
            .execute(db)
            .await
            .map(|_| ())
        })?;
        let row: Option<(i64,)> =
            lock_row!(self, of_window!("select leased from quota_use", ""), |query| bound!(query, window))?;
        count("quota_use.leased", known("quota_use.leased", row)?.0)
    }

    /// Leases so many more to a node. The transaction must have locked the window.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn lease_quota(
        &mut self,
        window: &QuotaWindow,
        node: &NodeId,
        units: u64,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            bound!(
                sqlx::query(
                    "insert into quota_lease (app, plan, quota, counts, window_from, window_until, node, leased) \
                     values ($1, $2, $3, $4, $5, $6, $7, $8) \
                     on conflict (app, plan, quota, counts, window_from, window_until, node) \
                     do update set leased = quota_lease.leased + excluded.leased",
                ),
                window
            )
            .bind(node.as_str())
            .bind(integer(units))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        on!(self.connection(), db => {
            bound!(sqlx::query(of_window!("update quota_use set leased = leased + $7", "")), window)
                .bind(integer(units))
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }

    /// Takes back so many that a node has leased, and has not used. The transaction must have locked the window.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Conflict`] if it has not so many; [`StoreError::Unavailable`].
    pub async fn give_back_quota(
        &mut self,
        window: &QuotaWindow,
        node: &NodeId,
        units: u64,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            bound!(sqlx::query(of_window!("update quota_lease set leased = leased - $8", " and node = $7")), window)
                .bind(node.as_str())
                .bind(integer(units))
                .execute(db)
                .await
                .map(|_| ())
        })?;
        on!(self.connection(), db => {
            bound!(sqlx::query(of_window!("update quota_use set leased = leased - $7", "")), window)
                .bind(integer(units))
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }

    /// What a node has leased of windows that have not ended by `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn quotas_of_node(
        &mut self,
        node: &NodeId,
        now: Timestamp,
    ) -> Result<Vec<QuotaLeased>, StoreError> {
        let rows: Vec<LeasedRow> = on!(self.connection(), db => {
            sqlx::query_as(
                "select app, plan, quota, counts, window_from, window_until, leased from quota_lease \
                 where node = $1 and leased > 0 and window_until > $2 \
                 order by app, plan, quota, counts, window_from, window_until",
            )
            .bind(node.as_str())
            .bind(now.as_micros())
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }

    /// What the books have of calls that a node let through in a window: how many were billable, or their units.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn recorded_of_quota(
        &mut self,
        window: &QuotaWindow,
        node: &NodeId,
    ) -> Result<u64, StoreError> {
        let (calls, units): (i64, i64) = on!(self.connection(), db => {
            sqlx::query_as(
                "select count(*), cast(coalesce(sum(u.units), 0) as bigint) from usage_run r \
                 cross join usage u join usage_context c on c.number = u.context \
                 where r.app = (select number from usage_app where app = $1) \
                 and r.day >= $4 / 86400000000 and r.day <= $5 / 86400000000 \
                 and u.number >= r.first and u.number <= r.last and u.at >= $4 and u.at < $5 \
                 and c.app = $1 and c.plan = $2 and c.node = $3 and c.outcome = 'billable'",
            )
            .bind(window.app.as_str())
            .bind(window.plan.as_str())
            .bind(node.as_str())
            .bind(window.from.as_micros())
            .bind(window.until.as_micros())
            .fetch_one(db)
            .await
        })?;
        count(
            "usage.units",
            match window.of {
                Quantity::Calls => calls,
                Quantity::Units => units,
            },
        )
    }
}

impl Store {
    /// What is leased in all of an app's windows that run at `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn quotas_of_app(&self, app: &AppId, now: Timestamp) -> Result<Vec<QuotaLeased>, StoreError> {
        let rows: Vec<LeasedRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select app, plan, quota, counts, window_from, window_until, leased from quota_use \
                 where app = $1 and window_from <= $2 and window_until > $2",
            )
            .bind(app.as_str())
            .bind(now.as_micros())
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }
}
