//! Units by which calls were let through whose worth is for someone to decide. They stay reserved until the exception is resolved,
//! which the stores note themselves.

use super::balance_lease::{part, part_columns};
use super::error::StoreError;
use super::row::{all, parse};
use super::transaction::Transaction;
use super::usage::{count, integer, plan_ref};
use crate::domain::balance::Stretch;
use crate::domain::id::BalanceId;

row! {
    DisputeRow {
        balance: String,
        app: String,
        product: String,
        plan: String,
        plan_version: i64,
        item: String,
        promotion: i64,
        service_period: String,
        units: i64,
    }
}

/// Units of an exception, or of all that are open of a stretch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disputed {
    /// For what they were leased.
    pub stretch: Stretch,
    /// How many; above zero.
    pub units: u64,
}

impl TryFrom<DisputeRow> for Disputed {
    type Error = StoreError;

    fn try_from(row: DisputeRow) -> Result<Self, StoreError> {
        let stretch = Stretch {
            balance: parse("balance_dispute.balance", &row.balance)?,
            app: parse("balance_dispute.app", &row.app)?,
            product: parse("balance_dispute.product", &row.product)?,
            plan: plan_ref("balance_dispute.plan", &row.plan, row.plan_version)?,
            part: part(&row.item, row.promotion)?,
            service_period: parse("balance_dispute.service_period", &row.service_period)?,
        };
        Ok(Self { stretch, units: count("balance_dispute.units", row.units)? })
    }
}

impl Transaction {
    /// Keeps units of calls, by the ids of their exceptions, which are kept already. The transaction must have locked the balances.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if an exception has some already; [`StoreError::Unavailable`].
    pub async fn insert_disputes(&mut self, disputes: &[(String, Disputed)]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into balance_dispute (exception, balance, app, product, plan, plan_version, item, promotion, \
             service_period, units) ",
            10,
            disputes,
            "",
            |row, dispute| {
                let (exception, Disputed { stretch, units }) = dispute;
                let (item, promotion) = part_columns(stretch.part.as_ref());
                row.push_bind(exception)
                    .push_bind(stretch.balance.as_str())
                    .push_bind(stretch.app.as_str())
                    .push_bind(stretch.product.as_str())
                    .push_bind(stretch.plan.name.as_str())
                    .push_bind(i64::from(stretch.plan.version))
                    .push_bind(item)
                    .push_bind(promotion)
                    .push_bind(stretch.service_period.to_string())
                    .push_bind(integer(*units));
            }
        )?;
        Ok(())
    }

    /// The units of a balance that nobody has decided about yet, by stretch.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn open_disputes(&mut self, balance: &BalanceId) -> Result<Vec<Disputed>, StoreError> {
        let rows: Vec<DisputeRow> = on!(self.connection(), db => {
            sqlx::query_as(
                "select balance, app, product, plan, plan_version, item, promotion, service_period, \
                 cast(sum(units) as bigint) as units \
                 from balance_dispute where is_open = 1 and balance = $1 \
                 group by balance, app, product, plan, plan_version, item, promotion, service_period",
            )
            .bind(balance.as_str())
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }
}
