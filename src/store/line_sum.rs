//! What the charges of one statement line come to, one by one, and what the ledger posts of them: nothing of it is read from the
//! totals that are kept beside the charges, so that it can be compared with them.

use std::collections::BTreeMap;

use super::error::StoreError;
use super::running_total::item_text;
use super::transaction::Transaction;
use super::usage::count;
use super::usage_run::DAY;
use crate::domain::charge::LineKey;
use crate::domain::time::{Period, Zone};

/// Ledger transactions of which the store is asked at once.
const AT_ONCE: usize = 1_000;

/// What the charges of a line come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineSum {
    /// How many there are.
    pub charges: u64,
    /// What they add to the line, in minor units.
    pub minor: i64,
    /// The ledger transactions that post them, in the order of posting.
    pub postings: Vec<LinePosting>,
}

/// A ledger transaction that posts charges of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePosting {
    /// What caused it.
    pub cause: String,
    /// How many charges of the line it posts.
    pub charges: u64,
    /// What they add to the line.
    pub minor: i64,
    /// What of it the line's partner owes by the ledger: without what it posts of other lines.
    pub posted: i64,
}

row! {
    SumRow { posting: Option<i64>, charges: i64, minor: i64, whole: Option<i64> }
}

row! {
    PostedRow { number: i64, cause: String, posted: i64 }
}

/// The first day that calls of a service period may be of, and the last: periods begin and end by the platform's zone, days by UTC.
pub(super) fn days_of(service_period: Period) -> (i64, i64) {
    let zone = Zone::utc();
    let day = |micros: i64| micros.div_euclid(DAY);
    (day(service_period.start(&zone).as_micros()) - 2, day(service_period.end(&zone).as_micros()) + 2)
}

/// Fees that stand in their usage records. Those of a line and batch have one ledger transaction to themselves.
const FEES: &str = "select u.fee_posting as posting, count(*) as charges, cast(sum(u.fee_minor) as bigint) as minor, \
                    cast(sum(u.fee_minor) as bigint) as whole from usage_run r cross join usage u \
                    join charge_terms t on t.number = u.fee_terms \
                    where u.number >= r.first and u.number <= r.last and r.day between ";

/// Other fees.
const OTHER_FEES: &str = "select o.posting, count(*) as charges, cast(sum(o.minor) as bigint) as minor, \
                          cast(sum(o.minor) as bigint) as whole from charge_terms t join other_charge o on o.terms = t.number where ";

/// Shares: the ledger transaction of a change has all that it charges, on whichever line.
const SHARES: &str = "select o.posting, count(*) as charges, cast(sum(o.minor) as bigint) as minor, \
                      cast(max((select sum(x.minor) from other_charge x where x.usage = o.usage and x.posting = o.posting)) as bigint) \
                      as whole from charge_terms t join other_charge o on o.terms = t.number where ";

/// What is charged by the month.
const MONTHLY: &str = "select p.posting, cast(1 as bigint) as charges, p.minor, p.minor as whole from period_charge p \
                       join charge_terms t on t.number = p.terms where ";

/// Appends which terms are those of a line.
macro_rules! push_line {
    ($statement:expr, $line:expr) => {{
        let LineKey { partner, app, period, currency, service_period, kind, product, plan, item } = $line;
        $statement.push("t.app = ").push_bind(app.to_string());
        $statement.push(" and t.partner = ").push_bind(partner.to_string());
        $statement.push(" and t.period = ").push_bind(period.to_string());
        $statement.push(" and t.currency = ").push_bind(currency.to_string());
        $statement.push(" and t.service_period = ").push_bind(service_period.to_string());
        $statement.push(" and t.kind = ").push_bind(kind.name());
        $statement.push(" and t.product = ").push_bind(product.to_string());
        $statement.push(" and t.plan = ").push_bind(plan.name.to_string());
        $statement.push(" and t.plan_version = ").push_bind(i64::from(plan.version));
        $statement.push(" and t.item = ").push_bind(item_text(item.as_ref()).to_owned());
    }};
}

