//! Usage records, what was lost of them, and how far each node's journal has been recorded.

use std::time::Duration;

use super::error::StoreError;
use super::open::Store;
use super::transaction::Transaction;
use crate::domain::id::AppId;
use crate::domain::time::Timestamp;
use crate::domain::usage::{Evidence, UsageRecord};

/// Most rows that a listing gives.
pub const MAX_LISTED: i64 = 1000;

/// A usage record with its place in its node's journal.
#[derive(Debug)]
pub struct Recorded {
    /// The place.
    pub sequence: u64,
    /// The record.
    pub usage: UsageRecord,
}

/// Something in a journal that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalLoss {
    /// The first place.
    pub first: u64,
    /// The last place.
    pub last: u64,
    /// Why.
    pub reason: String,
}

/// A usage record as listings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// Its id.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Which app.
    pub app: String,
    /// On whose behalf.
    pub merchant: Option<String>,
    /// Which route.
    pub route: Option<String>,
    /// Under which plan version.
    pub plan: Option<(String, i64)>,
    /// The method.
    pub method: String,
    /// The status.
    pub status: i64,
    /// How long it took.
    pub latency: Duration,
    /// The gateway's refusal.
    pub refusal: Option<String>,
    /// `free`, `billable` or `exception`.
    pub outcome: String,
    /// Units.
    pub units: i64,
    /// The transaction: id, kind, minor units, currency.
    pub transaction: Option<(String, String, i64, String)>,
    /// Why it is an exception.
    pub reason: Option<String>,
}

row! {
    PositionRow { sequence: i64 }
}

row! {
    ListedRow {
        id: String,
        at: i64,
        app: String,
        merchant: Option<String>,
        route: Option<String>,
        plan: Option<String>,
        plan_version: Option<i64>,
        method: String,
        status: i64,
        latency: i64,
        refusal: Option<String>,
        outcome: String,
        units: i64,
        transaction_id: Option<String>,
        transaction_kind: Option<String>,
        amount: Option<i64>,
        currency: Option<String>,
        reason: Option<String>,
    }
}

impl From<ListedRow> for UsageRow {
    fn from(row: ListedRow) -> Self {
        let transaction = match (row.transaction_id, row.transaction_kind, row.amount, row.currency) {
            (Some(id), Some(kind), Some(minor), Some(currency)) => Some((id, kind, minor, currency)),
            _ => None,
        };
        Self {
            id: row.id,
            at: Timestamp::from_micros(row.at),
            app: row.app,
            merchant: row.merchant,
            route: row.route,
            plan: row.plan.zip(row.plan_version),
            method: row.method,
            status: row.status,
            latency: Duration::from_micros(u64::try_from(row.latency).unwrap_or(0)),
            refusal: row.refusal,
            outcome: row.outcome,
            units: row.units,
            transaction,
            reason: row.reason,
        }
    }
}

const LISTED: &str = "select id, at, app, merchant, route, plan, plan_version, method, status, latency, refusal, \
                      outcome, units, transaction_id, transaction_kind, amount, currency, reason from usage ";

impl Store {
    /// How far a node's journal has been recorded.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn journal_position(&self, node: &str) -> Result<u64, StoreError> {
        let row: Option<PositionRow> = on!(self.reader(), db => {
            sqlx::query_as("select sequence from journal_position where node = $1").bind(node).fetch_optional(db).await
        })?;
        Ok(row.map_or(0, |row| u64::try_from(row.sequence).unwrap_or(0)))
    }

    /// An app's usage from `from` to `to`, newest first; of all apps if none is named.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn usage(
        &self,
        app: Option<&AppId>,
        (from, to): (Timestamp, Timestamp),
        limit: i64,
    ) -> Result<Vec<UsageRow>, StoreError> {
        let sql = format!(
            "{LISTED} where ($1 = '' or app = $1) and at >= $2 and at < $3 order by id desc limit $4"
        );
        let rows: Vec<ListedRow> = on!(self.reader(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql))
                .bind(app.map_or("", AppId::as_str))
                .bind(from.as_micros())
                .bind(to.as_micros())
                .bind(limit.clamp(1, MAX_LISTED))
                .fetch_all(db)
                .await
        })?;
        Ok(rows.into_iter().map(UsageRow::from).collect())
    }

    /// One usage record.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn usage_record(&self, id: &str) -> Result<Option<UsageRow>, StoreError> {
        let sql = format!("{LISTED} where id = $1");
        let row: Option<ListedRow> = on!(self.reader(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(db).await
        })?;
        Ok(row.map(UsageRow::from))
    }

    /// The exceptions, newest first: billable calls whose evidence could not be read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn usage_exceptions(&self, limit: i64) -> Result<Vec<UsageRow>, StoreError> {
        let sql = format!("{LISTED} where outcome = 'exception' order by at desc limit $1");
        let rows: Vec<ListedRow> = on!(self.reader(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(limit.clamp(1, MAX_LISTED)).fetch_all(db).await
        })?;
        Ok(rows.into_iter().map(UsageRow::from).collect())
    }
}

