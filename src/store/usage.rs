//! Usage records as they were recorded. Append-only, by triggers of both stores.

use std::time::Duration;

use uuid::Uuid;

use super::error::StoreError;
use super::open::Store;
use super::row::parse;
use super::transaction::Transaction;
use crate::domain::id::{AppId, NodeId, PartnerId, ProductName};
use crate::domain::money::Amount;
use crate::domain::plan::PlanRef;
use crate::domain::time::Timestamp;
use crate::domain::usage::{self, Evidence, TransactionKind, UsageRecord};

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

/// A usage record as listings show it.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageRow {
    /// Its id.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Which app.
    pub app: AppId,
    /// Whose app.
    pub partner: PartnerId,
    /// On whose behalf.
    pub merchant: Option<String>,
    /// Which route.
    pub route: Option<String>,
    /// Which API product, and under which plan version.
    pub subscribed: Option<(ProductName, PlanRef)>,
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
    pub units: u64,
    /// The transaction that passed through.
    pub transaction: Option<usage::Transaction>,
    /// Why its evidence could not be read.
    pub reason: Option<String>,
}

row! {
    ListedRow {
        id: String,
        at: i64,
        app: String,
        partner: String,
        merchant: Option<String>,
        route: Option<String>,
        product: Option<String>,
        plan: Option<String>,
        plan_version: Option<i64>,
        method: String,
        status: i64,
        latency: i64,
        refusal: Option<String>,
        outcome: String,
        units: i64,
        transaction_id: Option<String>,
        transaction_of: Option<String>,
        transaction_kind: Option<String>,
        amount: Option<i64>,
        currency: Option<String>,
        reason: Option<String>,
    }
}

impl TryFrom<ListedRow> for UsageRow {
    type Error = StoreError;

    fn try_from(row: ListedRow) -> Result<Self, StoreError> {
        let transaction = transaction(&row)?;
        let subscribed = match (&row.product, &row.plan, row.plan_version) {
            (Some(product), Some(plan), Some(version)) => {
                Some((parse("usage.product", product)?, plan_ref("usage.plan", plan, version)?))
            }
            _ => None,
        };
        Ok(Self {
            id: row.id,
            at: Timestamp::from_micros(row.at),
            app: parse("usage.app", &row.app)?,
            partner: parse("usage.partner", &row.partner)?,
            merchant: row.merchant,
            route: row.route,
            subscribed,
            method: row.method,
            status: row.status,
            latency: Duration::from_micros(u64::try_from(row.latency).unwrap_or(0)),
            refusal: row.refusal,
            outcome: row.outcome,
            units: count("usage.units", row.units)?,
            transaction,
            reason: row.reason,
        })
    }
}

fn transaction(row: &ListedRow) -> Result<Option<usage::Transaction>, StoreError> {
    let (Some(id), Some(kind), Some(minor), Some(currency)) =
        (&row.transaction_id, &row.transaction_kind, row.amount, &row.currency)
    else {
        return Ok(None);
    };
    let kind = TransactionKind::named(kind).ok_or_else(|| StoreError::corrupt("usage.transaction_kind"))?;
    let amount = Amount { minor, currency: parse("usage.currency", currency)? };
    Ok(Some(usage::Transaction { id: id.clone(), of: row.transaction_of.clone(), amount, kind }))
}

const LISTED: &str = "select id, at, app, partner, merchant, route, product, plan, plan_version, method, status, \
                      latency, refusal, outcome, units, transaction_id, transaction_of, transaction_kind, amount, \
                      currency, reason from usage ";

