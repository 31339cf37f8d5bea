//! The ledger: accounts, postings, and transactions that can only be made balanced.

use std::fmt;
use std::str::FromStr;

use super::id::PartnerId;
use super::money::{Currency, MoneyError};

/// An account. Each party has one for each purpose and currency.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// What a partner owes the platform.
    Receivable(PartnerId),
    /// What the platform earned by service fees.
    FeeRevenue,
    /// What the platform earned by its share of transactions.
    ShareRevenue,
}

impl fmt::Display for Account {
    /// The stable text: `partner:ID:receivable`, `platform:revenue:fees`, `platform:revenue:share`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receivable(partner) => write!(f, "partner:{partner}:receivable"),
            Self::FeeRevenue => f.write_str("platform:revenue:fees"),
            Self::ShareRevenue => f.write_str("platform:revenue:share"),
        }
    }
}

/// A text that is no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an account")]
pub struct InvalidAccount(String);

impl FromStr for Account {
    type Err = InvalidAccount;

    fn from_str(text: &str) -> Result<Self, InvalidAccount> {
        let invalid = || InvalidAccount(text.to_owned());
        match text {
            "platform:revenue:fees" => Ok(Self::FeeRevenue),
            "platform:revenue:share" => Ok(Self::ShareRevenue),
            _ => {
                let partner = text.strip_prefix("partner:").and_then(|rest| rest.strip_suffix(":receivable"));
                partner.and_then(|id| PartnerId::new(id).ok()).map(Self::Receivable).ok_or_else(invalid)
            }
        }
    }
}

/// One side of a transaction: a debit above zero, a credit below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The account.
    pub account: Account,
    /// Minor units.
    pub minor: i64,
}

/// Postings of one currency that sum to zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerTransaction {
    cause: String,
    currency: Currency,
    postings: Vec<Posting>,
}

impl LedgerTransaction {
    /// Moves `minor` from the credit account to the debit account; below zero, the other way round.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] for the one amount that has no opposite.
    pub fn transfer(
        cause: String,
        (debit, credit): (Account, Account),
        (minor, currency): (i64, Currency),
    ) -> Result<Self, MoneyError> {
        let opposite = minor.checked_neg().ok_or(MoneyError::Overflow)?;
        let postings = vec![Posting { account: debit, minor }, Posting { account: credit, minor: opposite }];
        Ok(Self { cause, currency, postings })
    }

    /// What caused it: unique, so that a replay changes nothing.
    #[must_use]
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// Its currency.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// Its postings; they sum to zero.
    #[must_use]
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_survives_its_text() {
        for account in
            [Account::FeeRevenue, Account::ShareRevenue, Account::Receivable(PartnerId::new("p:1").unwrap())]
        {
            assert_eq!(account.to_string().parse::<Account>().unwrap(), account);
        }
        assert!("partner::receivable".parse::<Account>().is_err());
    }
}
