//! The content of a final statement: what is kept, hashed and exported, byte for byte.
//!
//! Its form has a number, and its fields a fixed order. A later form is another number; what was written in an earlier
//! one is read for ever.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::charge::{ChargeKind, LineKey};
use crate::domain::location::Location;
use crate::domain::money::{Amount, Currency, parse_decimal};
use crate::domain::plan::PlanRef;
use crate::domain::statement::{Paid, Statement, StatementLine, StatementStanding, Totals};
use crate::domain::time::{Period, Timestamp};
use crate::store::statement::KeptStatement;

/// The form that is written. Form 0 had neither number nor time of closing, and its fields in the order of the alphabet; of
/// form 1, lines had neither items nor prices in words; of form 2, nothing was charged by the month, and it did not
/// tell what balances had paid.
const FORMAT: u32 = 3;

/// A content that cannot be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the content of statement {number} cannot be read: {reason}")]
pub struct Unreadable {
    /// The statement's number.
    pub number: i64,
    /// What is wrong with it.
    pub reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    #[serde(default)]
    format: u32,
    number: Option<i64>,
    closed_at: Option<String>,
    partner: String,
    app: String,
    period: String,
    currency: String,
    lines: Vec<Line>,
    fees: String,
    share: String,
    adjustments: String,
    total: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paid_from_balance: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left_to_pay: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    id: String,
    kind: String,
    product: String,
    plan: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    item: Option<String>,
    service_period: String,
    is_adjustment: bool,
    charges: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    units: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    free_units: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_price: Option<String>,
    /// In words, of a line whose units do not all cost the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transactions: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<String>,
    amount: String,
    currency: String,
    rule: String,
}

/// The content of a statement that is closed under that number at that time.
///
/// # Errors
/// [`Unreadable`], if JSON could not hold it.
pub fn write(statement: &Statement, number: i64, closed_at: Timestamp) -> Result<String, Unreadable> {
    let Totals { fees, share, adjustments, total } = statement.totals;
    let content = Content {
        format: FORMAT,
        number: Some(number),
        closed_at: Some(closed_at.to_string()),
        partner: statement.partner.to_string(),
        app: statement.app.to_string(),
        period: statement.period.to_string(),
        currency: statement.currency.to_string(),
        lines: statement.lines.iter().map(write_line).collect(),
        fees: fees.to_string(),
        share: share.to_string(),
        adjustments: adjustments.to_string(),
        total: total.to_string(),
        paid_from_balance: statement.paid.map(|paid| paid.from_balance.to_string()),
        left_to_pay: statement.paid.map(|paid| paid.left.to_string()),
    };
    serde_json::to_string(&content).map_err(|error| Unreadable { number, reason: error.to_string() })
}

