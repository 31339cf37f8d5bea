//! Charges. Append-only, and none goes to a closed period, by triggers of both stores.

use super::error::StoreError;
use super::line_total::{LineColumns, line_key, words};
use super::open::Store;
use super::row::{known, parse};
use super::running_total::{item_text, location};
use super::usage::{MAX_LISTED, count};
use super::usage_run::DAY;
use crate::domain::charge::{Charge, ChargeKind, LineKey, Price};
use crate::domain::id::AppId;
use crate::domain::money::{Amount, parse_decimal};
use crate::domain::time::{Period, Zone};

/// A charge with the place of the ledger transaction that posts it, among those that are kept with it; none if it comes to
/// nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCharge {
    /// The charge.
    pub charge: Charge,
    /// The place.
    pub posting: Option<usize>,
}

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
        day: i64,
        number: i64,
        usage: String,
        kind: String,
        partner: String,
        app: String,
        period: String,
        service_period: String,
        product: String,
        plan: String,
        plan_version: i64,
        item: String,
        currency: String,
        quantity: i64,
        free: i64,
        rate: String,
        price: String,
        position: String,
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
            item: &row.item,
            currency: &row.currency,
        })?;
        let position = row.position.parse().map_err(|_| StoreError::corrupt("charge.position"))?;
        let price = match line.kind {
            ChargeKind::ServiceFee => Price::Units {
                charged: count("charge.quantity", row.quantity)?,
                free: count("charge.free", row.free)?,
                each: rate,
                position,
                words: words(&row.price),
            },
            ChargeKind::Rewalk => Price::Moved {
                units: count("charge.quantity", row.quantity)?,
                each: rate,
                position,
                words: words(&row.price),
            },
            // They have a table of their own.
            ChargeKind::MonthlyFee | ChargeKind::Minimum => return Err(StoreError::corrupt("charge.kind")),
            ChargeKind::RevenueShare | ChargeKind::ShareReversal => Price::Percent {
                transaction: known("charge.transaction_id", row.transaction_id)?,
                base: Amount { minor: known("charge.base", row.base)?, currency: line.currency },
                percent: rate,
                words: words(&row.price),
            },
            ChargeKind::ShareRewalk => Price::Tiers {
                transaction: known("charge.transaction_id", row.transaction_id)?,
                words: words(&row.price),
            },
        };
        let rule = location(&row.rule_file, row.rule_line, row.rule_column);
        let usage = parse("charge.usage", &row.usage)?;
        Ok(Self { charge: Charge { usage, line, price, minor: row.minor, rule }, cause: row.cause })
    }
}

/// The columns of a charge that stands in its usage record.
const FEE: &str = "select r.day, u.number, u.id as usage, t.kind, t.partner, t.app, t.period, t.service_period, t.product, t.plan, \
                   t.plan_version, t.item, t.currency, u.units - u.fee_free as quantity, u.fee_free as free, t.rate, \
                   t.price, t.position, cast(null as text) as transaction_id, cast(null as bigint) as base, u.fee_minor as minor, l.cause, \
                   t.rule_file, t.rule_line, t.rule_column from usage_run r cross join usage u \
                   join charge_terms t on t.number = u.fee_terms \
                   left join ledger_transaction l on l.number = u.fee_posting";

/// The columns of any other. It is found by its terms, as the call that it is of may be another app's, or of any day.
const OTHER: &str = "select u.at / 86400000000 as day, u.number, u.id as usage, o.kind, t.partner, t.app, t.period, \
                     t.service_period, t.product, t.plan, t.plan_version, t.item, t.currency, o.quantity, o.free, t.rate, t.price, \
                     t.position, o.transaction_id, o.base, o.minor, l.cause, t.rule_file, t.rule_line, t.rule_column \
                     from charge_terms t join other_charge o on o.terms = t.number join usage u on u.number = o.usage \
                     left join ledger_transaction l on l.number = o.posting";

/// Of an app and its days, behind a record: read from left to right, it ends as soon as the page is full.
const FEE_PAGE: &str = "where r.app = (select number from usage_app where app = $1) and u.number >= r.first \
                        and u.number <= r.last and t.app = $1 and t.period = $2 and r.day >= $3 \
                        and (r.day > $3 or r.last > $4) and (r.day > $3 or u.number > $4)";

/// Of an app, behind a record.
const OTHER_PAGE: &str = "where t.app = $1 and t.period = $2 and (u.at / 86400000000 > $3 \
                          or (u.at / 86400000000 = $3 and u.number > $4))";

row! {
    AfterRow { day: i64, number: i64 }
}

row! {
    SpanRow { first: Option<String>, last: Option<String> }
}

