//! At which rates charges stand in the books, by plan version, item and position, for whoever compares them with the prices that are
//! kept.

use super::error::StoreError;
use super::row::{all, known, parse};
use super::running_total::item;
use super::transaction::Transaction;
use super::usage::plan_ref;
use crate::domain::charge::{ChargeKind, Position};
use crate::domain::id::ItemName;
use crate::domain::plan::PlanRef;

/// A rate of charges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargedRate {
    /// For what.
    pub kind: ChargeKind,
    /// By which version of which plan.
    pub plan: PlanRef,
    /// By which item, as [`crate::domain::charge::LineKey::item`] has it.
    pub item: Option<ItemName>,
    /// Where in its price.
    pub position: Position,
    /// Major units for each unit, or package, or a percentage, as it is kept.
    pub rate: String,
}

row! {
    RateRow { kind: String, plan: String, plan_version: i64, item: String, position: String, rate: String }
}

impl TryFrom<RateRow> for ChargedRate {
    type Error = StoreError;

    fn try_from(row: RateRow) -> Result<Self, StoreError> {
        Ok(Self {
            kind: known("charge_terms.kind", ChargeKind::named(&row.kind))?,
            plan: plan_ref("charge_terms.plan", &row.plan, row.plan_version)?,
            item: item("charge_terms.item", &row.item)?,
            position: parse("charge_terms.position", &row.position)?,
            rate: row.rate,
        })
    }
}

impl Transaction {
    /// All rates at which anything is charged for calls. What is charged by the month has its own beside it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn charged_rates(&mut self) -> Result<Vec<ChargedRate>, StoreError> {
        let time = self.answer_time();
        let rows: Vec<RateRow> = on!(self.connection(), within time, db => {
            sqlx::query_as(
                "select distinct kind, plan, plan_version, item, position, rate from charge_terms \
                 where kind not in ('monthly_fee', 'minimum') order by plan, plan_version, kind, item, position, rate",
            )
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }
}
