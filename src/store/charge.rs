//! Charges and the sums of statement lines.

use rust_decimal::Decimal;

use super::error::StoreError;
use super::open::Store;
use super::row::{known, parse};
use super::transaction::Transaction;
use super::usage::{MAX_LISTED, integer};
use crate::domain::charge::{Charge, ChargeKind, LineKey, Price};
use crate::domain::id::AppId;
use crate::domain::location::Location;
use crate::domain::money::{Amount, parse_decimal};
use crate::domain::plan::PlanRef;
use crate::domain::time::Period;

/// The sums of a line, as kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptTotal {
    /// The line.
    pub line: LineKey,
    /// Units, free ones too, or transactions.
    pub units: u64,
    /// The exact amount in major units.
    pub exact: Decimal,
    /// The rounded amount in minor units.
    pub posted: i64,
}

row! {
    TotalRow {
        partner: String,
        app: String,
        period: String,
        service_period: String,
        kind: String,
        plan: String,
        plan_version: i64,
        product: String,
        currency: String,
        units: i64,
        exact: String,
        posted: i64,
    }
}

impl TryFrom<TotalRow> for KeptTotal {
    type Error = StoreError;

    fn try_from(row: TotalRow) -> Result<Self, StoreError> {
        Ok(Self {
            units: u64::try_from(row.units).map_err(|_| StoreError::corrupt("line_total.units"))?,
            exact: parse_decimal(&row.exact).map_err(|_| StoreError::corrupt("line_total.exact"))?,
            posted: row.posted,
            line: LineKey {
                partner: parse("line_total.partner", &row.partner)?,
                app: parse("line_total.app", &row.app)?,
                period: parse("line_total.period", &row.period)?,
                service_period: parse("line_total.service_period", &row.service_period)?,
                kind: known("line_total.kind", ChargeKind::named(&row.kind))?,
                plan: plan("line_total.plan", &row.plan, row.plan_version)?,
                product: parse("line_total.product", &row.product)?,
                currency: parse("line_total.currency", &row.currency)?,
            },
        })
    }
}

row! {
    ChargeRow {
        usage: String,
        kind: String,
        partner: String,
        app: String,
        period: String,
        service_period: String,
        plan: String,
        plan_version: i64,
        product: String,
        currency: String,
        charged: i64,
        free: i64,
        rate: String,
        transaction_id: Option<String>,
        base: Option<i64>,
        exact: String,
        rule_file: String,
        rule_line: i64,
        rule_column: i64,
    }
}

impl TryFrom<ChargeRow> for Charge {
    type Error = StoreError;

    fn try_from(row: ChargeRow) -> Result<Self, StoreError> {
        let count = |value: i64| u64::try_from(value).map_err(|_| StoreError::corrupt("charge.charged"));
        let rate = parse_decimal(&row.rate).map_err(|_| StoreError::corrupt("charge.rate"))?;
        let kind = known("charge.kind", ChargeKind::named(&row.kind))?;
        let currency = parse("charge.currency", &row.currency)?;
        let price = match kind {
            ChargeKind::ServiceFee => {
                Price::Units { charged: count(row.charged)?, free: count(row.free)?, each: rate }
            }
            ChargeKind::RevenueShare => Price::Share {
                transaction: known("charge.transaction_id", row.transaction_id)?,
                base: Amount { minor: known("charge.base", row.base)?, currency },
                percent: rate,
            },
        };
        let place = |value: i64| u32::try_from(value).unwrap_or(1);
        Ok(Self {
            usage: parse("charge.usage", &row.usage)?,
            line: LineKey {
                partner: parse("charge.partner", &row.partner)?,
                app: parse("charge.app", &row.app)?,
                period: parse("charge.period", &row.period)?,
                service_period: parse("charge.service_period", &row.service_period)?,
                kind,
                plan: plan("charge.plan", &row.plan, row.plan_version)?,
                product: parse("charge.product", &row.product)?,
                currency,
            },
            price,
            exact: parse_decimal(&row.exact).map_err(|_| StoreError::corrupt("charge.exact"))?,
            rule: Location {
                file: row.rule_file.as_str().into(),
                line: place(row.rule_line),
                column: place(row.rule_column),
            },
        })
    }
}

