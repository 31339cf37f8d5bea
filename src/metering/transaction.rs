//! The transaction that passed through with a call, as its route's meter names it.

use crate::domain::money::{Amount, Currency, MoneyError};
use crate::domain::usage::Transaction;
use crate::policy::expression::{Expression, Variables};
use crate::policy::snapshot::TransactionMeter;

/// Longest transaction id, in bytes.
const MAX_TRANSACTION_ID: usize = 200;

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
    let value = meter.amount.evaluate_decimal(variables).map_err(|error| error.to_string())?;
    if value.is_sign_negative() && !value.is_zero() {
        return Err(format!("{}: a transaction's amount is not below zero", meter.amount.source()));
    }
    let amount = Amount::exact(value, currency)
        .map_err(|error| format!("{}: {}", meter.amount.source(), without_contents(&error)))?;
    Ok(Transaction { id, of, amount, kind: meter.kind })
}

fn transaction_id(expression: &Expression, variables: &Variables) -> Result<String, String> {
    let id = expression.evaluate_text(variables).map_err(|error| error.to_string())?;
    // Blanks around it some upstreams cut off: what is sold under one id would be refunded or settled under another.
    let is_trimmed = id.trim().len() == id.len();
    if id.is_empty() || id.len() > MAX_TRANSACTION_ID || id.contains(char::is_control) || !is_trimmed {
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