impl Store {
    /// The charges of an app and period, in the order in which their usage records stand from `after` on: by day, and as
    /// they were recorded.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn charges(
        &self,
        period: Period,
        app: &AppId,
        after: &str,
    ) -> Result<Vec<KeptCharge>, StoreError> {
        let span: SpanRow = on!(self.reader(), db => {
            sqlx::query_as(
                "select min(service_period) as first, max(service_period) as last from charge_terms \
                 where app = $1 and period = $2",
            )
            .bind(app.as_str())
            .bind(period.to_string())
            .fetch_one(db)
            .await
        })?;
        let (Some(first), Some(last)) = (span.first, span.last) else { return Ok(Vec::new()) };
        let span =
            (parse("charge_terms.service_period", &first)?, parse("charge_terms.service_period", &last)?);
        self.page((period, app), span, None, after).await
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
                "select period from charge_terms where app = $1 and service_period = $2 and period <> $2 limit 1",
            )
            .bind(app.as_str())
            .bind(used_in.to_string())
            .fetch_optional(db)
            .await
        })?;
        Ok(row.is_some())
    }

    /// The charges behind a statement line, in the order of [`Store::charges`]; those of another partner's line of that
    /// [`LineKey::id`] too, as an app has if it went from one to the other.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn charges_of_line(&self, line: &LineKey, after: &str) -> Result<Vec<KeptCharge>, StoreError> {
        let span = (line.service_period, line.service_period);
        self.page((line.period, &line.app), span, Some((line, "")), after).await
    }

    /// The same of the line alone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn charges_of_line_alone(
        &self,
        line: &LineKey,
        after: &str,
    ) -> Result<Vec<KeptCharge>, StoreError> {
        let span = (line.service_period, line.service_period);
        self.page((line.period, &line.app), span, Some((line, line.partner.as_str())), after).await
    }

    /// A page of charges of calls between the first day of one period and the last of another; of a line, if one is given, and of a
    /// partner's, if he is named too.
    async fn page(
        &self,
        (period, app): (Period, &AppId),
        (first, last): (Period, Period),
        line: Option<(&LineKey, &str)>,
        after: &str,
    ) -> Result<Vec<KeptCharge>, StoreError> {
        let AfterRow { day, number } = self.place_of(after).await?;
        // Periods begin and end by the platform's zone, days by UTC.
        let zone = Zone::utc();
        let days = (first.start(&zone).as_micros() / DAY - 2, last.end(&zone).as_micros() / DAY + 2);
        let which = match line {
            Some(_) => {
                "and t.service_period = $5 and t.kind = $6 and t.product = $7 and t.plan = $8 and t.plan_version = $9 \
                 and t.currency = $10 and t.item = $11 and ($12 = '' or t.partner = $12)"
            }
            None => "",
        };
        let within = format!("and r.day between {} and {}", days.0, days.1);
        let fees = format!("{FEE} {FEE_PAGE} {within} {which} order by r.day, r.first, u.number");
        let others = format!("{OTHER} {OTHER_PAGE} {which} order by day, u.number");
        let mut rows = Vec::new();
        // A line of another kind has no fees: looking for them would read all usage of its periods.
        let has_fees = line.is_none_or(|(line, _)| line.kind == ChargeKind::ServiceFee);
        for select in [fees, others].into_iter().skip(usize::from(!has_fees)) {
            let sql = format!("{select} limit {MAX_LISTED}");
            let some: Vec<ChargeRow> = on!(self.reader(), db => {
                let query = sqlx::query_as(sqlx::AssertSqlSafe(sql))
                    .bind(app.as_str())
                    .bind(period.to_string())
                    .bind(day)
                    .bind(number);
                match line {
                    Some((line, partner)) => query
                        .bind(line.service_period.to_string())
                        .bind(line.kind.name())
                        .bind(line.product.as_str())
                        .bind(line.plan.name.as_str())
                        .bind(i64::from(line.plan.version))
                        .bind(line.currency.to_string())
                        .bind(item_text(line.item.as_ref()))
                        .bind(partner)
                        .fetch_all(db)
                        .await,
                    None => query.fetch_all(db).await,
                }
            })?;
            rows.extend(some);
        }
        merged(rows)
    }

    /// The day and number of a usage record; before all, if none is named.
    async fn place_of(&self, usage: &str) -> Result<AfterRow, StoreError> {
        let row: Option<AfterRow> = on!(self.reader(), db => {
            sqlx::query_as("select at / 86400000000 as day, number from usage where id = $1")
                .bind(usage)
                .fetch_optional(db)
                .await
        })?;
        Ok(row.unwrap_or(AfterRow { day: i64::MIN, number: 0 }))
    }
}

/// Fees and other charges together, as far as one page goes.
fn merged(mut rows: Vec<ChargeRow>) -> Result<Vec<KeptCharge>, StoreError> {
    rows.sort_by(|one, other| (one.day, one.number, &other.kind).cmp(&(other.day, other.number, &one.kind)));
    rows.truncate(usize::try_from(MAX_LISTED).unwrap_or(usize::MAX));
    super::row::all(rows)
}