fn write_line(line: &StatementLine) -> Line {
    let rate = Some(line.rate.normalize().to_string());
    let (is_fee, is_share) = match line.key.kind {
        ChargeKind::ServiceFee | ChargeKind::Rewalk => (true, false),
        ChargeKind::MonthlyFee | ChargeKind::Minimum => (false, false),
        ChargeKind::RevenueShare | ChargeKind::ShareReversal | ChargeKind::ShareRewalk => (false, true),
    };
    Line {
        id: line.key.id().to_string(),
        kind: line.key.kind.name().to_owned(),
        product: line.key.product.to_string(),
        plan: line.key.plan.to_string(),
        item: line.key.item.as_ref().map(ToString::to_string),
        service_period: line.key.service_period.to_string(),
        is_adjustment: line.key.is_adjustment(),
        charges: line.charges,
        units: is_fee.then_some(line.quantity),
        free_units: is_fee.then_some(line.free),
        unit_price: rate.clone().filter(|_| is_fee && line.price.is_none()),
        price: line.price.as_ref().map(ToString::to_string),
        transactions: is_share.then_some(line.quantity),
        days: line.key.kind.is_recurring().then_some(line.quantity),
        base: line.base.map(|base| base.to_string()),
        percent: rate.filter(|_| is_share && line.price.is_none()),
        amount: line.amount.to_string(),
        currency: line.key.currency.to_string(),
        rule: line.rule.to_string(),
    }
}

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
    statement.lines =
        content.lines.iter().map(|line| read_line(line, &statement)).collect::<Result<_, _>>()?;
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
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: ChargeKind, minor: i64) -> StatementLine {
        let currency: Currency = "CNY".parse().unwrap();
        let is_fee = kind == ChargeKind::ServiceFee;
        StatementLine {
            key: LineKey {
                partner: "acme".parse().unwrap(),
                app: "app_1".parse().unwrap(),
                period: "2026-11".parse().unwrap(),
                currency,
                service_period: if is_fee { "2026-11" } else { "2026-10" }.parse().unwrap(),
                kind,
                product: "store.front".parse().unwrap(),
                plan: PlanRef { name: "pro@home".parse().unwrap(), version: 3 },
                item: None,
            },
            charges: 2,
            quantity: 5,
            free: if is_fee { 7 } else { 0 },
            rate: parse_decimal("0.0100").unwrap(),
            price: None,
            base: (!is_fee).then_some(Amount { minor: -10_000, currency }),
            amount: Amount { minor, currency },
            rule: Location { file: "plans/a:b.yaml".into(), line: 12, column: 7 },
        }
    }

    fn sample() -> Statement {
        let lines = vec![line(ChargeKind::ServiceFee, 5), line(ChargeKind::ShareReversal, -250)];
        let currency = "CNY".parse().unwrap();
        let totals = Totals::of(&lines, currency).unwrap();
        let (partner, app) = ("acme".parse().unwrap(), "app_1".parse().unwrap());
        let period = "2026-11".parse().unwrap();
        let amount = |minor| Amount { minor, currency };
        let paid = Some(Paid { from_balance: amount(5), left: amount(-250) });
        Statement { standing: StatementStanding::Draft, partner, app, period, currency, lines, totals, paid }
    }

    fn kept(content: &str) -> KeptStatement {
        KeptStatement {
            number: 42,
            partner: "acme".to_owned(),
            app: "app_1".to_owned(),
            period: "2026-11".to_owned(),
            currency: "CNY".to_owned(),
            closed_at: Timestamp::from_seconds(1_796_054_400),
            hash: "h".to_owned(),
            content: content.to_owned(),
        }
    }

    /// These bytes are hashed and kept for years: a change of them is a new form.
    const GOLDEN: &str = concat!(
        r#"{"format":3,"number":42,"closed_at":"2026-11-30T16:00:00Z","partner":"acme","app":"app_1","#,
        r#""period":"2026-11","currency":"CNY","lines":["#,
        r#"{"id":"CNY 2026-11 service_fee store.front pro@home@3","kind":"service_fee","product":"store.front","#,
        r#""plan":"pro@home@3","service_period":"2026-11","is_adjustment":false,"charges":2,"units":5,"#,
        r#""free_units":7,"unit_price":"0.01","amount":"0.05","currency":"CNY","rule":"plans/a:b.yaml:12:7"},"#,
        r#"{"id":"CNY 2026-10 share_reversal store.front pro@home@3","kind":"share_reversal","#,
        r#""product":"store.front","plan":"pro@home@3","service_period":"2026-10","is_adjustment":true,"#,
        r#""charges":2,"transactions":5,"base":"-100.00","percent":"0.01","amount":"-2.50","currency":"CNY","#,
        r#""rule":"plans/a:b.yaml:12:7"}],"fees":"0.05","share":"0.00","adjustments":"-2.50","total":"-2.45","#,
        r#""paid_from_balance":"0.05","left_to_pay":"-2.50"}"#,
    );

    #[test]
    fn a_content_is_these_very_bytes_and_is_read_back() {
        let at = Timestamp::from_seconds(1_796_054_400);
        assert_eq!(write(&sample(), 42, at).unwrap(), GOLDEN);
        let standing = StatementStanding::Final { number: 42, closed_at: at, hash: "h".to_owned() };
        assert_eq!(read(&kept(GOLDEN)).unwrap(), Statement { standing, ..sample() });
    }

    #[test]
    fn a_line_of_an_item_with_a_price_in_words_is_read_back() {
        let mut tiered = line(ChargeKind::Rewalk, 5);
        tiered.key.item = Some("orders".parse().unwrap());
        tiered.price = Some("volume: 0.01 each to unit 10, 0.005 each beyond".into());
        (tiered.rate, tiered.base) = (rust_decimal::Decimal::ZERO, None);
        let statement = Statement { lines: vec![tiered], ..sample() };
        let text = write(&statement, 42, Timestamp::from_seconds(1_796_054_400)).unwrap();
        for part in [
            r#""id":"CNY 2026-10 rewalk store.front pro@home@3 orders","#,
            r#""plan":"pro@home@3","item":"orders","#,
            r#""price":"volume: 0.01 each to unit 10, 0.005 each beyond","amount":"#,
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(read(&kept(&text)).unwrap().lines, statement.lines);
    }

    #[test]
    fn what_is_charged_by_the_month_is_read_back() {
        let monthly = |kind, price: &str, base| {
            let mut line = line(kind, 5);
            (line.quantity, line.rate, line.price, line.base) =
                (13, rust_decimal::Decimal::ZERO, Some(price.into()), base);
            line
        };
        let base = Amount { minor: 21_667, currency: "CNY".parse().unwrap() };
        let fee = monthly(ChargeKind::MonthlyFee, "99.00 for a month of 30 days", None);
        let minimum = monthly(ChargeKind::Minimum, "at least 500.00 for a month of 30 days", Some(base));
        let statement = Statement { lines: vec![fee, minimum], ..sample() };
        let text = write(&statement, 42, Timestamp::from_seconds(1_796_054_400)).unwrap();
        for part in [
            r#""charges":2,"price":"99.00 for a month of 30 days","days":13,"amount":"0.05""#,
            r#""price":"at least 500.00 for a month of 30 days","days":13,"base":"216.67","amount":"0.05""#,
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(read(&kept(&text)).unwrap().lines, statement.lines);
    }

    #[test]
    fn the_forms_before_are_read_and_a_later_one_is_not() {
        let untold = GOLDEN.replace(r#","paid_from_balance":"0.05","left_to_pay":"-2.50""#, "");
        let start = r#"{"format":3,"number":42,"closed_at":"2026-11-30T16:00:00Z","#;
        let first = untold.replace(start, "{");
        let second = untold.replace(r#""format":3"#, r#""format":1"#);
        let third = untold.replace(r#""format":3"#, r#""format":2"#);
        for before in [first, second, third] {
            let expected = Statement { paid: None, ..read(&kept(GOLDEN)).unwrap() };
            assert_eq!(read(&kept(&before)).unwrap(), expected);
        }
        let later = GOLDEN.replace(r#""format":3"#, r#""format":4"#);
        assert!(read(&kept(&later)).unwrap_err().reason.contains("form 4"));
        for (text, wrong, field) in [
            (r#""fees":"0.05""#, r#""fees":"0,05""#, "fees"),
            (r#""amount":"-2.50""#, r#""amount":"-2.505""#, "amount"),
            (r#""partner":"acme""#, r#""partner":"a b""#, "partner"),
            (r#""plan":"pro@home@3""#, r#""plan":"pro@home""#, "plan"),
        ] {
            let reason = read(&kept(&GOLDEN.replacen(text, wrong, 1))).unwrap_err().reason;
            assert!(reason.contains(field), "{reason}");
        }
        assert!(read(&kept("{")).is_err());
    }
}
