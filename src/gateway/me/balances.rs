//! What is left of the balances that an app's fees are paid from. A merchant's token, which the merchant may hold, is told nothing of
//! them, but what is left of that merchant's caps on the app. Who has none is told nothing of it.

use serde_json::{Value, json};

use crate::billing::balance::left::Balances;
use crate::credential::directory::Identity;
use crate::domain::balance::{Balance, Funds, Owner};
use crate::domain::money::Amount;
use crate::domain::refusal::Refusal;
use crate::domain::time::{Timestamp, Zone};

/// Adds `balances` to the answer to `/me/limits`.
///
/// # Errors
/// [`Refusal::Unavailable`].
pub(super) async fn add(
    told: &mut Value,
    (balances, zone): (&Balances, &Zone),
    identity: &Identity,
    now: Timestamp,
) -> Result<(), Refusal> {
    let caller = &identity.caller;
    let told_of = if caller.merchant.is_some() { &caller.caps } else { &caller.app.balances };
    if told_of.is_empty() {
        return Ok(());
    }
    let found = balances.of(told_of, now, zone).await.map_err(|error| {
        tracing::warn!(%error, app = %caller.app.id, "what is left of an app's balances cannot be told");
        Refusal::Unavailable("The books are out of reach")
    })?;
    told["balances"] = found.iter().map(|(balance, funds)| shown(balance, *funds)).collect();
    Ok(())
}

/// A balance and its sums, of a budget those of the month that runs.
fn shown(balance: &Balance, funds: Funds) -> Value {
    let money = |minor| Amount { minor, currency: balance.currency }.to_string();
    let (pays_for, cap_of) = match &balance.owner {
        Owner::App(_) | Owner::Partner(_) => (Some(balance.owner.kind()), None),
        Owner::Merchant { merchant, .. } => (None, Some(merchant.as_str())),
    };
    json!({
        "balance": balance.id.as_str(),
        "kind": balance.kind.name(),
        "pays_for": pays_for,
        "cap_of": cap_of,
        "currency": balance.currency.code(),
        "limit": balance.kind.limit().map(money),
        "paid_in": money(funds.paid_in),
        "spent": money(funds.spent),
        "reserved": money(funds.reserved),
        "left": money(balance.left(funds)),
    })
}
