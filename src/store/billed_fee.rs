//! What fees come to by the periods on whose statements they stand, for whoever says how a statement's lines are reckoned: what is
//! counted once a period is closed stands on a later one.

use super::error::StoreError;
use super::row::{all, parse};
use super::running_total::{FamilyColumns, family};
use super::transaction::Transaction;
use crate::domain::id::PartnerId;
use crate::domain::money::Currency;
use crate::domain::running_total::FeeFamily;
use crate::domain::time::Period;

/// What of a family's fees, under one version of its plan, stands on statements of a partner of one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BilledFee {
    /// Whose.
    pub family: FeeFamily,
    /// The version of the plan.
    pub version: u32,
    /// The partner.
    pub partner: PartnerId,
    /// The period on whose statement it stands.
    pub period: Period,
    /// In which currency.
    pub currency: Currency,
    /// How many units there are.
    pub count: UnitCount,
    /// What they add, in minor units.
    pub minor: i64,
}

/// Units that are counted, or were counted otherwise before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitCount {
    /// The place of the promotion that they are of, from 1; 0: of none.
    pub promotion: i64,
    /// How many come on top.
    pub units: i64,
    /// How many of all are free on top; below zero where units of before are not any more.
    pub free: i64,
}

row! {
    BilledRow {
        app: String,
        product: String,
        plan: String,
        plan_version: i64,
        service_period: String,
        item: String,
        partner: String,
        period: String,
        currency: String,
        promotion: i64,
        units: i64,
        free: i64,
        minor: i64,
    }
}

impl TryFrom<BilledRow> for BilledFee {
    type Error = StoreError;

    fn try_from(row: BilledRow) -> Result<Self, StoreError> {
        let (family, version) = family(FamilyColumns {
            app: &row.app,
            product: &row.product,
            plan: (&row.plan, row.plan_version),
            service_period: &row.service_period,
            item: &row.item,
        })?;
        Ok(Self {
            family,
            version,
            partner: parse("charge_terms.partner", &row.partner)?,
            period: parse("charge_terms.period", &row.period)?,
            currency: parse("charge_terms.currency", &row.currency)?,
            count: UnitCount { promotion: row.promotion, units: row.units, free: row.free },
            minor: row.minor,
        })
    }
}

/// As the view `fee_total` has it, by the lines' periods and partners too.
const BILLED: &str = "select t.app, t.product, t.plan, t.plan_version, t.service_period, t.item, t.partner, t.period, t.currency, \
                      case when t.position like 'promotion %' then cast(substr(t.position, 11) as bigint) \
                      else cast(0 as bigint) end as promotion, \
                      cast(sum(case t.kind when 'service_fee' then n.quantity + n.free else 0 end) as bigint) as units, \
                      cast(sum(case t.kind when 'service_fee' then n.free else -n.quantity end) as bigint) as free, \
                      cast(sum(n.minor) as bigint) as minor \
                      from charge_terms t join charge_total n on n.terms = t.number \
                      where t.kind in ('service_fee', 'rewalk') and t.period <= ";

impl Transaction {
    /// What the fees of these apps and service periods come to on statements up to those of a period.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn billed_fees(
        &mut self,
        apps: &[String],
        service_periods: &[String],
        up_to: Period,
    ) -> Result<Vec<BilledFee>, StoreError> {
        if apps.is_empty() || service_periods.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<BilledRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new(BILLED);
            statement.push_bind(up_to.to_string()).push(" and t.app in ");
            push_list!(statement, apps);
            statement.push(" and t.service_period in ");
            push_list!(statement, service_periods);
            statement.push(" group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10");
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        all(rows)
    }
}
