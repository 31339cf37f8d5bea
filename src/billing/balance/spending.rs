//! What fees, and shares that are earned, take of balances: added in the transaction that charges them. Those of calls from before a
//! balance was made are owed, as are those that none pays. A merchant's cap pays none, and fees of its calls are counted on it beside what
//! pays them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;

use super::merchants::merchants;
use super::payment::pay;
use crate::billing::error::BillingError;
use crate::domain::balance::{Balance, Owner};
use crate::domain::charge::{Charge, LineKey};
use crate::domain::id::{AppId, BalanceId, MerchantId, PartnerId};
use crate::domain::money::{Currency, MoneyError};
use crate::domain::time::Timestamp;
use crate::store::Transaction;
use crate::store::balance_spent::SpentKey;
use crate::store::numbers::Numbers;
use crate::store::usage_batch::Recorded;

/// Who owes what is charged.
type Payer<'c> = (&'c AppId, &'c PartnerId, Currency);

/// What is to be added to what was spent of balances, by their ids, so that all lock them in one order.
#[derive(Default)]
pub(in crate::billing) struct Spending(BTreeMap<BalanceId, Spent>);

/// What charges take of one balance.
struct Spent {
    balance: Balance,
    partner: PartnerId,
    /// Minor units by where they stand.
    sums: BTreeMap<SpentKey, i64>,
}

impl Spending {
    /// What new charges, each with the time of its call, take of the balances that pay them, and of caps. `records` are those of the
    /// calls, as far as they are new.
    ///
    /// # Errors
    /// [`BillingError::Store`], [`BillingError::Money`].
    pub(in crate::billing) async fn of(
        transaction: &mut Transaction,
        charges: &[(Timestamp, Charge)],
        records: &[Recorded],
    ) -> Result<Self, BillingError> {
        if charges.is_empty() || !transaction.has_balances().await? {
            return Ok(Self::default());
        }
        let mut owed: HashMap<Payer<'_>, Vec<&(Timestamp, Charge)>> = HashMap::new();
        for new in charges {
            let LineKey { app, partner, currency, .. } = &new.1.line;
            owed.entry((app, partner, *currency)).or_default().push(new);
        }
        let owners: BTreeSet<&str> =
            owed.keys().flat_map(|(app, partner, _)| [app.as_str(), partner.as_str()]).collect();
        let owners: Vec<&str> = owners.into_iter().collect();
        let balances = transaction.balances_of(&owners).await?;
        let mut of_owner: HashMap<(&str, &str, Currency), Vec<&Balance>> = HashMap::new();
        for balance in &balances {
            let owner = (balance.owner.kind(), balance.owner.id(), balance.currency);
            of_owner.entry(owner).or_default().push(balance);
        }
        let mut spending = Self::default();
        for (payer @ (_, partner, _), owed) in owed {
            let paying = paying(&of_owner, payer);
            for (at, Charge { line, minor, .. }) in owed {
                let pays = |balance: &&&Balance| {
                    balance.is_for(*at) && (line.kind.is_fee() || balance.counts_shares)
                };
                let Some(balance) = paying.iter().find(pays) else { continue };
                spending.count(balance, partner, (key(line), *minor))?;
            }
        }
        if transaction.has_caps().await? {
            let fees: Vec<_> = charges.iter().filter(|(_, charge)| charge.line.kind.is_fee()).collect();
            spending.count_on_caps(transaction, &fees, records).await?;
        }
        Ok(spending)
    }

    /// Counts fees of calls for merchants on those merchants' caps.
    async fn count_on_caps(
        &mut self,
        transaction: &mut Transaction,
        fees: &[&(Timestamp, Charge)],
        records: &[Recorded],
    ) -> Result<(), BillingError> {
        let merchants = merchants(transaction, fees.iter().map(|(_, fee)| fee.usage), records).await?;
        let owners: BTreeSet<&str> = merchants.values().map(MerchantId::as_str).collect();
        let owners: Vec<&str> = owners.into_iter().collect();
        let balances = transaction.balances_of(&owners).await?;
        let mut caps: HashMap<(&MerchantId, &AppId, Currency), Vec<&Balance>> = HashMap::new();
        for balance in &balances {
            if let Owner::Merchant { merchant, app } = &balance.owner {
                caps.entry((merchant, app, balance.currency)).or_default().push(balance);
            }
        }
        for (at, Charge { usage, line, minor, .. }) in fees.iter().copied() {
            let Some(merchant) = merchants.get(usage) else { continue };
            let caps = caps.get(&(merchant, &line.app, line.currency));
            if let Some(cap) = caps.and_then(|caps| caps.iter().find(|cap| cap.is_for(*at))) {
                self.count(cap, &line.partner, (key(line), *minor))?;
            }
        }
        Ok(())
    }

    fn count(
        &mut self,
        balance: &Balance,
        partner: &PartnerId,
        (key, minor): (SpentKey, i64),
    ) -> Result<(), MoneyError> {
        let new = || Spent { balance: balance.clone(), partner: partner.clone(), sums: BTreeMap::new() };
        let spent = self.0.entry(balance.id.clone()).or_insert_with(new);
        let sum = spent.sums.entry(key).or_default();
        *sum = sum.checked_add(minor).ok_or(MoneyError::Overflow)?;
        Ok(())
    }

    /// The balances that it takes something of.
    pub(super) fn balances(&self) -> impl Iterator<Item = &BalanceId> {
        self.0.keys()
    }

    /// Adds it, and pays by what was paid in what it can. The transaction must have locked the balances, so that units which the same
    /// batch consumes are counted with what they came to. `cause` names the batch, at `now`.
    ///
    /// # Errors
    /// [`BillingError::Store`], [`BillingError::Money`], [`BillingError::Posting`].
    pub(super) async fn add(
        self,
        transaction: &mut Transaction,
        (cause, now): (&impl Display, Timestamp),
        numbers: &mut Numbers,
    ) -> Result<(), BillingError> {
        let of_balance = |Spent { balance, sums, .. }: &Spent| {
            sums.iter().map(|(key, minor)| (balance.id.clone(), key.clone(), *minor)).collect::<Vec<_>>()
        };
        let sums: Vec<_> = self.0.values().flat_map(of_balance).collect();
        transaction.add_spent(&sums).await?;
        for Spent { balance, partner, .. } in self.0.values() {
            pay(transaction, (balance, partner), (cause, now), numbers).await?;
        }
        Ok(())
    }
}

/// Where a charge of that line stands.
fn key(LineKey { app, partner, service_period, period, .. }: &LineKey) -> SpentKey {
    SpentKey { app: app.clone(), partner: partner.clone(), period: *period, service_period: *service_period }
}

/// The balances that pay what someone owes, or did: an app's own come before its partner's.
fn paying<'b>(
    balances: &HashMap<(&str, &str, Currency), Vec<&'b Balance>>,
    (app, partner, currency): Payer<'_>,
) -> Vec<&'b Balance> {
    let owners = [Owner::App(app.clone()), Owner::Partner(partner.clone())];
    let of_owner = |owner: &Owner| balances.get(&(owner.kind(), owner.id(), currency)).cloned();
    owners.iter().filter_map(of_owner).flatten().collect()
}