impl Transaction {
    /// What the charges of a line come to.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn line_sum(&mut self, line: &LineKey) -> Result<LineSum, StoreError> {
        let mut rows = Vec::new();
        if line.kind.is_recurring() {
            rows.extend(self.sums_of(MONTHLY, "", line).await?);
        } else if line.kind.is_fee() {
            rows.extend(self.fee_sums_of(line).await?);
            rows.extend(self.sums_of(OTHER_FEES, " group by o.posting", line).await?);
        } else {
            rows.extend(self.sums_of(SHARES, " group by o.posting", line).await?);
        }
        let too_much = || StoreError::corrupt("charges that come to more than any may");
        let mut sum = LineSum::default();
        let mut by_posting: BTreeMap<i64, SumRow> = BTreeMap::new();
        for row in rows {
            sum.charges = sum.charges.saturating_add(count("charges", row.charges)?);
            sum.minor = sum.minor.checked_add(row.minor).ok_or_else(too_much)?;
            if let Some(posting) = row.posting {
                by_posting.insert(posting, row);
            }
        }
        let numbers: Vec<i64> = by_posting.keys().copied().collect();
        for numbers in numbers.chunks(AT_ONCE) {
            for PostedRow { number, cause, posted: receivable } in self.receivables(numbers, line).await? {
                let Some(SumRow { charges, minor, whole, .. }) = by_posting.get(&number) else { continue };
                let others = whole.unwrap_or(*minor).checked_sub(*minor).ok_or_else(too_much)?;
                let posted = receivable.checked_sub(others).ok_or_else(too_much)?;
                let charges = count("charges", *charges)?;
                sum.postings.push(LinePosting { cause, charges, minor: *minor, posted });
            }
        }
        Ok(sum)
    }

    async fn fee_sums_of(&mut self, line: &LineKey) -> Result<Vec<SumRow>, StoreError> {
        let (first, last) = days_of(line.service_period);
        let time = self.answer_time();
        let rows: Vec<SumRow> = on!(self.connection(), within time, db => {
            let mut statement = sqlx::QueryBuilder::new(FEES);
            statement.push_bind(first).push(" and ").push_bind(last);
            statement.push(" and r.app = (select number from usage_app where app = ");
            statement.push_bind(line.app.to_string()).push(") and ");
            push_line!(statement, line);
            statement.push(" group by u.fee_posting");
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        Ok(rows)
    }

    async fn sums_of(
        &mut self,
        select: &'static str,
        tail: &'static str,
        line: &LineKey,
    ) -> Result<Vec<SumRow>, StoreError> {
        let time = self.answer_time();
        let rows: Vec<SumRow> = on!(self.connection(), within time, db => {
            let mut statement = sqlx::QueryBuilder::new(select);
            push_line!(statement, line);
            statement.push(tail);
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        Ok(rows)
    }

    /// What some ledger transactions post to what the line's partner owes.
    async fn receivables(&mut self, numbers: &[i64], line: &LineKey) -> Result<Vec<PostedRow>, StoreError> {
        let party = format!("partner:{}", line.partner);
        let rows: Vec<PostedRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new(
                "select t.number, t.cause, cast(coalesce((select sum(p.minor) from ledger_posting p \
                 where p.number = t.number and p.account = ",
            );
            statement.push_bind(format!("{party}:receivable"));
            statement.push(
                "), 0) + coalesce((select sum(e.minor) from ledger_entry e join ledger_account a on a.number = e.account \
                 where e.number = t.number and a.purpose = 'receivable' and a.party = ",
            );
            statement.push_bind(party);
            statement.push("), 0) as bigint) as posted from ledger_transaction t where t.number in ");
            push_list!(statement, numbers.iter().copied());
            statement.push(" order by t.number");
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        Ok(rows)
    }
}
