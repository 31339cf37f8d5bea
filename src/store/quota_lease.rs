//! What nodes have leased of plans' quotas. The row of a window is locked by who leases of it, or gives back.

use std::ops::Range;

use super::error::{StoreError, require};
use super::open::Store;
use super::row::{all, known, parse};
use super::transaction::Transaction;
use super::usage::{count, integer};
use crate::domain::balance::Run;
use crate::domain::id::{AppId, NodeId};
use crate::domain::plan::Quantity;
use crate::domain::quota::QuotaWindow;
use crate::domain::time::Timestamp;

/// What is leased of a window in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaLeased {
    /// The window; how many it has is not kept here, and 0.
    pub window: QuotaWindow,
    /// How many.
    pub leased: u64,
}

/// What is leased of a window to a run of a node, and of which it is not settled yet what of it was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaLease {
    /// The window; how many it has is not kept here, and 0.
    pub window: QuotaWindow,
    /// The last record of the node's journal when the run began.
    pub since: u64,
    /// The same when the run first leased of the window: the records of calls under it come behind.
    pub behind: u64,
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

row! {
    LeaseRow {
        app: String,
        plan: String,
        quota: String,
        counts: String,
        window_from: i64,
        window_until: i64,
        since: i64,
        behind: i64,
        leased: i64,
    }
}

macro_rules! window {
    ($row:ident) => {
        QuotaWindow {
            app: parse("quota_use.app", &$row.app)?,
            plan: parse("quota_use.plan", &$row.plan)?,
            quota: parse("quota_use.quota", &$row.quota)?,
            of: known("quota_use.counts", Quantity::named(&$row.counts))?,
            most: 0,
            from: Timestamp::from_micros($row.window_from),
            until: Timestamp::from_micros($row.window_until),
        }
    };
}

impl TryFrom<LeasedRow> for QuotaLeased {
    type Error = StoreError;

    fn try_from(row: LeasedRow) -> Result<Self, StoreError> {
        Ok(Self { window: window!(row), leased: count("quota_use.leased", row.leased)? })
    }
}

impl TryFrom<LeaseRow> for QuotaLease {
    type Error = StoreError;

    fn try_from(row: LeaseRow) -> Result<Self, StoreError> {
        Ok(Self {
            window: window!(row),
            since: count("quota_lease.since", row.since)?,
            behind: count("quota_lease.behind", row.behind)?,
            leased: count("quota_lease.leased", row.leased)?,
        })
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

    /// Leases so many more to a run of a node, whose journal has that last record. The transaction must have locked the window.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn lease_quota(
        &mut self,
        window: &QuotaWindow,
        (run, behind): (&Run, u64),
        units: u64,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            bound!(
                sqlx::query(
                    "insert into quota_lease \
                     (app, plan, quota, counts, window_from, window_until, node, since, behind, leased) \
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
                     on conflict (app, plan, quota, counts, window_from, window_until, node, since) \
                     do update set leased = quota_lease.leased + excluded.leased",
                ),
                window
            )
            .bind(run.node.as_str())
            .bind(integer(run.since))
            .bind(integer(behind))
            .bind(integer(units))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        self.change_quota(window, integer(units)).await
    }

