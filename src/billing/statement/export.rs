//! Statements as JSON, CSV and printable HTML.

use askama::Template;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::content::form::StepForm;
use crate::domain::charge::{Charge, ChargeKind, Position, Price};
use crate::domain::money::{Amount, Currency};
use crate::domain::period_charge::PeriodCharge;
use crate::domain::statement::{Statement, StatementLine, StatementStanding};
use crate::store::charge::KeptCharge;

/// A statement as JSON.
fn to_json(statement: &Statement) -> Value {
    let totals = &statement.totals;
    let line = |(place, line): (usize, &StatementLine)| {
        let mut value = line_to_json(line);
        if let Some(name) = statement.line_name(place) {
            value["name"] = json!(name.to_string());
        }
        if statement.expects(line) {
            value["is_expected"] = json!(true);
        }
        value
    };
    let lines: Vec<Value> = statement.lines.iter().enumerate().map(line).collect();
    let mut value = json!({
        "partner": statement.partner.as_str(),
        "app": statement.app.as_str(),
        "period": statement.period.to_string(),
        "currency": statement.currency.code(),
        "lines": lines,
        "fees": totals.fees.to_string(),
        "share": totals.share.to_string(),
        "adjustments": totals.adjustments.to_string(),
        "total": totals.total.to_string(),
    });
    if let Some(paid) = statement.paid {
        value["paid_from_balance"] = json!(paid.from_balance.to_string());
        value["left_to_pay"] = json!(paid.left.to_string());
    }
    value
}

/// A statement with its standing, as the admin API shows it.
#[must_use]
pub fn to_json_with_status(statement: &Statement) -> Value {
    let mut value = to_json(statement);
    match &statement.standing {
        StatementStanding::Draft => value["status"] = json!("draft"),
        StatementStanding::Final { number, closed_at, hash } => {
            value["status"] = json!("final");
            value["number"] = json!(number);
            value["closed_at"] = json!(closed_at.to_string());
            value["hash"] = json!(hash);
        }
    }
    value
}

/// A line; where it says so, with how it is reckoned.
#[must_use]
pub fn line_to_json(line: &StatementLine) -> Value {
    let mut value = json!({
        "id": line.key.id().to_string(),
        "kind": line.key.kind.name(),
        "plan": line.key.plan.to_string(),
        "product": line.key.product.as_str(),
        "service_period": line.key.service_period.to_string(),
        "is_adjustment": line.key.is_adjustment(),
        "charges": line.charges,
        "amount": line.amount.to_string(),
        "currency": line.key.currency.code(),
        "rule": line.rule.to_string(),
        "item": line.key.item_name(),
    });
    match line.key.kind {
        ChargeKind::ServiceFee | ChargeKind::Rewalk => {
            value["units"] = json!(line.quantity);
            value["free_units"] = json!(line.free);
            match &line.price {
                Some(price) => value["price"] = json!(&**price),
                None => value["unit_price"] = json!(plain(line.rate)),
            }
        }
        ChargeKind::MonthlyFee | ChargeKind::Minimum => {
            value["days"] = json!(line.quantity);
            value["price"] = json!(line.price.as_deref());
            if let Some(base) = line.base {
                value["base"] = json!(base.to_string());
            }
        }
        ChargeKind::RevenueShare | ChargeKind::ShareReversal | ChargeKind::ShareRewalk => {
            value["transactions"] = json!(line.quantity);
            value["base"] = json!(line.base.map(|base| base.to_string()));
            match &line.price {
                Some(price) => value["price"] = json!(&**price),
                None => value["percent"] = json!(plain(line.rate)),
            }
        }
    }
    if let Some(corrected) = line.corrects {
        value["corrects"] = json!(corrected.to_string());
    }
    if let Some(working) = &line.working {
        value["steps"] = json!(StepForm::all(&working.steps, line.key.currency));
        value["exact"] = json!(working.exact.in_major(line.key.currency));
        value["rounding"] = json!(working.rounding.name());
        value["billed_before"] = json!(working.billed_before.to_string());
        value["with"] = json!(working.with);
    }
    value
}

/// A charge, down to the usage record, plan version and rule that made it. `amount` is exact, where every unit costs the same;
/// `posted` is what it adds to its line, which is rounded as a whole.
#[must_use]
pub fn charge_to_json(kept: &KeptCharge) -> Value {
    let KeptCharge { charge, cause } = kept;
    let (amount, price) = match &charge.price {
        Price::Units { charged, free, each, position, words } => (
            exact(charge, *charged),
            in_position(
                json!({"units": charged, "free_units": free, "unit_price": plain(*each)}),
                (*position, words.as_deref()),
            ),
        ),
        Price::Moved { units, each, position, words } => (
            exact(charge, *units),
            in_position(json!({"units": units, "unit_price": plain(*each)}), (*position, words.as_deref())),
        ),
        Price::Percent { transaction, base, percent, words } => (
            Some(charge.amount().to_string()),
            in_position(
                json!({"transaction": transaction, "base": base.to_string(), "percent": plain(*percent)}),
                (Position::Whole, words.as_deref()),
            ),
        ),
        Price::Tiers { transaction, words } => (
            Some(charge.amount().to_string()),
            in_position(json!({"transaction": transaction}), (Position::Whole, words.as_deref())),
        ),
    };
    json!({
        "usage": charge.usage.to_string(),
        "line": charge.line.id().to_string(),
        "kind": charge.line.kind.name(),
        "plan": charge.line.plan.to_string(),
        "product": charge.line.product.as_str(),
        "service_period": charge.line.service_period.to_string(),
        "period": charge.line.period.to_string(),
        "amount": amount,
        "posted": charge.amount().to_string(),
        "currency": charge.line.currency.code(),
        "price": price,
        "rule": charge.rule.to_string(),
        "ledger_cause": cause,
    })
}

