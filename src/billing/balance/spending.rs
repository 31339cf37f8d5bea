//! What fees take of balances: added in the transaction that charges them. Fees of calls from before a balance was made are owed, as
//! are those that none pays.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;

use super::payment::pay;
use crate::billing::error::BillingError;
use crate::domain::balance::{Balance, Owner};
use crate::domain::charge::{Charge, LineKey};
use crate::domain::id::{AppId, BalanceId, PartnerId};
use crate::domain::money::{Currency, MoneyError};
use crate::domain::time::{Period, Timestamp};
use crate::store::Transaction;
use crate::store::numbers::Numbers;

/// Whose fees.
type Payer<'c> = (&'c AppId, &'c PartnerId, Currency);

/// What is to be added to what was spent of balances, by their ids, so that all lock them in one order.
#[derive(Default)]
pub(in crate::billing) struct Spending(BTreeMap<BalanceId, Spent>);

/// What fees take of one balance.
struct Spent {
    balance: Balance,
    partner: PartnerId,
    /// Minor units by the period in which the calls were.
    sums: BTreeMap<Period, i64>,
}

impl Spending {
    /// What new fees, each with the time of its call, take of the balances that pay them.
    ///
    /// # Errors
    /// [`BillingError::Store`], [`BillingError::Money`].
    pub(in crate::billing) async fn of(
        transaction: &mut Transaction,
        charges: &[(Timestamp, Charge)],
    ) -> Result<Self, BillingError> {
        let is_fee = |(_, charge): &&(Timestamp, Charge)| charge.line.kind.is_fee();
        if !charges.iter().any(|new| is_fee(&new)) || !transaction.has_balances().await? {
            return Ok(Self::default());
        }
        let mut fees: HashMap<Payer<'_>, Vec<(Timestamp, Period, i64)>> = HashMap::new();
        for (at, charge) in charges.iter().filter(is_fee) {
            let LineKey { app, partner, currency, service_period, .. } = &charge.line;
            let of_payer = fees.entry((app, partner, *currency)).or_default();
            of_payer.push((*at, *service_period, charge.minor));
        }
        let owners: BTreeSet<&str> =
            fees.keys().flat_map(|(app, partner, _)| [app.as_str(), partner.as_str()]).collect();
        let owners: Vec<&str> = owners.into_iter().collect();
        let balances = transaction.balances_of(&owners).await?;
        let balances: HashMap<(&str, &str, Currency), &Balance> = balances
            .iter()
            .map(|balance| ((balance.owner.kind(), balance.owner.id(), balance.currency), balance))
            .collect();
        let mut spending = Self::default();
        for (payer @ (_, partner, _), fees) in fees {
            let Some(balance) = paying(&balances, payer) else { continue };
            let new = || Spent { balance: balance.clone(), partner: partner.clone(), sums: BTreeMap::new() };
            let spent = spending.0.entry(balance.id.clone()).or_insert_with(new);
            for (_, period, minor) in fees.into_iter().filter(|(at, ..)| *at >= balance.created_at) {
                let sum = spent.sums.entry(period).or_default();
                *sum = sum.checked_add(minor).ok_or(MoneyError::Overflow)?;
            }
        }
        Ok(spending)
    }

    /// Adds it, and pays by what was paid in what it can. The balances are locked from then on, so that units which the same batch
    /// consumes are counted with what they came to. `cause` names the batch, at `now`.
    ///
    /// # Errors
    /// [`BillingError::Store`], [`BillingError::Money`], [`BillingError::Posting`].
    pub(in crate::billing) async fn add(
        self,
        transaction: &mut Transaction,
        (cause, now): (&impl Display, Timestamp),
        numbers: &mut Numbers,
    ) -> Result<(), BillingError> {
        let mut sums = Vec::new();
        for Spent { balance, sums: of_balance, .. } in self.0.values() {
            transaction.lock_balance(&balance.id).await?;
            sums.extend(of_balance.iter().map(|(period, minor)| (&balance.id, *period, *minor)));
        }
        transaction.add_spent(&sums).await?;
        for Spent { balance, partner, .. } in self.0.values() {
            pay(transaction, (balance, partner), (cause, now), numbers).await?;
        }
        Ok(())
    }
}

/// The balance that pays someone's fees: an app's own comes before its partner's.
fn paying<'b>(
    balances: &HashMap<(&str, &str, Currency), &'b Balance>,
    (app, partner, currency): Payer<'_>,
) -> Option<&'b Balance> {
    let owners = [Owner::App(app.clone()), Owner::Partner(partner.clone())];
    owners.iter().find_map(|owner| balances.get(&(owner.kind(), owner.id(), currency)).copied())
}
