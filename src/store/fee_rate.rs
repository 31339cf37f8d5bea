//! At which rates fees stand in the books, by plan version, item and position, for whoever compares them with the prices that are kept.

use super::error::StoreError;
use super::row::{all, parse};
use super::running_total::item;
use super::transaction::Transaction;
use super::usage::plan_ref;
use crate::domain::charge::Position;
use crate::domain::id::ItemName;
use crate::domain::plan::PlanRef;

/// A rate of fees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeRate {
    /// By which version of which plan.
    pub plan: PlanRef,
    /// By which item.
    pub item: Option<ItemName>,
    /// Where in its price.
    pub position: Position,
    /// Major units for each unit, or package, as it is kept.
    pub rate: String,
}

row! {
    RateRow { plan: String, plan_version: i64, item: String, position: String, rate: String }
}

impl TryFrom<RateRow> for FeeRate {
    type Error = StoreError;

    fn try_from(row: RateRow) -> Result<Self, StoreError> {
        Ok(Self {
            plan: plan_ref("charge_terms.plan", &row.plan, row.plan_version)?,
            item: item("charge_terms.item", &row.item)?,
            position: parse("charge_terms.position", &row.position)?,
            rate: row.rate,
        })
    }
}

impl Transaction {
    /// All rates of fees that are charged for units.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn fee_rates(&mut self) -> Result<Vec<FeeRate>, StoreError> {
        let time = self.answer_time();
        let rows: Vec<RateRow> = on!(self.connection(), within time, db => {
            sqlx::query_as(
                "select distinct plan, plan_version, item, position, rate from charge_terms \
                 where kind in ('service_fee', 'rewalk') order by plan, plan_version, item, position, rate",
            )
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }
}