/// A charge for days of a month, down to the subscription, plan version and rule that made it.
#[must_use]
pub fn period_charge_to_json(charge: &PeriodCharge) -> Value {
    let mut price = json!({"days": charge.days, "price": &*charge.price()});
    if let Some(base) = charge.base {
        price["base"] = json!(base.to_string());
    }
    json!({
        "usage": null,
        "subscription": charge.subscription.as_str(),
        "at": charge.at.to_string(),
        "line": charge.line.id().to_string(),
        "kind": charge.line.kind.name(),
        "plan": charge.line.plan.to_string(),
        "product": charge.line.product.as_str(),
        "service_period": charge.line.service_period.to_string(),
        "period": charge.line.period.to_string(),
        "amount": charge.amount.to_string(),
        "posted": charge.amount.to_string(),
        "currency": charge.line.currency.code(),
        "price": price,
        "rule": charge.rule.to_string(),
        "ledger_cause": charge.cause(),
    })
}

/// What units come to that all cost the same; of others, what they add to their line.
fn exact(charge: &Charge, units: u64) -> Option<String> {
    match charge.price.words() {
        None => {
            let exact = charge.price.rate().checked_mul(Decimal::from(units));
            exact.map(|exact| money(exact, charge.line.currency))
        }
        Some(_) => Some(charge.amount().to_string()),
    }
}

/// A price with its words, and where in it what is charged lies.
fn in_position(mut price: Value, (position, words): (Position, Option<&str>)) -> Value {
    if let Some(words) = words {
        price["price"] = json!(words);
    }
    if position != Position::Whole {
        price["position"] = json!(position.to_string());
    }
    price
}

/// An exact amount with the currency's digits, or more if it needs them.
fn money(value: Decimal, currency: Currency) -> String {
    let mut value = value.normalize();
    if value.scale() < currency.exponent() {
        value.rescale(currency.exponent());
    }
    value.to_string()
}

/// A price or percentage without digits that say nothing.
fn plain(value: Decimal) -> String {
    value.normalize().to_string()
}

/// What the rows of a CSV file have.
const COLUMNS: [&str; 18] = [
    "period",
    "partner",
    "app",
    "kind",
    "plan",
    "product",
    "service_period",
    "quantity",
    "free",
    "rate",
    "base",
    "amount",
    "currency",
    "rule",
    "line",
    "item",
    "price",
    "name",
];
/// The kind of the row that tells what balances paid.
const PAID: &str = "paid_from_balance";

/// Statements as CSV, a row a line; and one for what balances paid of a statement, if they did, so that its rows add up to what is left
/// to pay.
///
/// # Errors
/// What the CSV writer says.
pub fn to_csv(statements: &[Statement]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for statement in statements {
        write_lines(&mut writer, statement)?;
        write_paid(&mut writer, statement)?;
    }
    let bytes =
        writer.into_inner().map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))?;
    Ok(String::from_utf8(bytes).unwrap_or_default())
}

fn write_paid(writer: &mut csv::Writer<Vec<u8>>, statement: &Statement) -> Result<(), csv::Error> {
    let Some(paid) = statement.paid.filter(|paid| paid.from_balance.minor != 0) else { return Ok(()) };
    let Amount { minor, currency } = paid.from_balance;
    let back = Amount { minor: minor.saturating_neg(), currency };
    let (period, partner) = (statement.period.to_string(), inert(statement.partner.as_str()));
    let (app, amount, currency) = (inert(statement.app.as_str()), back.to_string(), currency.to_string());
    let none = String::new;
    let row: [String; COLUMNS.len()] = [
        period,
        partner,
        app,
        PAID.to_owned(),
        none(),
        none(),
        none(),
        none(),
        none(),
        none(),
        none(),
        amount,
        currency,
        none(),
        PAID.to_owned(),
        none(),
        none(),
        none(),
    ];
    writer.write_record(row)
}

