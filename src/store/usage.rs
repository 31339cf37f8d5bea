//! Usage records as they were recorded. Append-only, by triggers of both stores.

mod of_runs;
mod page;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

pub use page::{InvalidCursor, MAX_LISTED, UsageCursor};

use super::error::StoreError;
use super::open::Store;
use super::row::{known, parse};
use super::transaction::Transaction;
use super::usage_transaction::details;
use crate::domain::id::{AppId, NodeId, PartnerId, ProductName};
use crate::domain::money::Amount;
use crate::domain::plan::PlanRef;
use crate::domain::time::Timestamp;
use crate::domain::transaction::Extent;
use crate::domain::usage::{self, TransactionKind};

/// A usage record as listings show it.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageRow {
    /// Its number in the books.
    pub number: i64,
    /// Its id.
    pub id: String,
    /// The node that served the call.
    pub node: NodeId,
    /// The place in that node's journal.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Which app.
    pub app: AppId,
    /// Whose app.
    pub partner: PartnerId,
    /// The kind of credential that proved the app.
    pub credential: String,
    /// Which: the id of a key or of a token.
    pub credential_id: String,
    /// On whose behalf.
    pub merchant: Option<String>,
    /// By which consent.
    pub grant: Option<String>,
    /// The policies that decided it, by their hash.
    pub snapshot: String,
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
    /// How many calls it is of: 1, but where many that were refused alike were counted together.
    pub calls: u64,
    /// When the last of those came.
    pub until: Option<Timestamp>,
}

row! {
    ListedRow {
        number: i64,
        id: String,
        node: String,
        sequence: i64,
        at: i64,
        app: String,
        partner: String,
        credential: String,
        credential_id: String,
        merchant: Option<String>,
        consent: Option<String>,
        snapshot: String,
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
        other_kind: Option<String>,
        details: Option<String>,
        amount: Option<i64>,
        currency: Option<String>,
        reason: Option<String>,
        calls: i64,
        until: Option<i64>,
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
            number: row.number,
            id: row.id,
            node: parse("usage.node", &row.node)?,
            sequence: count("usage.sequence", row.sequence)?,
            at: Timestamp::from_micros(row.at),
            app: parse("usage.app", &row.app)?,
            partner: parse("usage.partner", &row.partner)?,
            credential: row.credential,
            credential_id: row.credential_id,
            merchant: row.merchant,
            grant: row.consent,
            snapshot: row.snapshot,
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
            calls: count("usage_count.calls", row.calls)?,
            until: row.until.map(Timestamp::from_micros),
        })
    }
}

fn transaction(row: &ListedRow) -> Result<Option<usage::Transaction>, StoreError> {
    let kind = row.transaction_kind.as_ref().or(row.other_kind.as_ref());
    let (Some(id), Some(kind), Some(currency)) = (&row.transaction_id, kind, &row.currency) else {
        return Ok(None);
    };
    let kind = TransactionKind::named(kind).ok_or_else(|| StoreError::corrupt("usage.transaction_kind"))?;
    let details = row.details.as_deref().map(details).transpose()?.unwrap_or_default();
    let minor = match (details.extent, row.amount) {
        (Extent::Amount, amount) => known("usage.amount", amount)?,
        (Extent::Rest, _) => 0,
    };
    let amount = Amount { minor, currency: parse("usage.currency", currency)? };
    Ok(Some(usage::Transaction { id: id.clone(), of: row.transaction_of.clone(), amount, kind, details }))
}

const LISTED: &str = "select u.number, u.id, u.node, u.sequence, u.at, u.app, u.partner, u.credential, u.credential_id, u.merchant, u.consent, \
                      u.snapshot, u.route, u.product, \
                      u.plan, u.plan_version, u.method, u.status, u.latency, u.refusal, u.outcome, u.units, u.transaction_id, u.transaction_of, \
                      u.transaction_kind, u.amount, u.currency, u.reason, u.calls, u.until, \
                      (select t.kind from usage_transaction t where t.usage = u.number) as other_kind, \
                      (select t.details from usage_transaction t where t.usage = u.number) as details from ";

impl Store {
    /// One usage record.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn usage_record(&self, id: &str) -> Result<Option<UsageRow>, StoreError> {
        let sql = format!("{LISTED} usage_record u where u.id = $1");
        let row: Option<ListedRow> = on!(self.reader(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(db).await
        })?;
        row.map(UsageRow::try_from).transpose()
    }

    /// Usage records by their ids.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn usage_records(&self, ids: &[String]) -> Result<HashMap<String, UsageRow>, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let rows = transaction.usage_records(ids).await?;
        transaction.roll_back().await?;
        Ok(rows.into_iter().map(|row| (row.id.clone(), row)).collect())
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
            statement.push(" usage_record u where u.id in ");
            push_list!(statement, ids);
            statement.push(" order by u.at, u.id");
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        super::row::all(rows)
    }
}

/// An id as it is kept.
pub(super) fn id_text(id: &Uuid) -> Arc<str> {
    Arc::from(&*id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
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
