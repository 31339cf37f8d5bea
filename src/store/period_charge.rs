//! Charges that no usage record causes. Append-only, and none goes to a closed period, by triggers of both stores.

use std::collections::BTreeMap;

use super::charge_total::{ChargeTotal, ChargeTotals};
use super::error::StoreError;
use super::line_total::{LineColumns, line_key};
use super::numbers::{Numbers, Terms};
use super::row::{known, parse};
use super::running_total::location;
use super::transaction::Transaction;
use super::usage::count;
use crate::domain::charge::{ChargeKind, Position};
use crate::domain::id::{AppId, SubscriptionId};
use crate::domain::ledger::LedgerTransaction;
use crate::domain::money::{Amount, parse_decimal};
use crate::domain::period_charge::PeriodCharge;
use crate::domain::time::{Period, Timestamp};

row! {
    PeriodChargeRow {
        subscription: String,
        days: i64,
        of_days: i64,
        base: Option<i64>,
        minor: i64,
        at: i64,
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
        rate: String,
        rule_file: String,
        rule_line: i64,
        rule_column: i64,
    }
}

impl TryFrom<PeriodChargeRow> for PeriodCharge {
    type Error = StoreError;

    fn try_from(row: PeriodChargeRow) -> Result<Self, StoreError> {
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
        let corrupt = || StoreError::corrupt("charge_terms.rate");
        let days = |days: i64| u32::try_from(days).map_err(|_| StoreError::corrupt("period_charge.days"));
        let monthly = parse_decimal(&row.rate).map_err(|_| corrupt())?;
        let currency = line.currency;
        Ok(Self {
            subscription: parse("period_charge.subscription", &row.subscription)?,
            days: days(row.days)?,
            of_days: days(row.of_days)?,
            monthly: Amount::exact(monthly, currency).map_err(|_| corrupt())?,
            base: row.base.map(|minor| Amount { minor, currency }),
            amount: Amount { minor: row.minor, currency },
            at: Timestamp::from_micros(row.at),
            rule: location(&row.rule_file, row.rule_line, row.rule_column),
            line,
        })
    }
}

/// Those of an app are found by their index.
fn of_app(app: Option<&AppId>) -> &'static str {
    if app.is_some() { "t.app = $2" } else { "$2 = ''" }
}

impl Transaction {
    /// Keeps charges, each with the ledger transaction that posts it, and adds them to their lines. The transaction must hold
    /// [`super::transaction::Exclusive::Billing`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if one was charged before, or a period is closed;
    /// [`StoreError::Unavailable`].
    pub async fn keep_period_charges(
        &mut self,
        charges: &[(PeriodCharge, LedgerTransaction)],
    ) -> Result<(), StoreError> {
        let mut numbers = Numbers::default();
        self.learn_last(&mut numbers).await?;
        let ledger: Vec<LedgerTransaction> =
            charges.iter().map(|(_, transaction)| transaction.clone()).collect();
        let postings = self.post(&ledger, &mut numbers).await?;
        let mut kept = Vec::with_capacity(charges.len());
        let mut terms = Vec::with_capacity(charges.len());
        let mut totals = ChargeTotals::default();
        for ((charge, _), posting) in charges.iter().zip(postings) {
            let number = numbers.next_terms();
            let words = Some(charge.price());
            let (rate, rule) = (charge.monthly.to_decimal(), charge.rule.clone());
            terms.push((number, &charge.line, Terms { rate, position: Position::Whole, words, rule }));
            let (quantity, base) = (charge.days.into(), charge.base.map(|base| base.minor));
            let minor = charge.amount.minor;
            totals.add(ChargeTotal { terms: number, charges: 1, quantity, free: 0, base, minor })?;
            kept.push((posting, number, charge));
        }
        self.insert_terms(&terms).await?;
        self.add_to_charge_totals(totals).await?;
        insert_rows!(
            self,
            "insert into period_charge (posting, subscription, terms, days, of_days, base, minor, at) ",
            8,
            kept,
            "",
            |row, kept| {
                let (posting, terms, charge) = kept;
                row.push_bind(*posting)
                    .push_bind(charge.subscription.as_str())
                    .push_bind(*terms)
                    .push_bind(i64::from(charge.days))
                    .push_bind(i64::from(charge.of_days))
                    .push_bind(charge.base.map(|base| base.minor))
                    .push_bind(charge.amount.minor)
                    .push_bind(charge.at.as_micros());
            }
        )?;
        Ok(())
    }

    /// The charges of that kind on the statements of a period, in order; of one app, if it is named.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn period_charges(
        &mut self,
        period: Period,
        app: Option<&AppId>,
    ) -> Result<Vec<PeriodCharge>, StoreError> {
        let which = of_app(app);
        let sql = format!(
            "select p.subscription, p.days, p.of_days, p.base, p.minor, p.at, t.partner, t.app, t.period, t.service_period, t.kind, \
             t.product, t.plan, t.plan_version, t.item, t.currency, t.rate, t.rule_file, t.rule_line, t.rule_column \
             from period_charge p join charge_terms t on t.number = p.terms where t.period = $1 and {which} order by p.posting"
        );
        let time = self.answer_time();
        let rows: Vec<PeriodChargeRow> = on!(self.connection(), within time, db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql))
                .bind(period.to_string())
                .bind(app.map_or("", AppId::as_str))
                .fetch_all(db)
                .await
        })?;
        super::row::all(rows)
    }

    /// Of how many days of a month subscriptions were charged what they cost by the month: of one app, if it is named.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn charged_for(
        &mut self,
        month: Period,
        app: Option<&AppId>,
    ) -> Result<BTreeMap<(SubscriptionId, ChargeKind), u64>, StoreError> {
        let which = of_app(app);
        let sql = format!(
            "select p.subscription, t.kind, cast(sum(p.days) as bigint) from period_charge p \
             join charge_terms t on t.number = p.terms where t.service_period = $1 and {which} group by p.subscription, t.kind"
        );
        let rows: Vec<(String, String, i64)> = on!(self.connection(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql))
                .bind(month.to_string())
                .bind(app.map_or("", AppId::as_str))
                .fetch_all(db)
                .await
        })?;
        let of = |(subscription, kind, days): &(String, String, i64)| {
            let subscription = parse("period_charge.subscription", subscription)?;
            let kind = known("charge_terms.kind", ChargeKind::named(kind))?;
            Ok(((subscription, kind), count("period_charge.days", *days)?))
        };
        rows.iter().map(of).collect()
    }
}