    /// How many a run of a node has leased of a window.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn quota_leased_to(&mut self, window: &QuotaWindow, run: &Run) -> Result<u64, StoreError> {
        let row: Option<(i64,)> = on!(self.connection(), db => {
            bound!(
                sqlx::query_as(of_window!("select leased from quota_lease", " and node = $7 and since = $8")),
                window
            )
            .bind(run.node.as_str())
            .bind(integer(run.since))
            .fetch_optional(db)
            .await
        })?;
        row.map_or(Ok(0), |(leased,)| count("quota_lease.leased", leased))
    }

    /// What was used of a window under leases that are settled, and those that are not, by nodes and runs.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn leases_of_quota(
        &mut self,
        window: &QuotaWindow,
    ) -> Result<(u64, Vec<(NodeId, QuotaLease)>), StoreError> {
        let total: Option<(i64,)> = on!(self.connection(), db => {
            bound!(sqlx::query_as(of_window!("select leased from quota_use", "")), window)
                .fetch_optional(db)
                .await
        })?;
        let rows: Vec<(String, i64, i64, i64)> = on!(self.connection(), db => {
            bound!(
                sqlx::query_as(of_window!(
                    "select node, since, behind, leased from quota_lease",
                    " and leased > 0 order by node, since"
                )),
                window
            )
            .fetch_all(db)
            .await
        })?;
        let mut settled = total.map_or(Ok(0), |(leased,)| count("quota_use.leased", leased))?;
        let mut leases = Vec::with_capacity(rows.len());
        for (node, since, behind, leased) in rows {
            let lease = QuotaLease {
                window: window.clone(),
                since: count("quota_lease.since", since)?,
                behind: count("quota_lease.behind", behind)?,
                leased: count("quota_lease.leased", leased)?,
            };
            settled = settled.saturating_sub(lease.leased);
            leases.push((parse("quota_lease.node", &node)?, lease));
        }
        Ok((settled, leases))
    }

    /// Takes back so many that a run of a node has leased, and has not used. The transaction must have locked the window.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Corrupt`] or [`StoreError::Conflict`] if it has not so many; [`StoreError::Unavailable`].
    pub async fn give_back_quota(
        &mut self,
        window: &QuotaWindow,
        run: &Run,
        units: u64,
    ) -> Result<(), StoreError> {
        let sql = of_window!("update quota_lease set leased = leased - $9", " and node = $7 and since = $8");
        self.change_lease(sql, (window, &run.node, run.since), units).await?;
        self.change_quota(window, integer(units).saturating_neg()).await
    }

    /// Settles what a run of a node has leased that has ended: so many were used, which may be more. The transaction must have locked the
    /// window.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if it is not there, or has changed; [`StoreError::Unavailable`].
    pub async fn settle_quota_lease(
        &mut self,
        node: &NodeId,
        QuotaLease { window, since, leased, .. }: &QuotaLease,
        used: u64,
    ) -> Result<(), StoreError> {
        let sql = of_window!("delete from quota_lease", " and node = $7 and since = $8 and leased = $9");
        self.change_lease(sql, (window, node, *since), *leased).await?;
        self.change_quota(window, integer(used).saturating_sub(integer(*leased))).await
    }

    /// Changes what a run of a node has leased by a statement of which values 7 to 9 are the node, where the run began, and `units`.
    async fn change_lease(
        &mut self,
        sql: &'static str,
        (window, node, since): (&QuotaWindow, &NodeId, u64),
        units: u64,
    ) -> Result<(), StoreError> {
        let leases = on!(self.connection(), db => {
            bound!(sqlx::query(sql), window)
                .bind(node.as_str())
                .bind(integer(since))
                .bind(integer(units))
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        require("lease of a quota", leases)
    }

    /// So many more are leased in all, or fewer if it is below zero.
    async fn change_quota(&mut self, window: &QuotaWindow, units: i64) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            bound!(sqlx::query(of_window!("update quota_use set leased = leased + $7", "")), window)
                .bind(units)
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }
}

impl Store {
    /// What runs of a node that began at such places of its journal have leased of windows that have not ended by `now`, and what is
    /// not settled: by window, and of each by runs.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn quota_leases(
        &self,
        node: &NodeId,
        since: Range<u64>,
        now: Timestamp,
    ) -> Result<Vec<QuotaLease>, StoreError> {
        let rows: Vec<LeaseRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select app, plan, quota, counts, window_from, window_until, since, behind, leased from quota_lease \
                 where node = $1 and since >= $2 and since < $3 and leased > 0 and window_until > $4 \
                 order by app, plan, quota, counts, window_from, window_until, since",
            )
            .bind(node.as_str())
            .bind(integer(since.start))
            .bind(integer(since.end))
            .bind(now.as_micros())
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }

    /// What the books have of calls that a node let through in a part of a window, by plan versions: how many were billable, or their
    /// units. One whose evidence could not be read is one, whatever was decided about it: so much it took at least. Of its journal's
    /// records, those behind the first up to the last are told.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn recorded_of_quota(
        &self,
        window: &QuotaWindow,
        (from, until): (Timestamp, Timestamp),
        (node, behind, last): (&NodeId, u64, u64),
    ) -> Result<Vec<(u32, u64)>, StoreError> {
        let rows: Vec<(i64, i64, i64)> = on!(self.reader(), db => {
            sqlx::query_as(
                "select c.plan_version, count(*), \
                 cast(coalesce(sum(case c.outcome when 'exception' then 1 else u.units end), 0) as bigint) from usage_run r \
                 cross join usage u join usage_context c on c.number = u.context \
                 where r.app = (select number from usage_app where app = $1) \
                 and r.day >= $4 / 86400000000 and r.day <= $5 / 86400000000 \
                 and u.number >= r.first and u.number <= r.last and u.at >= $4 and u.at < $5 \
                 and u.sequence > $6 and u.sequence <= $7 \
                 and c.app = $1 and c.plan = $2 and c.node = $3 and c.outcome in ('billable', 'exception') \
                 group by c.plan_version",
            )
            .bind(window.app.as_str())
            .bind(window.plan.as_str())
            .bind(node.as_str())
            .bind(from.as_micros())
            .bind(until.as_micros())
            .bind(integer(behind))
            .bind(integer(last))
            .fetch_all(db)
            .await
        })?;
        let by_version = rows.into_iter().map(|(version, calls, units)| {
            let version =
                u32::try_from(version).map_err(|_| StoreError::corrupt("usage_context.plan_version"))?;
            let counted = match window.of {
                Quantity::Calls => calls,
                Quantity::Units => units,
            };
            Ok((version, count("usage.units", counted)?))
        });
        by_version.collect()
    }

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