fn write_lines(writer: &mut csv::Writer<Vec<u8>>, statement: &Statement) -> Result<(), csv::Error> {
    for (place, line) in statement.lines.iter().enumerate() {
        let key = &line.key;
        writer.write_record([
            key.period.to_string(),
            inert(key.partner.as_str()),
            inert(key.app.as_str()),
            key.kind.name().to_owned(),
            inert(&key.plan.to_string()),
            inert(key.product.as_str()),
            key.service_period.to_string(),
            line.quantity.to_string(),
            line.free.to_string(),
            rate(line),
            line.base.map(|base| base.to_string()).unwrap_or_default(),
            line.amount.to_string(),
            key.currency.to_string(),
            inert(&line.rule.to_string()),
            inert(&key.id().to_string()),
            inert(key.item_name().unwrap_or_default()),
            inert(line.price.as_deref().unwrap_or_default()),
            name(statement, &place),
        ])?;
    }
    Ok(())
}

/// The name of the line at a place, from 0; nothing on a draft. The template gives its places so.
fn name(statement: &Statement, place: &usize) -> String {
    statement.line_name(*place).map(|name| name.to_string()).unwrap_or_default()
}

/// The rate of a line; nothing where its price has words.
fn rate(line: &StatementLine) -> String {
    if line.price.is_none() { plain(line.rate) } else { String::new() }
}

/// A text that no spreadsheet takes for a formula (OWASP, CSV injection). Numbers are left alone.
#[must_use]
pub fn inert(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// What a line is for, in words.
fn words(line: &StatementLine) -> &'static str {
    match line.key.kind {
        ChargeKind::ServiceFee => "Service fee",
        ChargeKind::Rewalk => "Units no longer free, as earlier ones came",
        ChargeKind::MonthlyFee => "Monthly fee, by days",
        ChargeKind::Minimum => "Lacking of the minimum, by days",
        ChargeKind::RevenueShare => "Share of sales",
        ChargeKind::ShareReversal => "Share given back for refunds",
        ChargeKind::ShareRewalk => "Share adjusted by its tiers",
    }
}

/// The same with the item.
fn heading(line: &StatementLine) -> String {
    let words = words(line);
    line.key.item_name().map_or_else(|| words.to_owned(), |item| format!("{words} ({item})"))
}

/// The price of a line: in words, or each or the percentage.
fn price(line: &StatementLine) -> String {
    line.price.as_ref().map_or_else(|| plain(line.rate), ToString::to_string)
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Statements</title><style>
body{font:11pt/1.4 system-ui,sans-serif;margin:2cm}section{break-after:page}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .5rem;border-bottom:1px solid #999}.n{text-align:right}small{color:#555}
@page{size:A4;margin:1.5cm}@media print{body{margin:0}}</style></head><body>
{% for statement in statements %}<section><h1>Statement {{ statement.period }}</h1>
<p>{{ statement.partner }} · {{ statement.app }}<br>{% match statement.standing %}{% when StatementStanding::Draft %}Draft: the period is open.{% when StatementStanding::Final { number, closed_at, hash } %}Number {{ number }}, closed {{ closed_at }}<br><small>SHA-256 {{ hash }}</small>{% endmatch %}</p>
<table><thead><tr><th>For</th><th>Plan</th><th>Product</th><th>Used in</th><th class="n">Quantity</th><th class="n">Free</th><th class="n">Price or %</th><th class="n">Of</th><th class="n">{{ statement.currency }}</th></tr></thead><tbody>
{% for line in statement.lines %}<tr><td>{{ self::heading(line) }}{% if line.key.is_adjustment() %}<br><small>adjusts {{ line.key.service_period }}</small>{% endif %}{% if statement.expects(line) %}<br><small>expected</small>{% endif %}</td><td>{{ line.key.plan }}<br><small>{{ self::name(statement, loop.index0) }} {{ line.rule }}</small></td><td>{{ line.key.product }}</td><td>{{ line.key.service_period }}</td><td class="n">{{ line.quantity }}</td><td class="n">{{ line.free }}</td><td class="n">{{ self::price(line) }}</td><td class="n">{% if let Some(base) = line.base %}{{ base }}{% endif %}</td><td class="n">{{ line.amount }}</td></tr>
{% endfor %}</tbody><tfoot><tr><td colspan="8">Fees</td><td class="n">{{ statement.totals.fees }}</td></tr><tr><td colspan="8">Shares</td><td class="n">{{ statement.totals.share }}</td></tr><tr><td colspan="8">Adjustments of closed periods</td><td class="n">{{ statement.totals.adjustments }}</td></tr><tr><th colspan="8">Total</th><th class="n">{{ statement.totals.total }}</th></tr>{% if let Some(paid) = statement.paid %}<tr><td colspan="8">Paid from balance</td><td class="n">{{ paid.from_balance }}</td></tr><tr><th colspan="8">Left to pay</th><th class="n">{{ paid.left }}</th></tr>{% endif %}</tfoot></table></section>{% endfor %}</body></html>"#
)]
struct Page<'a> {
    statements: &'a [Statement],
}

/// Statements as a page to print.
///
/// # Errors
/// What the template engine says.
pub fn to_html(statements: &[Statement]) -> Result<String, askama::Error> {
    Page { statements }.render()
}