impl Transaction {
    /// How far a node's journal has been recorded, as this transaction sees it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn journal_position(&mut self, node: &str) -> Result<u64, StoreError> {
        let row: Option<PositionRow> = on!(self.connection(), db => {
            sqlx::query_as("select sequence from journal_position where node = $1").bind(node).fetch_optional(db).await
        })?;
        Ok(row.map_or(0, |row| u64::try_from(row.sequence).unwrap_or(0)))
    }

    /// Moves a node's position.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn set_journal_position(&mut self, node: &str, sequence: u64) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into journal_position (node, sequence) values ($1, $2) \
                 on conflict (node) do update set sequence = excluded.sequence",
            )
            .bind(node)
            .bind(integer(sequence))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Keeps usage records.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if one is there already; [`StoreError::Unavailable`].
    pub async fn insert_usage(&mut self, records: &[Recorded]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into usage (id, node, sequence, at, snapshot, app, partner, credential, credential_id, merchant, \
             route, product, plan, plan_version, method, status, latency, bytes_in, bytes_out, refusal, outcome, \
             units, transaction_id, transaction_kind, amount, currency, reason) ",
            27,
            records,
            "",
            |row, recorded| {
                let usage = &recorded.usage;
                let subscribed = usage.subscribed.as_ref();
                let worth = Worth::of(&usage.evidence);
                row.push_bind(usage.id.to_string())
                    .push_bind(usage.node.as_str())
                    .push_bind(integer(recorded.sequence))
                    .push_bind(usage.at.as_micros())
                    .push_bind(usage.snapshot.as_str())
                    .push_bind(usage.app.as_str())
                    .push_bind(usage.partner.as_str())
                    .push_bind(usage.credential.name())
                    .push_bind(&usage.credential_id)
                    .push_bind(usage.merchant.as_ref().map(|id| id.as_str()))
                    .push_bind(usage.route.as_ref().map(|name| name.as_str()))
                    .push_bind(subscribed.map(|(product, _)| product.as_str()))
                    .push_bind(subscribed.map(|(_, plan)| plan.name.as_str()))
                    .push_bind(subscribed.map(|(_, plan)| i64::from(plan.version)))
                    .push_bind(&usage.method)
                    .push_bind(i64::from(usage.status))
                    .push_bind(i64::try_from(usage.latency.as_micros()).unwrap_or(i64::MAX))
                    .push_bind(integer(usage.bytes_in))
                    .push_bind(integer(usage.bytes_out))
                    .push_bind(usage.refusal.as_deref())
                    .push_bind(worth.outcome)
                    .push_bind(worth.units)
                    .push_bind(worth.transaction.map(|transaction| transaction.id.as_str()))
                    .push_bind(worth.transaction.map(|transaction| transaction.kind.name()))
                    .push_bind(worth.transaction.map(|transaction| transaction.amount.minor))
                    .push_bind(worth.transaction.map(|transaction| transaction.amount.currency.to_string()))
                    .push_bind(worth.reason);
            }
        )?;
        Ok(())
    }

    /// Notes what could not be read of a node's journal.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn insert_losses(&mut self, node: &str, losses: &[JournalLoss]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into journal_loss (node, first, last, reason) ",
            4,
            losses,
            "on conflict do nothing",
            |row, loss| {
                row.push_bind(node)
                    .push_bind(integer(loss.first))
                    .push_bind(integer(loss.last))
                    .push_bind(&loss.reason);
            }
        )?;
        Ok(())
    }
}

/// Evidence as columns.
struct Worth<'e> {
    outcome: &'static str,
    units: i64,
    transaction: Option<&'e crate::domain::usage::Transaction>,
    reason: Option<&'e str>,
}

impl<'e> Worth<'e> {
    fn of(evidence: &'e Evidence) -> Self {
        match evidence {
            Evidence::Free => Self { outcome: "free", units: 0, transaction: None, reason: None },
            Evidence::Billable { units, transaction } => Self {
                outcome: "billable",
                units: integer(*units),
                transaction: transaction.as_ref(),
                reason: None,
            },
            Evidence::Exception { reason } => {
                Self { outcome: "exception", units: 0, transaction: None, reason: Some(reason) }
            }
        }
    }
}

/// A count as a column; counts never come near its bound.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
