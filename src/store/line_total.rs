//! Statement lines: what their charges come to, as it is kept by terms ([`super::charge_total`]).

use std::sync::Arc;

use super::error::StoreError;
use super::row::{known, parse};
use super::running_total::{item, location};
use super::transaction::Transaction;
use super::usage::{count, integer, plan_ref};
use crate::domain::charge::{ChargeKind, LineKey};
use crate::domain::id::AppId;
use crate::domain::money::{Amount, parse_decimal};
use crate::domain::statement::StatementLine;
use crate::domain::time::Period;

/// A line's key as columns.
pub(super) struct LineColumns<'c> {
    pub(super) partner: &'c str,
    pub(super) app: &'c str,
    pub(super) period: &'c str,
    pub(super) service_period: &'c str,
    pub(super) kind: &'c str,
    pub(super) product: &'c str,
    pub(super) plan: (&'c str, i64),
    pub(super) item: &'c str,
    pub(super) currency: &'c str,
}

/// A line's key from its columns.
pub(super) fn line_key(columns: LineColumns<'_>) -> Result<LineKey, StoreError> {
    Ok(LineKey {
        partner: parse("charge.partner", columns.partner)?,
        app: parse("charge.app", columns.app)?,
        period: parse("charge.period", columns.period)?,
        currency: parse("charge.currency", columns.currency)?,
        service_period: parse("charge.service_period", columns.service_period)?,
        kind: known("charge.kind", ChargeKind::named(columns.kind))?,
        product: parse("charge.product", columns.product)?,
        plan: plan_ref("charge.plan", columns.plan.0, columns.plan.1)?,
        item: item("charge.item", columns.item)?,
    })
}

row! {
    LineRow {
        partner: String,
        app: String,
        period: String,
        service_period: String,
        kind: String,
        product: String,
        plan: String,
        plan_version: i64,
        item: String,
        currency: String,
        charges: i64,
        quantity: i64,
        free: i64,
        rate: String,
        price: String,
        base: Option<i64>,
        minor: i64,
        rule_file: String,
        rule_line: i64,
        rule_column: i64,
    }
}

impl TryFrom<LineRow> for StatementLine {
    type Error = StoreError;

    fn try_from(row: LineRow) -> Result<Self, StoreError> {
        let key = line_key(LineColumns {
            partner: &row.partner,
            app: &row.app,
            period: &row.period,
            service_period: &row.service_period,
            kind: &row.kind,
            product: &row.product,
            plan: (&row.plan, row.plan_version),
            item: &row.item,
            currency: &row.currency,
        })?;
        let currency = key.currency;
        Ok(Self {
            charges: count("line_total.charges", row.charges)?,
            quantity: count("line_total.quantity", row.quantity)?,
            free: count("line_total.free", row.free)?,
            rate: parse_decimal(&row.rate).map_err(|_| StoreError::corrupt("line_total.rate"))?,
            price: words(&row.price),
            base: row.base.map(|minor| Amount { minor, currency }),
            amount: Amount { minor: row.minor, currency },
            rule: location(&row.rule_file, row.rule_line, row.rule_column),
            working: None,
            corrects: None,
            key,
        })
    }
}

/// A price in words from its column: none where it is empty.
pub(super) fn words(text: &str) -> Option<Arc<str>> {
    Some(text).filter(|text| !text.is_empty()).map(Arc::from)
}

const TOTALS: &str = "select * from line_total ";

/// The same from the charges themselves. Rate, price and rule are those of the first charge of a line: the rule may stand elsewhere
/// in its file by the next. Where the price has words, charges have rates of their own, and the line has none.
const REBUILT: &str = "select s.partner, s.app, s.period, s.service_period, s.kind, s.product, s.plan, s.plan_version, s.item, \
                       s.currency, s.charges, s.quantity, s.free, case f.price when '' then f.rate else '0' end as rate, f.price, s.base, s.minor, f.rule_file, f.rule_line, \
                       f.rule_column from (select min(terms) as first, partner, app, period, service_period, kind, product, \
                       plan, plan_version, item, currency, cast(sum(charges) as bigint) as charges, \
                       cast(sum(quantity) as bigint) as quantity, cast(sum(free) as bigint) as free, \
                       cast(sum(base) as bigint) as base, cast(sum(minor) as bigint) as minor from charge_sum ";

