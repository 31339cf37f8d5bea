//! What fees take of balances: added in the transaction that charges them.

use std::collections::{BTreeMap, BTreeSet};

use crate::billing::error::BillingError;
use crate::domain::balance::{Balance, Owner};
use crate::domain::charge::LineKey;
use crate::domain::id::{AppId, PartnerId};
use crate::domain::money::{Currency, MoneyError};
use crate::domain::time::Period;
use crate::store::Transaction;
use crate::store::charge::NewCharge;

/// Whose fees.
type Payer<'c> = (&'c AppId, &'c PartnerId, Currency);

/// Adds new fees to what was spent of the balances that pay them, and locks these, so that units which the same batch consumes are
/// counted with them. Fees that no balance pays are owed, as ever.
///
/// # Errors
/// [`BillingError::Store`], [`BillingError::Money`].
pub(in crate::billing) async fn spend(
    transaction: &mut Transaction,
    charges: &[NewCharge],
) -> Result<(), BillingError> {
    let is_fee = |new: &&NewCharge| new.charge.line.kind.is_fee();
    if !charges.iter().any(|new| is_fee(&new)) || !transaction.has_balances().await? {
        return Ok(());
    }
    let mut spent: BTreeMap<Payer<'_>, BTreeMap<Period, i64>> = BTreeMap::new();
    for NewCharge { charge, .. } in charges.iter().filter(is_fee) {
        let LineKey { app, partner, currency, service_period, .. } = &charge.line;
        let sums = spent.entry((app, partner, *currency)).or_default();
        let sum = sums.entry(*service_period).or_default();
        *sum = sum.checked_add(charge.minor).ok_or(MoneyError::Overflow)?;
    }
    let owners: BTreeSet<&str> =
        spent.keys().flat_map(|(app, partner, _)| [app.as_str(), partner.as_str()]).collect();
    let owners: Vec<&str> = owners.into_iter().collect();
    let mut balances = transaction.balances_of(&owners).await?;
    // An app's own comes before its partner's.
    balances.sort_unstable_by(|one, other| (one.owner.kind(), &one.id).cmp(&(other.owner.kind(), &other.id)));
    for (payer, sums) in spent {
        let Some(balance) = balances.iter().find(|balance| pays(balance, payer)) else { continue };
        transaction.lock_balance(&balance.id).await?;
        for (service_period, minor) in sums {
            transaction.add_spent(&balance.id, service_period, minor).await?;
        }
    }
    Ok(())
}

fn pays(balance: &Balance, (app, partner, currency): Payer<'_>) -> bool {
    let is_owner = match &balance.owner {
        Owner::App(owner) => owner == app,
        Owner::Partner(owner) => owner == partner,
    };
    is_owner && balance.currency == currency
}
