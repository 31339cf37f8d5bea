//! What an administrator posts by hand: a payment, a deposit, a correction. Once for each name, so that to say it again changes
//! nothing.

use super::account::{Account, Purpose};
use super::id::PostingName;
use super::ledger::LedgerTransaction;
use super::money::Amount;
use super::pending::{Pending, PendingError};
use super::time::Timestamp;

/// Most minor units that are posted by hand at once: far above any that are meant, and far below what a sum cannot hold.
pub const MAX_MANUAL: i64 = 1_000_000_000_000_000;

/// What the causes of all of them begin with, and no others.
const PREFIX: &str = "manual:";

/// An amount that moves from one account to another because an administrator says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualPosting {
    /// What it goes by: the same name is posted once, ever.
    pub name: PostingName,
    /// The account that is debited.
    pub debit: Account,
    /// The account that is credited.
    pub credit: Account,
    /// How much, above zero.
    pub amount: Amount,
    /// Why, for people.
    pub reason: String,
}

/// One that was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptManualPosting {
    /// What it is.
    pub posting: ManualPosting,
    /// Who posted it.
    pub poster: String,
    /// When.
    pub at: Timestamp,
}

/// Why nothing can be posted so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPosting {
    /// Nothing, less, or too much would move.
    #[error("an amount that is posted by hand is above zero, and at most {MAX_MANUAL} minor units")]
    Amount,
    /// It would move from an account to itself.
    #[error("what is debited and what is credited are one account")]
    OneAccount,
}

impl ManualPosting {
    /// The cause that its name makes.
    #[must_use]
    pub fn cause(&self) -> String {
        Self::cause_of(&self.name)
    }

    /// The cause that a name makes.
    #[must_use]
    pub fn cause_of(name: &PostingName) -> String {
        format!("{PREFIX}{name}")
    }

    /// The name that makes a cause.
    #[must_use]
    pub fn name_in(cause: &str) -> Option<PostingName> {
        PostingName::new(cause.strip_prefix(PREFIX)?).ok()
    }

    /// The same as an amount that waits until `expires_at`, on an account of the party to whom it is to go.
    ///
    /// # Errors
    /// [`PendingError`].
    pub fn pending(&self, expires_at: Timestamp) -> Result<Pending, PendingError> {
        let held = Account::new(self.credit.party.clone(), Purpose::Held);
        Pending::new((self.debit.clone(), held), self.amount, expires_at)
    }

    /// The transaction that it is, at `at`.
    ///
    /// # Errors
    /// [`InvalidPosting`].
    pub fn transaction(&self, at: Timestamp) -> Result<LedgerTransaction, InvalidPosting> {
        if !(1..=MAX_MANUAL).contains(&self.amount.minor) {
            return Err(InvalidPosting::Amount);
        }
        let accounts = (self.debit.clone(), self.credit.clone());
        LedgerTransaction::moving(self.cause(), at, accounts, self.amount)
            .map_err(|_| InvalidPosting::OneAccount)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn posting(debit: &str, credit: &str, minor: i64) -> ManualPosting {
        ManualPosting {
            name: PostingName::new("payment-1").unwrap(),
            debit: debit.parse().unwrap(),
            credit: credit.parse().unwrap(),
            amount: Amount { minor, currency: "CNY".parse().unwrap() },
            reason: "paid by transfer".to_owned(),
        }
    }

    #[test]
    fn what_is_posted_by_hand_moves_something_from_one_account_to_another() {
        let (cash, owed) = ("platform:cash", "partner:acme:receivable");
        let made = posting(cash, owed, 10_000).transaction(Timestamp::default()).unwrap();
        let sides: Vec<_> = made
            .postings()
            .iter()
            .map(|posting| (posting.account.to_string(), posting.amount.minor))
            .collect();
        assert_eq!(sides, [(cash.to_owned(), 10_000), (owed.to_owned(), -10_000)]);
        assert_eq!((made.cause(), made.statement()), ("manual:payment-1", None));
        for (debit, credit, minor, expected) in [
            (cash, owed, 0, InvalidPosting::Amount),
            (cash, owed, -1, InvalidPosting::Amount),
            (cash, owed, MAX_MANUAL + 1, InvalidPosting::Amount),
            (cash, cash, 1, InvalidPosting::OneAccount),
        ] {
            let refused = posting(debit, credit, minor).transaction(Timestamp::default());
            assert_eq!(refused, Err(expected), "{debit} {credit} {minor}");
        }
    }
}
