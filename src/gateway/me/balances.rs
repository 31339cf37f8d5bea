//! What is left of the balances that an app's fees are paid from. Who has none is told nothing of it, nor is a merchant's token:
//! the merchant may hold it.

use serde_json::{Value, json};

use crate::billing::balance::left::Balances;
use crate::credential::directory::Identity;
use crate::domain::balance::{Balance, Funds};
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
    if caller.app.balances.is_empty() || caller.merchant.is_some() {
        return Ok(());
    }
    let found = balances.of(&caller.app.balances, now, zone).await.map_err(|error| {
        tracing::warn!(%error, app = %caller.app.id, "what is left of an app's balances cannot be told");
        Refusal::Unavailable("The books are out of reach")
    })?;
    told["balances"] = found.iter().map(|(balance, funds)| shown(balance, *funds)).collect();
    Ok(())
}

/// A balance and its sums, of a budget those of the month that runs.
fn shown(balance: &Balance, funds: Funds) -> Value {
    let money = |minor| Amount { minor, currency: balance.currency }.to_string();
    json!({
        "balance": balance.id.as_str(),
        "kind": balance.kind.name(),
        "pays_for": balance.owner.kind(),
        "currency": balance.currency.code(),
        "limit": balance.kind.limit().map(money),
        "paid_in": money(funds.paid_in),
        "spent": money(funds.spent),
        "reserved": money(funds.reserved),
        "left": money(balance.left(funds)),
    })
}
