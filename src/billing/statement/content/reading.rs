//! Contents of any form as they are read.

use std::sync::Arc;

use super::Unreadable;
use super::form::{Content, FORMAT, Line};
use crate::domain::charge::{ChargeKind, LineKey};
use crate::domain::exact::Exact;
use crate::domain::location::Location;
use crate::domain::money::{Amount, Currency, Rounding, parse_decimal};
use crate::domain::plan::PlanRef;
use crate::domain::statement::{Paid, Statement, StatementLine, StatementStanding, Totals};
use crate::domain::time::Period;
use crate::domain::working::Working;
use crate::store::statement::KeptStatement;

/// A final statement as its content says, with its number, time of closing and hash.
///
/// # Errors
/// [`Unreadable`].
pub fn read(kept: &KeptStatement) -> Result<Statement, Unreadable> {
    let unreadable = |reason: String| Unreadable { number: kept.number, reason };
    let content: Content =
        serde_json::from_str(&kept.content).map_err(|error| unreadable(error.to_string()))?;
    if content.format > FORMAT {
        return Err(unreadable(format!("it is of form {}, and this program knows {FORMAT}", content.format)));
    }
    statement(content, kept).map_err(|field| unreadable(format!("its {field} is not what is written there")))
}

fn statement(content: Content, kept: &KeptStatement) -> Result<Statement, &'static str> {
    let currency: Currency = content.currency.parse().map_err(|_| "currency")?;
    let amount = |text: &str, field| Amount::parse(text, currency).map_err(|_| field);
    let closed_at = match &content.closed_at {
        Some(text) => text.parse().map_err(|_| "closed_at")?,
        None => kept.closed_at,
    };
    let number = content.number.unwrap_or(kept.number);
    let mut statement = Statement {
        standing: StatementStanding::Final { number, closed_at, hash: kept.hash.clone() },
        partner: content.partner.parse().map_err(|_| "partner")?,
        app: content.app.parse().map_err(|_| "app")?,
        period: content.period.parse().map_err(|_| "period")?,
        currency,
        lines: Vec::new(),
        totals: Totals {
            fees: amount(&content.fees, "fees")?,
            share: amount(&content.share, "share")?,
            adjustments: amount(&content.adjustments, "adjustments")?,
            total: amount(&content.total, "total")?,
        },
        paid: match (&content.paid_from_balance, &content.left_to_pay) {
            (Some(paid), Some(left)) => Some(Paid {
                from_balance: amount(paid, "paid_from_balance")?,
                left: amount(left, "left_to_pay")?,
            }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err("left_to_pay"),
        },
    };
    let lines = (1..).zip(&content.lines).map(|(place, line)| match line.place {
        Some(told) if told != place => Err("place"),
        Some(_) | None => read_line(line, &statement),
    });
    statement.lines = lines.collect::<Result<_, _>>()?;
    Ok(statement)
}

fn read_line(line: &Line, statement: &Statement) -> Result<StatementLine, &'static str> {
    let currency = statement.currency;
    let rate = match (&line.unit_price, &line.percent, &line.price) {
        (Some(rate), _, _) | (None, Some(rate), _) => rate.as_str(),
        (None, None, Some(_)) => "0",
        (None, None, None) => return Err("unit_price or percent"),
    };
    let base = line.base.as_deref().map(|base| Amount::parse(base, currency).map_err(|_| "base"));
    Ok(StatementLine {
        key: LineKey {
            partner: statement.partner.clone(),
            app: statement.app.clone(),
            period: statement.period,
            currency,
            service_period: line.service_period.parse::<Period>().map_err(|_| "service_period")?,
            kind: ChargeKind::named(&line.kind).ok_or("kind")?,
            product: line.product.parse().map_err(|_| "product")?,
            plan: plan(&line.plan).ok_or("plan")?,
            item: line.item.as_deref().map(|item| item.parse().map_err(|_| "item")).transpose()?,
        },
        charges: line.charges,
        quantity: line.units.or(line.transactions).or(line.days).ok_or("units, transactions or days")?,
        free: line.free_units.unwrap_or(0),
        rate: parse_decimal(rate).map_err(|_| "unit_price or percent")?,
        price: line.price.as_deref().map(Arc::from),
        base: base.transpose()?,
        amount: Amount::parse(&line.amount, currency).map_err(|_| "amount")?,
        rule: place(&line.rule).ok_or("rule")?,
        working: working(line, currency)?,
        corrects: line.corrects.map(Into::into),
    })
}

/// How it is reckoned, if it says so.
fn working(line: &Line, currency: Currency) -> Result<Option<Working>, &'static str> {
    let Some(steps) = &line.steps else { return Ok(None) };
    let told = |text: &Option<String>, field| text.clone().ok_or(field);
    let billed_before = told(&line.billed_before, "billed_before")?;
    Ok(Some(Working {
        steps: steps.iter().map(|step| step.read(currency)).collect::<Option<_>>().ok_or("steps")?,
        exact: Exact::of_major(&told(&line.exact, "exact")?, currency).map_err(|_| "exact")?,
        rounding: Rounding::named(&told(&line.rounding, "rounding")?).ok_or("rounding")?,
        billed_before: Amount::parse(&billed_before, currency).map_err(|_| "billed_before")?,
        with: line.with.clone(),
    }))
}

/// `standard@3`.
fn plan(text: &str) -> Option<PlanRef> {
    let (name, version) = text.rsplit_once('@')?;
    Some(PlanRef { name: name.parse().ok()?, version: version.parse().ok()? })
}

/// `plans/standard.yaml:12:5`.
fn place(text: &str) -> Option<Location> {
    let (rest, column) = text.rsplit_once(':')?;
    let (file, line) = rest.rsplit_once(':')?;
    Some(Location { file: file.into(), line: line.parse().ok()?, column: column.parse().ok()? })
}