const GROUPED: &str = " group by partner, app, period, service_period, kind, product, plan, plan_version, item, currency) s \
                       join charge_terms f on f.number = s.first";

/// Lines of a period, of one app if it is named.
fn of_period(select: &str, app: Option<&AppId>, tail: &str) -> String {
    let which = if app.is_some() { "app = $2" } else { "$2 = ''" };
    format!("{select} where period = $1 and {which} {tail}")
}

impl Transaction {
    /// The lines of a period, in no order; of one app if it is named.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn line_totals(
        &mut self,
        period: Period,
        app: Option<&AppId>,
    ) -> Result<Vec<StatementLine>, StoreError> {
        let sql = of_period(TOTALS, app, "");
        self.lines(sql, period, app).await
    }

    /// The same, summed up anew from their charges.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn rebuilt_lines(&mut self, period: Period) -> Result<Vec<StatementLine>, StoreError> {
        let sql = of_period(REBUILT, None, GROUPED);
        self.lines(sql, period, None).await
    }

    async fn lines(
        &mut self,
        sql: String,
        period: Period,
        app: Option<&AppId>,
    ) -> Result<Vec<StatementLine>, StoreError> {
        let time = self.answer_time();
        let rows: Vec<LineRow> = on!(self.connection(), within time, db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql))
                .bind(period.to_string())
                .bind(app.map_or("", AppId::as_str))
                .fetch_all(db)
                .await
        })?;
        super::row::all(rows)
    }

    /// The lines of these apps and periods, in no order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lines_of(
        &mut self,
        apps: &[String],
        periods: &[String],
    ) -> Result<Vec<StatementLine>, StoreError> {
        if apps.is_empty() || periods.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<LineRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new("select * from line_total where period in ");
            push_list!(statement, periods);
            statement.push(" and app in ");
            push_list!(statement, apps);
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        super::row::all(rows)
    }

    /// Whether a statement of these apps and periods comes to `at_least` in units, in bases or in money, whichever way that
    /// goes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn has_large_statement(
        &mut self,
        apps: &[String],
        periods: &[String],
        at_least: u64,
    ) -> Result<bool, StoreError> {
        if apps.is_empty() || periods.is_empty() {
            return Ok(false);
        }
        let found: Option<(String,)> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new("select app from line_total where period in ");
            push_list!(statement, periods);
            statement.push(" and app in ");
            push_list!(statement, apps);
            statement.push(" group by period, app, partner, currency having sum(quantity + free) >= ");
            statement.push_bind(integer(at_least)).push(" or sum(abs(coalesce(base, 0))) >= ");
            statement.push_bind(integer(at_least)).push(" or sum(abs(minor)) >= ").push_bind(integer(at_least));
            statement.push(" limit 1");
            statement.build_query_as().persistent(false).fetch_optional(db).await
        })?;
        Ok(found.is_some())
    }

    /// Every period that is closed, or that anything was charged, posted or stated for, in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn periods(&mut self) -> Result<Vec<Period>, StoreError> {
        let time = self.answer_time();
        let rows: Vec<(String,)> = on!(self.connection(), within time, db => {
            sqlx::query_as(
                "select period from charge_terms \
                 union select period from ledger_transaction where period <> '' union select period from statement \
                 union select period from closed_period order by period",
            )
            .fetch_all(db)
            .await
        })?;
        rows.iter().map(|(period,)| parse("period", period)).collect()
    }

    /// The first period before `period` that has lines and is not closed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn open_before(&mut self, period: Period) -> Result<Option<Period>, StoreError> {
        let row: Option<(String,)> = on!(self.connection(), db => {
            sqlx::query_as(
                "select t.period from charge_terms t where t.period < $1 \
                 and not exists (select 1 from closed_period c where c.period = t.period) order by t.period limit 1",
            )
            .bind(period.to_string())
            .fetch_optional(db)
            .await
        })?;
        row.map(|(period,)| parse("charge_terms.period", &period)).transpose()
    }
}