fn plan(what: &'static str, name: &str, version: i64) -> Result<PlanRef, StoreError> {
    let version = u32::try_from(version).map_err(|_| StoreError::corrupt(what))?;
    Ok(PlanRef { name: parse(what, name)?, version })
}

impl Store {
    /// The sums of all lines of a period; of one app if it is named.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn line_totals(
        &self,
        period: Period,
        app: Option<&AppId>,
    ) -> Result<Vec<KeptTotal>, StoreError> {
        let rows: Vec<TotalRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select * from line_total where period = $1 and ($2 = '' or app = $2) \
                 order by app, currency, kind, plan, plan_version, product, service_period",
            )
            .bind(period.to_string())
            .bind(app.map_or("", AppId::as_str))
            .fetch_all(db)
            .await
        })?;
        super::row::all(rows)
    }

    /// The charges of an app and period, in the order of their usage records from `after` on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn charges(&self, period: Period, app: &AppId, after: &str) -> Result<Vec<Charge>, StoreError> {
        let rows: Vec<ChargeRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select * from charge where period = $1 and app = $2 and usage > $3 order by usage, kind desc limit $4",
            )
            .bind(period.to_string())
            .bind(app.as_str())
            .bind(after)
            .bind(MAX_LISTED)
            .fetch_all(db)
            .await
        })?;
        super::row::all(rows)
    }
}

impl Transaction {
    /// The sums of a line, as this transaction sees them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn line_total(&mut self, line: &LineKey) -> Result<Option<KeptTotal>, StoreError> {
        let row: Option<TotalRow> = on!(self.connection(), db => {
            sqlx::query_as(
                "select * from line_total where app = $1 and period = $2 and service_period = $3 and kind = $4 \
                 and plan = $5 and plan_version = $6 and product = $7 and currency = $8",
            )
            .bind(line.app.as_str())
            .bind(line.period.to_string())
            .bind(line.service_period.to_string())
            .bind(line.kind.name())
            .bind(line.plan.name.as_str())
            .bind(i64::from(line.plan.version))
            .bind(line.product.as_str())
            .bind(line.currency.to_string())
            .fetch_optional(db)
            .await
        })?;
        row.map(KeptTotal::try_from).transpose()
    }

    /// Keeps the sums of lines.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_line_totals(&mut self, totals: &[KeptTotal]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into line_total (partner, app, period, service_period, kind, plan, plan_version, product, \
             currency, units, exact, posted) ",
            12,
            totals,
            "on conflict (app, period, service_period, kind, plan, plan_version, product, currency) \
             do update set units = excluded.units, exact = excluded.exact, posted = excluded.posted",
            |row, total| {
                let line = &total.line;
                row.push_bind(line.partner.as_str())
                    .push_bind(line.app.as_str())
                    .push_bind(line.period.to_string())
                    .push_bind(line.service_period.to_string())
                    .push_bind(line.kind.name())
                    .push_bind(line.plan.name.as_str())
                    .push_bind(i64::from(line.plan.version))
                    .push_bind(line.product.as_str())
                    .push_bind(line.currency.to_string())
                    .push_bind(integer(total.units))
                    .push_bind(total.exact.to_string())
                    .push_bind(total.posted);
            }
        )?;
        Ok(())
    }

    /// Keeps charges.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if one is there already; [`StoreError::Unavailable`].
    pub async fn insert_charges(&mut self, charges: &[Charge]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into charge (usage, kind, partner, app, period, service_period, plan, plan_version, product, \
             currency, charged, free, rate, transaction_id, base, exact, rule_file, rule_line, rule_column) ",
            19,
            charges,
            "",
            |row, charge| {
                let line = &charge.line;
                let (charged, free, rate, transaction, base) = match &charge.price {
                    Price::Units { charged, free, each } => {
                        (integer(*charged), integer(*free), each, None, None)
                    }
                    Price::Share { transaction, base, percent } => {
                        (1, 0, percent, Some(transaction.as_str()), Some(base.minor))
                    }
                };
                row.push_bind(charge.usage.to_string())
                    .push_bind(line.kind.name())
                    .push_bind(line.partner.as_str())
                    .push_bind(line.app.as_str())
                    .push_bind(line.period.to_string())
                    .push_bind(line.service_period.to_string())
                    .push_bind(line.plan.name.as_str())
                    .push_bind(i64::from(line.plan.version))
                    .push_bind(line.product.as_str())
                    .push_bind(line.currency.to_string())
                    .push_bind(charged)
                    .push_bind(free)
                    .push_bind(rate.to_string())
                    .push_bind(transaction)
                    .push_bind(base)
                    .push_bind(charge.exact.to_string())
                    .push_bind(charge.rule.file.to_string())
                    .push_bind(i64::from(charge.rule.line))
                    .push_bind(i64::from(charge.rule.column));
            }
        )?;
        Ok(())
    }
}

