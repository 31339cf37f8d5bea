//! Whether the books are right: every finding is one that must never be.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ledger::Account;
use crate::store::ledger::Balance;
use crate::store::{Store, StoreError};

/// What a check of the ledger came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// All balances.
    pub balances: Vec<Balance>,
    /// Sum of all balances by currency: zero, if all is right.
    pub trial_balance: BTreeMap<String, i64>,
    /// What is not right, in words.
    pub findings: Vec<String>,
}

/// Checks the ledger.
///
/// # Errors
/// [`StoreError`].
pub async fn check(store: &Store) -> Result<Checked, StoreError> {
    let balances = store.balances().await?;
    let mut findings = Vec::new();
    let mut trial_balance: BTreeMap<String, i64> = BTreeMap::new();
    let mut owed: BTreeMap<String, i64> = BTreeMap::new();
    for balance in &balances {
        *trial_balance.entry(balance.currency.clone()).or_default() += balance.minor;
        match balance.account.parse::<Account>() {
            Ok(Account::Receivable(_)) => *owed.entry(balance.currency.clone()).or_default() += balance.minor,
            Ok(Account::FeeRevenue | Account::ShareRevenue) => {}
            Err(error) => findings.push(error.to_string()),
        }
    }
    for (currency, sum) in trial_balance.iter().filter(|(_, sum)| **sum != 0) {
        findings.push(format!("the trial balance in {currency} is {sum} minor units, not zero"));
    }
    for cause in store.unbalanced().await? {
        findings.push(format!("transaction {cause} is not balanced"));
    }
    let currencies: BTreeSet<&String> = trial_balance.keys().collect();
    for currency in currencies {
        let (owed, posted) = (owed.get(currency).copied().unwrap_or(0), store.posted_total(currency).await?);
        if owed != posted {
            findings
                .push(format!("statements come to {posted} minor units of {currency}, the ledger to {owed}"));
        }
    }
    for usage in store.uncharged().await? {
        findings.push(format!("usage record {usage} is billable and has no charge"));
    }
    Ok(Checked { balances, trial_balance, findings })
}
