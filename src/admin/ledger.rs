//! The double-entry books: seen and checked, never changed from here.

use std::sync::Arc;

use axum::extract::State;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::page::whole;
use super::parameters::Parameters;
use super::state::AdminState;
use crate::billing::ledger::check;
use crate::domain::money::Currency;
use crate::store::ledger::Balance;

/// `GET /admin/ledger/check`: whether the books balance, and agree with the statements and the usage.
pub(super) async fn checked(State(state): State<Arc<AdminState>>, parameters: Parameters) -> Answer {
    parameters.finish()?;
    let checked = check::check(&state.store).await?;
    let sums: serde_json::Map<String, Value> = checked
        .trial_balance
        .iter()
        .map(|(currency, minor)| (currency.clone(), json!(amount(*minor, currency))))
        .collect();
    ok(json!({
        "balanced": checked.findings.is_empty(),
        "accounts": checked.balances.len(),
        "trial_balance": sums,
        "findings": checked.findings,
    }))
}

/// `GET /admin/ledger/accounts`.
pub(super) async fn accounts(State(state): State<Arc<AdminState>>, parameters: Parameters) -> Answer {
    parameters.finish()?;
    let mut transaction = state.store.begin_reading().await?;
    let balances = transaction.balances().await?;
    transaction.roll_back().await?;
    ok(whole(&balances, shown))
}

fn shown(balance: &Balance) -> Value {
    json!({
        "account": balance.account,
        "currency": balance.currency,
        "balance": amount(balance.minor, &balance.currency),
    })
}

/// In major units; a currency that this program does not know keeps its minor ones.
fn amount(minor: i128, currency: &str) -> String {
    let currency = currency.parse::<Currency>().ok();
    let decimal = currency.and_then(|known| Decimal::try_from_i128_with_scale(minor, known.exponent()).ok());
    decimal.map_or_else(|| minor.to_string(), |decimal| decimal.to_string())
}
