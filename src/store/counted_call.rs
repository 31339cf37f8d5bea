//! In which order calls were counted that are priced together: what one call adds hangs on those before it.

use super::billed_fee::UnitCount;
use super::error::StoreError;
use super::line_sum::days_of;
use super::running_total::item_text;
use super::transaction::Transaction;
use crate::domain::running_total::FeeFamily;

/// Units of a family under one version of its plan that a call counted, or moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedCall {
    /// The call's usage record.
    pub usage: String,
    /// Its number in the books: those of a batch are numbered as they are counted.
    pub number: i64,
    /// The kind of its transaction, if it had one.
    pub transaction: Option<String>,
    /// Whether the units are its own; else it moved those of others.
    pub is_own: bool,
    /// How many.
    pub count: UnitCount,
    /// What they added, in minor units.
    pub minor: i64,
}

/// A batch in which calls were counted, and what had been before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedBatch {
    /// Units of earlier batches.
    pub before: Vec<UnitCount>,
    /// Those of the batch.
    pub calls: Vec<CountedCall>,
}

row! {
    BatchRow { first_usage: i64, last_usage: i64 }
}

row! {
    CountRow { promotion: i64, units: i64, free: i64 }
}

row! {
    CallRow {
        usage: String,
        number: i64,
        kind: Option<String>,
        is_own: i64,
        promotion: i64,
        units: i64,
        free: i64,
        minor: i64,
    }
}

impl From<CallRow> for CountedCall {
    fn from(row: CallRow) -> Self {
        Self {
            usage: row.usage,
            number: row.number,
            transaction: row.kind,
            is_own: row.is_own != 0,
            count: UnitCount { promotion: row.promotion, units: row.units, free: row.free },
            minor: row.minor,
        }
    }
}

/// The batch that has a usage record.
const BATCH: &str = "select b.first_usage, b.last_usage from usage u join usage_context c on c.number = u.context \
                     join usage_batch b on b.node = c.node and b.last >= u.sequence and b.first <= u.sequence \
                     where u.id = $1 and b.first_usage <= u.number and b.last_usage >= u.number order by b.last limit 1";

macro_rules! promotion {
    () => {
        "case when t.position like 'promotion %' then cast(substr(t.position, 11) as bigint) else cast(0 as bigint) end as promotion"
    };
}

macro_rules! kind {
    () => {
        "coalesce(u.transaction_kind, (select d.kind from usage_transaction d where d.usage = u.number)) as kind"
    };
}

const FEES_BEFORE: &str = concat!(
    "select ",
    promotion!(),
    ", cast(sum(u.units) as bigint) as units, cast(sum(u.fee_free) as bigint) as free from usage_run r cross join usage u \
     join charge_terms t on t.number = u.fee_terms where u.number >= r.first and u.number <= r.last and r.day between "
);

const OTHERS_BEFORE: &str = concat!(
    "select ",
    promotion!(),
    ", cast(sum(case o.kind when 'service_fee' then o.quantity + o.free else 0 end) as bigint) as units, \
     cast(sum(case o.kind when 'service_fee' then o.free else -o.quantity end) as bigint) as free \
     from charge_terms t join other_charge o on o.terms = t.number where t.kind in ('service_fee', 'rewalk') and o.usage < "
);

const FEES_WITHIN: &str = concat!(
    "select u.id as usage, u.number, ",
    kind!(),
    ", cast(1 as bigint) as is_own, ",
    promotion!(),
    ", u.units, u.fee_free as free, u.fee_minor as minor from usage u join charge_terms t on t.number = u.fee_terms \
     where u.number between "
);

const MOVED_WITHIN: &str = concat!(
    "select u.id as usage, u.number, ",
    kind!(),
    ", cast(0 as bigint) as is_own, ",
    promotion!(),
    ", cast(0 as bigint) as units, -o.quantity as free, o.minor from charge_terms t join other_charge o on o.terms = t.number \
     join usage u on u.number = o.usage where t.kind = 'rewalk' and u.number between "
);

/// Appends which terms are those of a family and version.
macro_rules! push_family {
    ($statement:expr, $family:expr, $version:expr) => {{
        let FeeFamily { app, product, plan, service_period, item } = $family;
        $statement.push(" and t.app = ").push_bind(app.to_string());
        $statement.push(" and t.product = ").push_bind(product.to_string());
        $statement.push(" and t.plan = ").push_bind(plan.to_string());
        $statement.push(" and t.plan_version = ").push_bind(i64::from($version));
        $statement.push(" and t.service_period = ").push_bind(service_period.to_string());
        $statement.push(" and t.item = ").push_bind(item_text(item.as_ref()).to_owned());
    }};
}

impl Transaction {
    /// The batch in which a call was recorded, of units of a family under one version of its plan; none if there is no such call.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn counted_with(
        &mut self,
        usage: &str,
        (family, version): (&FeeFamily, u32),
    ) -> Result<Option<CountedBatch>, StoreError> {
        let batch: Option<BatchRow> = on!(self.connection(), db => {
            sqlx::query_as(BATCH).bind(usage).fetch_optional(db).await
        })?;
        let Some(BatchRow { first_usage, last_usage }) = batch else { return Ok(None) };
        let mut before = self.fees_before(first_usage, (family, version)).await?;
        before.extend(self.others_before(first_usage, (family, version)).await?);
        let mut calls = Vec::new();
        for select in [FEES_WITHIN, MOVED_WITHIN] {
            let rows: Vec<CallRow> = on!(self.connection(), db => {
                let mut statement = sqlx::QueryBuilder::new(select);
                statement.push_bind(first_usage).push(" and ").push_bind(last_usage);
                push_family!(statement, family, version);
                statement.build_query_as().persistent(false).fetch_all(db).await
            })?;
            calls.extend(rows.into_iter().map(CountedCall::from));
        }
        Ok(Some(CountedBatch { before, calls }))
    }

    async fn fees_before(
        &mut self,
        first_usage: i64,
        (family, version): (&FeeFamily, u32),
    ) -> Result<Vec<UnitCount>, StoreError> {
        let (first, last) = days_of(family.service_period);
        let time = self.answer_time();
        let rows: Vec<CountRow> = on!(self.connection(), within time, db => {
            let mut statement = sqlx::QueryBuilder::new(FEES_BEFORE);
            statement.push_bind(first).push(" and ").push_bind(last);
            statement.push(" and r.app = (select number from usage_app where app = ");
            statement.push_bind(family.app.to_string()).push(") and u.number < ").push_bind(first_usage);
            push_family!(statement, family, version);
            statement.push(" group by 1");
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        Ok(rows.into_iter().map(unit_count).collect())
    }

    async fn others_before(
        &mut self,
        first_usage: i64,
        (family, version): (&FeeFamily, u32),
    ) -> Result<Vec<UnitCount>, StoreError> {
        let rows: Vec<CountRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new(OTHERS_BEFORE);
            statement.push_bind(first_usage);
            push_family!(statement, family, version);
            statement.push(" group by 1");
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        Ok(rows.into_iter().map(unit_count).collect())
    }
}

fn unit_count(row: CountRow) -> UnitCount {
    UnitCount { promotion: row.promotion, units: row.units, free: row.free }
}