impl Store {
    /// An app's usage from `from` to `to`, newest first; of all apps if none is named.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn usage(
        &self,
        app: Option<&AppId>,
        (from, to): (Timestamp, Timestamp),
        limit: i64,
    ) -> Result<Vec<UsageRow>, StoreError> {
        // Two texts, so that each is answered from an index.
        let which = if app.is_some() { "app = $1" } else { "$1 = ''" };
        let sql =
            format!("{LISTED} where {which} and at >= $2 and at < $3 order by at desc, id desc limit $4");
        let rows: Vec<ListedRow> = on!(self.reader(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql))
                .bind(app.map_or("", AppId::as_str))
                .bind(from.as_micros())
                .bind(to.as_micros())
                .bind(limit.clamp(1, MAX_LISTED))
                .fetch_all(db)
                .await
        })?;
        super::row::all(rows)
    }

    /// One usage record.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn usage_record(&self, id: &str) -> Result<Option<UsageRow>, StoreError> {
        let sql = format!("{LISTED} where id = $1");
        let row: Option<ListedRow> = on!(self.reader(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(db).await
        })?;
        row.map(UsageRow::try_from).transpose()
    }
}

impl Transaction {
    /// Usage records by their ids, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn usage_records(&mut self, ids: &[String]) -> Result<Vec<UsageRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<ListedRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new(LISTED);
            statement.push(" where id in ");
            push_list!(statement, ids);
            statement.push(" order by at, id");
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        super::row::all(rows)
    }

    /// Which of the ids of `records`, and which of the places of a node's journal from `first` to `last`, are taken, and
    /// by what.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn taken_places(
        &mut self,
        records: &[Recorded],
        node: &NodeId,
        (first, last): (u64, u64),
    ) -> Result<Vec<TakenPlace>, StoreError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<PlaceRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new("select id, node, sequence from usage where node = ");
            statement.push_bind(node.as_str()).push(" and sequence >= ").push_bind(integer(first));
            statement.push(" and sequence <= ").push_bind(integer(last));
            statement.push(" union select id, node, sequence from usage where id in ");
            push_list!(statement, records.iter().map(|recorded| recorded.usage.id.to_string()));
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        super::row::all(rows)
    }

    /// Keeps usage records.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if an id or a place is taken; [`StoreError::Unavailable`].
    pub async fn insert_usage(&mut self, records: &[Recorded]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into usage (id, node, sequence, at, snapshot, app, partner, credential, credential_id, merchant, \
             consent, route, product, plan, plan_version, method, status, latency, bytes_in, bytes_out, refusal, \
             outcome, units, transaction_id, transaction_of, transaction_kind, amount, currency, reason) ",
            29,
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
                    .push_bind(usage.grant.as_ref().map(|id| id.as_str()))
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
                    .push_bind(worth.transaction.and_then(|transaction| transaction.of.as_deref()))
                    .push_bind(worth.transaction.map(|transaction| transaction.kind.name()))
                    .push_bind(worth.transaction.map(|transaction| transaction.amount.minor))
                    .push_bind(worth.transaction.map(|transaction| transaction.amount.currency.to_string()))
                    .push_bind(worth.reason);
            }
        )?;
        Ok(())
    }
}

/// A usage record that is kept, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenPlace {
    /// The record's id.
    pub id: Uuid,
    /// The node.
    pub node: NodeId,
    /// The place in the node's journal.
    pub sequence: u64,
}

row! {
    PlaceRow { id: String, node: String, sequence: i64 }
}

impl TryFrom<PlaceRow> for TakenPlace {
    type Error = StoreError;

    fn try_from(row: PlaceRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse("usage.id", &row.id)?,
            node: parse("usage.node", &row.node)?,
            sequence: count("usage.sequence", row.sequence)?,
        })
    }
}

/// Evidence as columns.
struct Worth<'e> {
    outcome: &'static str,
    units: i64,
    transaction: Option<&'e usage::Transaction>,
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

/// A count as a column; those that are summed have bounds far below.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count from a column.
pub(super) fn count(what: &'static str, value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::corrupt(what))
}

/// A plan version from its columns.
pub(super) fn plan_ref(what: &'static str, name: &str, version: i64) -> Result<PlanRef, StoreError> {
    let version = u32::try_from(version).map_err(|_| StoreError::corrupt(what))?;
    Ok(PlanRef { name: parse(what, name)?, version })
}
