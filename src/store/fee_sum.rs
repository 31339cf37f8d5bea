//! What fees come to by the lines that they stand on, app by app, for whoever compares that with the units that were counted.

use super::error::StoreError;
use super::ledger::whole;
use super::row::{all, parse};
use super::running_total::{FamilyColumns, family};
use super::transaction::Transaction;
use crate::domain::money::Currency;
use crate::domain::running_total::FeeFamily;

/// Most apps that are told at once.
const APPS: i64 = 1_000;

/// What the fees of a family come to under one version of its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeSum {
    /// Whose.
    pub family: FeeFamily,
    /// The version of the plan.
    pub version: u32,
    /// In which currency.
    pub currency: Currency,
    /// Minor units.
    pub minor: i128,
}

row! {
    SumRow {
        app: String,
        product: String,
        plan: String,
        plan_version: i64,
        service_period: String,
        item: String,
        currency: String,
        high: i64,
        low: i64,
    }
}

impl TryFrom<SumRow> for FeeSum {
    type Error = StoreError;

    fn try_from(row: SumRow) -> Result<Self, StoreError> {
        let (family, version) = family(FamilyColumns {
            app: &row.app,
            product: &row.product,
            plan: (&row.plan, row.plan_version),
            service_period: &row.service_period,
            item: &row.item,
        })?;
        let (currency, minor) = (parse("charge_terms.currency", &row.currency)?, whole(row.high, row.low));
        Ok(Self { family, version, currency, minor })
    }
}

impl Transaction {
    /// Apps of which units were counted, or that have fees, in order: some of those after `after`, or none if there are no more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn apps_with_fees(&mut self, after: &str) -> Result<Vec<String>, StoreError> {
        let time = self.answer_time();
        let rows: Vec<(String,)> = on!(self.connection(), within time, db => {
            sqlx::query_as(
                "select distinct app from charge_terms where app > $1 and kind in ('service_fee', 'rewalk') order by app limit $2",
            )
            .bind(after)
            .bind(APPS)
            .fetch_all(db)
            .await
        })?;
        Ok(rows.into_iter().map(|(app,)| app).collect())
    }

    /// Every service period of which units were counted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn service_periods(&mut self) -> Result<Vec<String>, StoreError> {
        let time = self.answer_time();
        let rows: Vec<(String,)> = on!(self.connection(), within time, db => {
            sqlx::query_as("select distinct service_period from charge_terms where kind in ('service_fee', 'rewalk') order by service_period")
                .fetch_all(db)
                .await
        })?;
        Ok(rows.into_iter().map(|(period,)| period).collect())
    }

    /// What the fees of these apps come to, on all their lines.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn fee_sums(&mut self, apps: &[String]) -> Result<Vec<FeeSum>, StoreError> {
        let time = self.answer_time();
        let rows: Vec<SumRow> = on!(self.connection(), within time, db => {
            let mut statement = sqlx::QueryBuilder::new(
                "select t.app, t.product, t.plan, t.plan_version, t.service_period, t.item, t.currency, \
                 cast(sum(n.minor / 1000000000) as bigint) as high, cast(sum(n.minor % 1000000000) as bigint) as low \
                 from charge_terms t join charge_total n on n.terms = t.number \
                 where t.kind in ('service_fee', 'rewalk') and t.app in ",
            );
            push_list!(statement, apps);
            statement.push(
                " group by t.app, t.product, t.plan, t.plan_version, t.service_period, t.item, t.currency",
            );
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        all(rows)
    }
}
