//! The transaction that passed through with a call, as its route's meter names it.

use rust_decimal::Decimal;

use crate::domain::id::{CategoryName, InvalidId, PartnerId, PartyName};
use crate::domain::money::{Amount, Currency, MoneyError};
use crate::domain::transaction::{Details, Extent, MAX_TRANSACTION_ID, Transaction, is_transaction_id};
use crate::policy::expression::{Expression, Variables};
use crate::policy::snapshot::TransactionMeter;

/// Reads the transaction that a meter names.
///
/// # Errors
/// Why it cannot be read, without any contents of a body.
pub(super) fn read(meter: &TransactionMeter, variables: &Variables) -> Result<Transaction, String> {
    let id = transaction_id(&meter.id, variables)?;
    let of = meter.of.as_ref().map(|of| transaction_id(of, variables)).transpose()?;
    let code = meter.currency.evaluate_text(variables).map_err(|error| error.to_string())?;
    let currency: Currency =
        code.parse().map_err(|error| format!("{}: {}", meter.currency.source(), without_contents(&error)))?;
    let amount = meter.amount.as_ref().map(|amount| minor(amount, currency, variables)).transpose()?;
    let details = Details {
        extent: if amount.is_some() { Extent::Amount } else { Extent::Rest },
        reach: meter.reach,
        tax: held(meter.tax.as_ref(), currency, variables)?,
        shipping: held(meter.shipping.as_ref(), currency, variables)?,
        category: category(meter, variables)?,
        parties: parties(meter, variables)?,
    };
    let amount = Amount { minor: amount.unwrap_or(0), currency };
    Ok(Transaction { id, of, amount, kind: meter.kind, details })
}

/// Minor units of an amount.
fn minor(expression: &Expression, currency: Currency, variables: &Variables) -> Result<i64, String> {
    let value = expression.evaluate_decimal(variables).map_err(|error| error.to_string())?;
    in_minor(value, expression, currency)
}

/// Minor units of what an amount holds; nothing, which is not zero, if that is null.
fn held(
    expression: Option<&Expression>,
    currency: Currency,
    variables: &Variables,
) -> Result<Option<i64>, String> {
    let Some(expression) = expression else { return Ok(None) };
    let value = expression.evaluate_optional_decimal(variables).map_err(|error| error.to_string())?;
    value.map(|value| in_minor(value, expression, currency)).transpose()
}

/// Minor units of what an expression gave; none below zero.
fn in_minor(value: Decimal, expression: &Expression, currency: Currency) -> Result<i64, String> {
    if value.is_sign_negative() && !value.is_zero() {
        return Err(format!("{}: a transaction's amount is not below zero", expression.source()));
    }
    let amount = Amount::exact(value, currency);
    let amount = amount.map_err(|error| format!("{}: {}", expression.source(), without_contents(&error)))?;
    Ok(amount.minor)
}

fn category(meter: &TransactionMeter, variables: &Variables) -> Result<Option<CategoryName>, String> {
    let Some(expression) = &meter.category else { return Ok(None) };
    named(expression, variables, "a category", CategoryName::new)
}

/// The partners that are named, each once: one that is null has no part.
fn parties(meter: &TransactionMeter, variables: &Variables) -> Result<Vec<(PartyName, PartnerId)>, String> {
    let mut parties = Vec::with_capacity(meter.parties.len());
    for (name, expression) in &meter.parties {
        let partner = named(expression, variables, "a partner's id", PartnerId::new)?;
        parties.extend(partner.map(|partner| (name.clone(), partner)));
    }
    Ok(parties)
}

/// What a text names; nothing if it is null.
fn named<T>(
    expression: &Expression,
    variables: &Variables,
    what: &str,
    parse: impl Fn(&str) -> Result<T, InvalidId>,
) -> Result<Option<T>, String> {
    let text = expression.evaluate_optional_text(variables).map_err(|error| error.to_string())?;
    let not_named = |_| format!("{}: {what} has 1 to 128 visible ASCII characters", expression.source());
    text.map(|text| parse(&text).map_err(not_named)).transpose()
}

fn transaction_id(expression: &Expression, variables: &Variables) -> Result<String, String> {
    let id = expression.evaluate_text(variables).map_err(|error| error.to_string())?;
    if !is_transaction_id(&id) {
        return Err(format!(
            "{}: a transaction's id has 1 to {MAX_TRANSACTION_ID} bytes, no control characters and no blanks around it",
            expression.source()
        ));
    }
    Ok(id)
}

/// What is wrong with an amount or a currency, without it.
fn without_contents(error: &MoneyError) -> String {
    match error {
        MoneyError::UnknownCurrency(_) => "it is not an ISO 4217 currency code".to_owned(),
        MoneyError::NotDecimal(_) => "it is not a decimal amount".to_owned(),
        MoneyError::TooPrecise { currency, exponent, .. } => {
            format!("it has more digits than {currency} allows ({exponent} after the point)")
        }
        MoneyError::Overflow | MoneyError::MixedCurrencies { .. } => error.to_string(),
    }
}
