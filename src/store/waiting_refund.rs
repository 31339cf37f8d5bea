//! Refunds that came before their sales. Append-only; once its sale has come, a refund is counted beside this.

use std::collections::HashMap;

use uuid::Uuid;

use super::error::StoreError;
use super::row::parse;
use super::transaction::Transaction;
use crate::domain::id::AppId;
use crate::domain::running_total::{RefundKey, SaleKey, WaitingRefund};

row! {
    WaitingRow { app: String, sale: String, currency: String, id: String, usage: String, amount: i64 }
}

impl TryFrom<WaitingRow> for (RefundKey, WaitingRefund) {
    type Error = StoreError;

    fn try_from(row: WaitingRow) -> Result<Self, StoreError> {
        let app: AppId = parse("waiting_refund.app", &row.app)?;
        let sale = SaleKey { app, id: row.sale, currency: parse("waiting_refund.currency", &row.currency)? };
        let usage: Uuid = parse("waiting_refund.usage", &row.usage)?;
        Ok((RefundKey { sale, id: row.id }, WaitingRefund { usage, amount: row.amount }))
    }
}

impl Transaction {
    /// The refunds of these sales that have these ids and came before their sales, of whatever app.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn waiting_refunds(
        &mut self,
        sales: &[String],
        ids: &[String],
    ) -> Result<HashMap<RefundKey, WaitingRefund>, StoreError> {
        if sales.is_empty() || ids.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<WaitingRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new("select * from waiting_refund where sale in ");
            push_list!(statement, sales);
            statement.push(" and id in ");
            push_list!(statement, ids);
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        rows.into_iter().map(<(RefundKey, WaitingRefund)>::try_from).collect()
    }

    /// The refunds that wait for one of these sales, of whatever app, and of which nobody is asked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn quietly_waiting_for(
        &mut self,
        sales: &[String],
    ) -> Result<Vec<(RefundKey, WaitingRefund)>, StoreError> {
        if sales.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<WaitingRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new("select w.* from waiting_refund w where w.sale in ");
            push_list!(statement, sales);
            statement.push(
                " and not exists (select 1 from refund r where r.sale = w.sale and r.id = w.id and r.app = w.app \
                 and r.currency = w.currency) \
                 and not exists (select 1 from usage_exception e where e.usage = w.usage)",
            );
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        rows.into_iter().map(<(RefundKey, WaitingRefund)>::try_from).collect()
    }

    /// Keeps refunds that wait for their sales.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if one is there already; [`StoreError::Unavailable`].
    pub async fn insert_waiting_refunds(
        &mut self,
        refunds: &[(RefundKey, WaitingRefund)],
    ) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into waiting_refund (app, sale, currency, id, usage, amount) ",
            6,
            refunds,
            "",
            |row, waiting| {
                let (key, refund) = waiting;
                row.push_bind(key.sale.app.as_str())
                    .push_bind(&key.sale.id)
                    .push_bind(key.sale.currency.to_string())
                    .push_bind(&key.id)
                    .push_bind(refund.usage.to_string())
                    .push_bind(refund.amount);
            }
        )?;
        Ok(())
    }
}
