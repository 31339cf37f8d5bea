//! Units counted together, and sales with what was refunded of them: what rating must know of before.

use std::collections::HashMap;

use super::error::StoreError;
use super::row::{known, parse};
use super::transaction::Transaction;
use super::usage::{count, integer, plan_ref};
use crate::domain::location::Location;
use crate::domain::money::{Amount, Rounding, parse_decimal};
use crate::domain::running_total::{FeeKey, Refund, RefundKey, Sale, SaleKey, Units};

row! {
    UnitRow {
        app: String,
        product: String,
        plan: String,
        plan_version: i64,
        service_period: String,
        units: i64,
        free: i64,
    }
}

impl TryFrom<UnitRow> for (FeeKey, Units) {
    type Error = StoreError;

    fn try_from(row: UnitRow) -> Result<Self, StoreError> {
        let key = FeeKey {
            app: parse("unit_total.app", &row.app)?,
            product: parse("unit_total.product", &row.product)?,
            plan: plan_ref("unit_total.plan", &row.plan, row.plan_version)?,
            service_period: parse("unit_total.service_period", &row.service_period)?,
        };
        let units =
            Units { all: count("unit_total.units", row.units)?, free: count("unit_total.free", row.free)? };
        Ok((key, units))
    }
}

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

/// A place in a policy file from its columns.
pub(super) fn location(file: &str, line: i64, column: i64) -> Location {
    let place = |value: i64| u32::try_from(value).unwrap_or(1);
    Location { file: file.into(), line: place(line), column: place(column) }
}

impl Transaction {
    /// The units counted for these apps in these service periods.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn unit_totals(
        &mut self,
        apps: &[String],
        service_periods: &[String],
    ) -> Result<HashMap<FeeKey, Units>, StoreError> {
        if apps.is_empty() || service_periods.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<UnitRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new(
                "select app, product, plan, plan_version, service_period, units, free from unit_total where app in ",
            );
            push_list!(statement, apps);
            statement.push(" and service_period in ");
            push_list!(statement, service_periods);
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        rows.into_iter().map(<(FeeKey, Units)>::try_from).collect()
    }

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

    /// Keeps units counted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_unit_totals(&mut self, totals: &[(&FeeKey, Units)]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into unit_total (app, product, plan, plan_version, service_period, units, free) ",
            7,
            totals,
            "on conflict (app, service_period, product, plan, plan_version) do update set units = excluded.units, \
             free = excluded.free",
            |row, total| {
                let (key, units) = total;
                row.push_bind(key.app.as_str())
                    .push_bind(key.product.as_str())
                    .push_bind(key.plan.name.as_str())
                    .push_bind(i64::from(key.plan.version))
                    .push_bind(key.service_period.to_string())
                    .push_bind(integer(units.all))
                    .push_bind(integer(units.free));
            }
        )?;
        Ok(())
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
