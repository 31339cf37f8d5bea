//! Sales and their refunds. A sale changes by its refunds alone, and a refund never, by triggers of both stores.

use std::collections::HashMap;

use super::error::StoreError;
use super::row::{known, parse};
use super::running_total::location;
use super::transaction::Transaction;
use super::usage::plan_ref;
use crate::domain::money::{Amount, Rounding, parse_decimal};
use crate::domain::running_total::{Refund, RefundKey, Sale, SaleKey};

row! {
    SaleRow {
        app: String,
        id: String,
        currency: String,
        usage: Option<String>,
        product: String,
        plan: String,
        plan_version: i64,
        percent: String,
        rounding: String,
        rule_file: Option<String>,
        rule_line: Option<i64>,
        rule_column: Option<i64>,
        amount: i64,
        share: i64,
        refunded: i64,
        returned: i64,
    }
}

impl TryFrom<SaleRow> for (SaleKey, Sale) {
    type Error = StoreError;

    fn try_from(row: SaleRow) -> Result<Self, StoreError> {
        let currency = parse("sale.currency", &row.currency)?;
        let rule = match (&row.rule_file, row.rule_line, row.rule_column) {
            (Some(file), Some(line), Some(column)) => Some(location(file, line, column)),
            _ => None,
        };
        let sale = Sale {
            usage: row.usage.as_deref().map(|id| parse("sale.usage", id)).transpose()?,
            product: parse("sale.product", &row.product)?,
            plan: plan_ref("sale.plan", &row.plan, row.plan_version)?,
            percent: parse_decimal(&row.percent).map_err(|_| StoreError::corrupt("sale.percent"))?,
            rounding: known("sale.rounding", Rounding::named(&row.rounding))?,
            rule,
            amount: Amount { minor: row.amount, currency },
            share: Amount { minor: row.share, currency },
            refunded: row.refunded,
            returned: row.returned,
        };
        Ok((SaleKey { app: parse("sale.app", &row.app)?, id: row.id, currency }, sale))
    }
}

row! {
    RefundRow { app: String, sale: String, currency: String, id: String, usage: String, amount: i64, counted: i64 }
}

impl TryFrom<RefundRow> for (RefundKey, Refund) {
    type Error = StoreError;

    fn try_from(row: RefundRow) -> Result<Self, StoreError> {
        let currency = parse("refund.currency", &row.currency)?;
        let sale = SaleKey { app: parse("refund.app", &row.app)?, id: row.sale, currency };
        let usage = parse("refund.usage", &row.usage)?;
        let refund = Refund { usage, amount: row.amount, counted: row.counted };
        Ok((RefundKey { sale, id: row.id }, refund))
    }
}

impl Transaction {
    /// The sales of these ids, of whatever app.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn sales(&mut self, ids: &[String]) -> Result<HashMap<SaleKey, Sale>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<SaleRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new("select * from sale where id in ");
            push_list!(statement, ids);
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        rows.into_iter().map(<(SaleKey, Sale)>::try_from).collect()
    }

    /// The refunds of these sales that have these ids, of whatever app.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn refunds(
        &mut self,
        sales: &[String],
        ids: &[String],
    ) -> Result<HashMap<RefundKey, Refund>, StoreError> {
        if sales.is_empty() || ids.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<RefundRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new("select * from refund where sale in ");
            push_list!(statement, sales);
            statement.push(" and id in ");
            push_list!(statement, ids);
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        rows.into_iter().map(<(RefundKey, Refund)>::try_from).collect()
    }

    /// Keeps sales, and what was refunded of them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_sales(&mut self, sales: &[(&SaleKey, &Sale)]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into sale (app, id, currency, usage, product, plan, plan_version, percent, rounding, rule_file, \
             rule_line, rule_column, amount, share, refunded, returned) ",
            16,
            sales,
            "on conflict (id, app, currency) do update set refunded = excluded.refunded, returned = excluded.returned",
            |row, kept| {
                let (key, sale) = kept;
                row.push_bind(key.app.as_str())
                    .push_bind(&key.id)
                    .push_bind(key.currency.to_string())
                    .push_bind(sale.usage.map(|usage| usage.to_string()))
                    .push_bind(sale.product.as_str())
                    .push_bind(sale.plan.name.as_str())
                    .push_bind(i64::from(sale.plan.version))
                    .push_bind(sale.percent.to_string())
                    .push_bind(sale.rounding.name())
                    .push_bind(sale.rule.as_ref().map(|rule| rule.file.to_string()))
                    .push_bind(sale.rule.as_ref().map(|rule| i64::from(rule.line)))
                    .push_bind(sale.rule.as_ref().map(|rule| i64::from(rule.column)))
                    .push_bind(sale.amount.minor)
                    .push_bind(sale.share.minor)
                    .push_bind(sale.refunded)
                    .push_bind(sale.returned);
            }
        )?;
        Ok(())
    }

    /// Keeps refunds that were counted.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if one is there already; [`StoreError::Unavailable`].
    pub async fn insert_refunds(&mut self, refunds: &[(&RefundKey, &Refund)]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into refund (app, sale, currency, id, usage, amount, counted) ",
            7,
            refunds,
            "",
            |row, kept| {
                let (key, refund) = kept;
                row.push_bind(key.sale.app.as_str())
                    .push_bind(&key.sale.id)
                    .push_bind(key.sale.currency.to_string())
                    .push_bind(&key.id)
                    .push_bind(refund.usage.to_string())
                    .push_bind(refund.amount)
                    .push_bind(refund.counted);
            }
        )?;
        Ok(())
    }
}
