//! The ledger: accounts, and transactions that cannot be made unless they balance.
//!
//! Debits are above zero, credits below; so an account's balance is the sum of its postings, and all balances sum to zero.

use super::account::Account;
use super::id::AppId;
use super::money::{Amount, Currency};
use super::time::{Period, Timestamp};

/// One side of a ledger transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The account.
    pub account: Account,
    /// A debit above zero, a credit below.
    pub amount: Amount,
}

/// What a ledger transaction that stands on a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The app on whose statement it shows.
    pub app: AppId,
    /// The statement's period.
    pub period: Period,
    /// When what caused it happened.
    pub at: Timestamp,
}

/// Why postings are no ledger transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unbalanced {
    /// Nothing moves.
    #[error("a ledger transaction moves money between at least two accounts")]
    Empty,
    /// A posting moves nothing.
    #[error("a posting to {0} moves nothing")]
    Nothing(Account),
    /// An account stands on both sides, or twice on one.
    #[error("{0} stands in a ledger transaction more than once")]
    Twice(Account),
    /// More than one currency.
    #[error("a ledger transaction in {0} and {1}: each currency is balanced by itself")]
    Mixed(Currency, Currency),
    /// What goes out does not come in.
    #[error("postings come to {0} minor units, not to zero")]
    Sum(i128),
}

/// Postings of one currency that sum to zero, and what caused them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerTransaction {
    cause: String,
    at: Timestamp,
    statement: Option<(AppId, Period)>,
    currency: Currency,
    postings: Vec<Posting>,
}

impl LedgerTransaction {
    /// A balanced transaction that stands on a statement. The same `cause` is posted once, ever.
    ///
    /// # Errors
    /// [`Unbalanced`], by the first fault found.
    pub fn new(cause: String, about: About, postings: Vec<Posting>) -> Result<Self, Unbalanced> {
        let About { app, period, at } = about;
        Self::balanced(cause, at, Some((app, period)), postings)
    }

    /// One that stands on no statement, such as a payment. The same `cause` is posted once, ever.
    ///
    /// # Errors
    /// [`Unbalanced`], by the first fault found.
    pub fn beside_statements(
        cause: String,
        at: Timestamp,
        postings: Vec<Posting>,
    ) -> Result<Self, Unbalanced> {
        Self::balanced(cause, at, None, postings)
    }

    fn balanced(
        cause: String,
        at: Timestamp,
        statement: Option<(AppId, Period)>,
        postings: Vec<Posting>,
    ) -> Result<Self, Unbalanced> {
        let [first, rest @ ..] = postings.as_slice() else { return Err(Unbalanced::Empty) };
        if rest.is_empty() {
            return Err(Unbalanced::Empty);
        }
        let currency = first.amount.currency;
        let mut sum: i128 = 0;
        for (place, posting) in postings.iter().enumerate() {
            if posting.amount.currency != currency {
                return Err(Unbalanced::Mixed(currency, posting.amount.currency));
            }
            if posting.amount.minor == 0 {
                return Err(Unbalanced::Nothing(posting.account.clone()));
            }
            if postings.iter().take(place).any(|other| other.account == posting.account) {
                return Err(Unbalanced::Twice(posting.account.clone()));
            }
            // Far fewer than 2^64 postings of 64 bits each fit in memory.
            sum = sum.saturating_add(i128::from(posting.amount.minor));
        }
        if sum != 0 {
            return Err(Unbalanced::Sum(sum));
        }
        Ok(Self { cause, at, statement, currency, postings })
    }

    /// A transaction that moves `amount` from the account that is credited to the one that is debited, or back if it is below
    /// zero, and stands on no statement.
    ///
    /// # Errors
    /// [`Unbalanced`] if the amount is zero, or both accounts are one.
    pub fn moving(
        cause: String,
        at: Timestamp,
        (debit, credit): (Account, Account),
        amount: Amount,
    ) -> Result<Self, Unbalanced> {
        // The one value without an opposite does not balance, and is refused as such.
        let back = Amount { minor: amount.minor.saturating_neg(), currency: amount.currency };
        let postings = vec![Posting { account: debit, amount }, Posting { account: credit, amount: back }];
        Self::beside_statements(cause, at, postings)
    }

    /// What caused it: unique, so that a replay changes nothing.
    #[must_use]
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// When what caused it happened.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The app and the period of the statement on which it stands, if it stands on one.
    #[must_use]
    pub fn statement(&self) -> Option<(&AppId, Period)> {
        self.statement.as_ref().map(|(app, period)| (app, *period))
    }

    /// Its currency.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// Its postings: at least two, of different accounts, which sum to zero.
    #[must_use]
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About {
            app: AppId::new("app_1").unwrap(),
            period: "2026-11".parse().unwrap(),
            at: Timestamp::default(),
        }
    }

    fn posting(account: &str, minor: i64, currency: &str) -> Posting {
        let currency = currency.parse().unwrap();
        Posting { account: account.parse().unwrap(), amount: Amount { minor, currency } }
    }

    #[track_caller]
    fn check(postings: &[(&str, i64, &str)], expected: Option<&str>) {
        let postings = postings.iter().map(|(account, minor, code)| posting(account, *minor, code)).collect();
        let made = LedgerTransaction::new("cause".to_owned(), about(), postings);
        assert_eq!(made.err().map(|error| error.to_string()).as_deref(), expected);
    }

    #[test]
    fn only_a_balanced_transaction_can_be_made() {
        let (partner, fees, share) =
            ("partner:acme:receivable", "platform:revenue:fees", "platform:revenue:share");
        check(&[(partner, 3, "CNY"), (fees, -1, "CNY"), (share, -2, "CNY")], None);
        let moves = "a ledger transaction moves money between at least two accounts";
        check(&[], Some(moves));
        check(&[(partner, 0, "CNY")], Some(moves));
        check(&[(partner, 3, "CNY"), (fees, -2, "CNY")], Some("postings come to 1 minor units, not to zero"));
        check(
            &[(partner, 3, "CNY"), (fees, -3, "USD")],
            Some("a ledger transaction in CNY and USD: each currency is balanced by itself"),
        );
        check(
            &[(partner, 0, "CNY"), (fees, 0, "CNY")],
            Some("a posting to partner:acme:receivable moves nothing"),
        );
        check(
            &[(fees, 3, "CNY"), (fees, -3, "CNY")],
            Some("platform:revenue:fees stands in a ledger transaction more than once"),
        );
        let (debit, credit) = (partner.parse().unwrap(), fees.parse().unwrap());
        let least = Amount { minor: i64::MIN, currency: "CNY".parse().unwrap() };
        let moved = LedgerTransaction::moving("x".to_owned(), Timestamp::default(), (debit, credit), least);
        assert_eq!(moved, Err(Unbalanced::Sum(-1)));
        let huge = &[(partner, i64::MAX, "CNY"), (fees, i64::MAX, "CNY"), (share, 2, "CNY")];
        check(huge, Some("postings come to 18446744073709551616 minor units, not to zero"));
    }
}