/// A statement line as its charges make it.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptLine {
    /// The line.
    pub line: LineKey,
    /// Charges in it.
    pub charges: u64,
    /// Units that cost something, or transactions.
    pub charged: u64,
    /// Units of the free allowance.
    pub free: u64,
    /// Price of a unit, or percent.
    pub rate: Decimal,
    /// Sum of the transactions, in minor units.
    pub base: Option<i64>,
    /// The rounded amount in minor units.
    pub posted: i64,
    /// The rule in the policy files.
    pub rule: Location,
}

row! {
    LineRow {
        partner: String,
        app: String,
        period: String,
        service_period: String,
        kind: String,
        plan: String,
        plan_version: i64,
        product: String,
        currency: String,
        posted: i64,
        charges: i64,
        charged: i64,
        free: i64,
        base: Option<i64>,
        rate: String,
        rule_file: String,
        rule_line: i64,
        rule_column: i64,
    }
}

impl TryFrom<LineRow> for KeptLine {
    type Error = StoreError;

    fn try_from(row: LineRow) -> Result<Self, StoreError> {
        let count = |value: i64| u64::try_from(value).map_err(|_| StoreError::corrupt("charge.charged"));
        let place = |value: i64| u32::try_from(value).unwrap_or(1);
        Ok(Self {
            charges: count(row.charges)?,
            charged: count(row.charged)?,
            free: count(row.free)?,
            rate: parse_decimal(&row.rate).map_err(|_| StoreError::corrupt("charge.rate"))?,
            base: row.base,
            posted: row.posted,
            rule: Location {
                file: row.rule_file.as_str().into(),
                line: place(row.rule_line),
                column: place(row.rule_column),
            },
            line: LineKey {
                partner: parse("line_total.partner", &row.partner)?,
                app: parse("line_total.app", &row.app)?,
                period: parse("line_total.period", &row.period)?,
                service_period: parse("line_total.service_period", &row.service_period)?,
                kind: known("line_total.kind", ChargeKind::named(&row.kind))?,
                plan: plan("line_total.plan", &row.plan, row.plan_version)?,
                product: parse("line_total.product", &row.product)?,
                currency: parse("line_total.currency", &row.currency)?,
            },
        })
    }
}

impl Store {
    /// The statement lines of a period; of one app if it is named. In the order in which statements show them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn statement_lines(
        &self,
        period: Period,
        app: Option<&AppId>,
    ) -> Result<Vec<KeptLine>, StoreError> {
        let rows: Vec<LineRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select t.partner, t.app, t.period, t.service_period, t.kind, t.plan, t.plan_version, t.product, \
                 t.currency, t.posted, count(*) as charges, cast(sum(c.charged) as bigint) as charged, \
                 cast(sum(c.free) as bigint) as free, cast(sum(c.base) as bigint) as base, min(c.rate) as rate, \
                 min(c.rule_file) as rule_file, min(c.rule_line) as rule_line, min(c.rule_column) as rule_column \
                 from line_total t join charge c on c.app = t.app and c.period = t.period and c.kind = t.kind \
                 and c.service_period = t.service_period and c.plan = t.plan and c.plan_version = t.plan_version \
                 and c.product = t.product and c.currency = t.currency \
                 where t.period = $1 and ($2 = '' or t.app = $2) \
                 group by t.partner, t.app, t.period, t.service_period, t.kind, t.plan, t.plan_version, t.product, \
                 t.currency, t.posted \
                 order by t.app, t.currency, t.kind desc, t.plan, t.plan_version, t.product, t.service_period",
            )
            .bind(period.to_string())
            .bind(app.map_or("", AppId::as_str))
            .fetch_all(db)
            .await
        })?;
        super::row::all(rows)
    }
}
