//! Charges. Append-only, and none goes to a closed period, by triggers of both stores.

use super::error::StoreError;
use super::line_total::{LineColumns, line_key};
use super::open::Store;
use super::row::{known, parse};
use super::running_total::location;
use super::transaction::Transaction;
use super::usage::{MAX_LISTED, count, integer};
use crate::domain::charge::{Charge, ChargeKind, LineKey, Price};
use crate::domain::id::AppId;
use crate::domain::money::{Amount, parse_decimal};
use crate::domain::time::Period;

/// A charge with the cause of the ledger transaction that posts it; none if it comes to nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptCharge {
    /// The charge.
    pub charge: Charge,
    /// The cause.
    pub cause: Option<String>,
}

row! {
    ChargeRow {
        usage: String,
        kind: String,
        partner: String,
        app: String,
        period: String,
        service_period: String,
        product: String,
        plan: String,
        plan_version: i64,
        currency: String,
        quantity: i64,
        free: i64,
        rate: String,
        transaction_id: Option<String>,
        base: Option<i64>,
        minor: i64,
        cause: Option<String>,
        rule_file: String,
        rule_line: i64,
        rule_column: i64,
    }
}

impl TryFrom<ChargeRow> for KeptCharge {
    type Error = StoreError;

    fn try_from(row: ChargeRow) -> Result<Self, StoreError> {
        let rate = parse_decimal(&row.rate).map_err(|_| StoreError::corrupt("charge.rate"))?;
        let line = line_key(LineColumns {
            partner: &row.partner,
            app: &row.app,
            period: &row.period,
            service_period: &row.service_period,
            kind: &row.kind,
            product: &row.product,
            plan: (&row.plan, row.plan_version),
            currency: &row.currency,
        })?;
        let price = match line.kind {
            ChargeKind::ServiceFee => Price::Units {
                charged: count("charge.quantity", row.quantity)?,
                free: count("charge.free", row.free)?,
                each: rate,
            },
            ChargeKind::RevenueShare | ChargeKind::ShareReversal => Price::Percent {
                transaction: known("charge.transaction_id", row.transaction_id)?,
                base: Amount { minor: known("charge.base", row.base)?, currency: line.currency },
                percent: rate,
            },
        };
        let rule = location(&row.rule_file, row.rule_line, row.rule_column);
        let usage = parse("charge.usage", &row.usage)?;
        Ok(Self { charge: Charge { usage, line, price, minor: row.minor, rule }, cause: row.cause })
    }
}

/// How a price is kept: quantity, free units, rate, transaction and base.
fn columns(price: &Price) -> (i64, i64, String, Option<&str>, Option<i64>) {
    match price {
        Price::Units { charged, free, each } => {
            (integer(*charged), integer(*free), each.to_string(), None, None)
        }
        Price::Percent { transaction, base, percent } => {
            (1, 0, percent.to_string(), Some(transaction), Some(base.minor))
        }
    }
}

impl Store {
    /// The charges of an app and period, in the order of their usage records from `after` on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn charges(
        &self,
        period: Period,
        app: &AppId,
        after: &str,
    ) -> Result<Vec<KeptCharge>, StoreError> {
        let rows: Vec<ChargeRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select * from charge where app = $1 and period = $2 and usage > $3 \
                 order by usage, kind desc limit $4",
            )
            .bind(app.as_str())
            .bind(period.to_string())
            .bind(after)
            .bind(MAX_LISTED)
            .fetch_all(db)
            .await
        })?;
        super::row::all(rows)
    }

    /// The charges of a usage record: its fee, then its share.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn charges_of_usage(&self, id: &str) -> Result<Vec<KeptCharge>, StoreError> {
        let rows: Vec<ChargeRow> = on!(self.reader(), db => {
            sqlx::query_as("select * from charge where usage = $1 order by kind desc").bind(id).fetch_all(db).await
        })?;
        super::row::all(rows)
    }

    /// Whether what an app used in a period is billed, at least in part, with another.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn is_billed_elsewhere(&self, used_in: Period, app: &AppId) -> Result<bool, StoreError> {
        let row: Option<(String,)> = on!(self.reader(), db => {
            sqlx::query_as(
                "select period from charge where app = $1 and service_period = $2 and period <> $2 limit 1",
            )
            .bind(app.as_str())
            .bind(used_in.to_string())
            .fetch_optional(db)
            .await
        })?;
        Ok(row.is_some())
    }

    /// The charges behind a statement line, in the order of their usage records from `after` on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn charges_of_line(&self, line: &LineKey, after: &str) -> Result<Vec<KeptCharge>, StoreError> {
        let rows: Vec<ChargeRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select * from charge where app = $1 and period = $2 and usage > $3 and partner = $4 \
                 and service_period = $5 and kind = $6 and product = $7 and plan = $8 and plan_version = $9 \
                 and currency = $10 order by usage limit $11",
            )
            .bind(line.app.as_str())
            .bind(line.period.to_string())
            .bind(after)
            .bind(line.partner.as_str())
            .bind(line.service_period.to_string())
            .bind(line.kind.name())
            .bind(line.product.as_str())
            .bind(line.plan.name.as_str())
            .bind(i64::from(line.plan.version))
            .bind(line.currency.to_string())
            .bind(MAX_LISTED)
            .fetch_all(db)
            .await
        })?;
        super::row::all(rows)
    }
}

impl Transaction {
    /// Keeps charges.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if one is there already; [`StoreError::Corrupt`] if its period is closed;
    /// [`StoreError::Unavailable`].
    pub async fn insert_charges(&mut self, charges: &[KeptCharge]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into charge (usage, kind, partner, app, period, service_period, product, plan, plan_version, \
             currency, quantity, free, rate, transaction_id, base, minor, cause, rule_file, rule_line, rule_column) ",
            20,
            charges,
            "",
            |row, kept| {
                let KeptCharge { charge, cause } = kept;
                let line = &charge.line;
                let (quantity, free, rate, transaction, base) = columns(&charge.price);
                row.push_bind(charge.usage.to_string())
                    .push_bind(line.kind.name())
                    .push_bind(line.partner.as_str())
                    .push_bind(line.app.as_str())
                    .push_bind(line.period.to_string())
                    .push_bind(line.service_period.to_string())
                    .push_bind(line.product.as_str())
                    .push_bind(line.plan.name.as_str())
                    .push_bind(i64::from(line.plan.version))
                    .push_bind(line.currency.to_string())
                    .push_bind(quantity)
                    .push_bind(free)
                    .push_bind(rate)
                    .push_bind(transaction)
                    .push_bind(base)
                    .push_bind(charge.minor)
                    .push_bind(cause.as_deref())
                    .push_bind(charge.rule.file.to_string())
                    .push_bind(i64::from(charge.rule.line))
                    .push_bind(i64::from(charge.rule.column));
            }
        )?;
        Ok(())
    }
}
