//! The trial balance: in each currency, what accounts are debited with comes to what accounts are credited with. Pure.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use crate::domain::money::MoneyError;
use crate::store::ledger::Balance;

/// The sums of one currency, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sides {
    /// The balances above zero.
    pub debits: i128,
    /// Those below, without their sign.
    pub credits: i128,
    /// How many accounts there are.
    pub accounts: u64,
}

impl Sides {
    /// What debits come to more than credits: zero, if all is right.
    #[must_use]
    pub fn difference(self) -> i128 {
        self.debits.saturating_sub(self.credits)
    }
}

/// The sums by currency.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn trial_balance(balances: &[Balance]) -> Result<BTreeMap<String, Sides>, MoneyError> {
    let mut sums: BTreeMap<String, Sides> = BTreeMap::new();
    for balance in balances {
        let sides = sums.entry(balance.currency.clone()).or_default();
        let side = if balance.minor < 0 { &mut sides.credits } else { &mut sides.debits };
        let minor = i128::try_from(balance.minor.unsigned_abs()).map_err(|_| MoneyError::Overflow)?;
        *side = side.checked_add(minor).ok_or(MoneyError::Overflow)?;
        sides.accounts = sides.accounts.saturating_add(1);
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_currency_is_summed_by_itself() {
        let balance = |account: &str, currency: &str, minor| Balance {
            account: account.to_owned(),
            currency: currency.to_owned(),
            minor,
        };
        let balances = [
            balance("platform:cash", "CNY", 70),
            balance("partner:a:receivable", "CNY", 30),
            balance("platform:revenue:fees", "CNY", -100),
            balance("platform:cash", "USD", 5),
        ];
        let sums = trial_balance(&balances).unwrap();
        assert_eq!(sums["CNY"], Sides { debits: 100, credits: 100, accounts: 3 });
        assert_eq!((sums["CNY"].difference(), sums["USD"].difference()), (0, 5));
        let huge = [balance("platform:cash", "CNY", i128::MAX), balance("platform:held", "CNY", 1)];
        assert_eq!(trial_balance(&huge), Err(MoneyError::Overflow));
    }
}
