//! Transactions of merchants that passed through the platform: sales, and what becomes of them.

use super::id::{CategoryName, PartnerId, PartyName};
use super::money::Amount;

/// Longest id of a transaction, in bytes.
pub const MAX_TRANSACTION_ID: usize = 200;

/// Whether a text is a transaction's id: on one line, as stores keep it, and without blanks around it. These some upstreams cut off:
/// what is sold under one id would be refunded or settled under another.
#[must_use]
pub fn is_transaction_id(text: &str) -> bool {
    let is_trimmed = text.trim().len() == text.len();
    (1..=MAX_TRANSACTION_ID).contains(&text.len()) && is_trimmed && !text.contains(char::is_control)
}

/// A transaction of a merchant that passed through the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The upstream's id of it, such as an order id.
    pub id: String,
    /// Of anything but a sale, the id of the sale that it is of, if that is not its own.
    pub of: Option<String>,
    /// What it is worth; at least zero, and zero of what is left of a sale, whatever that is ([`Extent::Rest`]).
    pub amount: Amount,
    /// What it means for its sale.
    pub kind: TransactionKind,
    /// What few transactions have.
    pub details: Details,
}

impl Transaction {
    /// The id of the sale: its own, or that of the one that it is of.
    #[must_use]
    pub fn sale(&self) -> &str {
        match self.kind {
            TransactionKind::Sale => &self.id,
            TransactionKind::Refund
            | TransactionKind::Cancellation
            | TransactionKind::Settlement
            | TransactionKind::Chargeback
            | TransactionKind::ChargebackWon => self.of.as_deref().unwrap_or(&self.id),
        }
    }

    /// Its amount in minor units; none of what is left of a sale, whatever that is.
    #[must_use]
    pub fn minor(&self) -> Option<i64> {
        match self.details.extent {
            Extent::Amount => Some(self.amount.minor),
            Extent::Rest => None,
        }
    }
}

/// What a transaction means for its sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TransactionKind {
    /// It is the sale: the money goes to the merchant.
    Sale,
    /// Money goes back to the buyer.
    Refund,
    /// What was not paid yet will not be.
    Cancellation,
    /// The payment provider confirms that the money moved.
    Settlement,
    /// The buyer's bank takes money back.
    Chargeback,
    /// What a chargeback took is the merchant's after all.
    ChargebackWon,
}

impl TransactionKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Sale,
        Self::Refund,
        Self::Cancellation,
        Self::Settlement,
        Self::Chargeback,
        Self::ChargebackWon,
    ];

    /// The name used in policies, records and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Refund => "refund",
            Self::Cancellation => "cancellation",
            Self::Settlement => "settlement",
            Self::Chargeback => "chargeback",
            Self::ChargebackWon => "chargeback-won",
        }
    }

    /// The kind of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it may be of all that is left of its sale, and then needs no amount.
    #[must_use]
    pub fn may_be_of_the_rest(self) -> bool {
        match self {
            Self::Cancellation | Self::Settlement => true,
            Self::Sale | Self::Refund | Self::Chargeback | Self::ChargebackWon => false,
        }
    }
}

/// Of how much of its sale a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Extent {
    /// Of its amount.
    #[default]
    Amount,
    /// Of all that is left, whenever it is rated.
    Rest,
}

/// Whose sale a transaction may be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Reach {
    /// One of the app that calls.
    #[default]
    OwnApp,
    /// One of any app: a payment provider knows orders, and not who placed them.
    AnyApp,
}

impl Reach {
    /// The name used in policies, records and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OwnApp => "own-app",
            Self::AnyApp => "any-app",
        }
    }

    /// That of this [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::OwnApp, Self::AnyApp].into_iter().find(|reach| reach.name() == name)
    }
}

/// What few transactions have. Money is in minor units of the transaction's currency, and at least zero.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// Of how much of its sale it is.
    pub extent: Extent,
    /// Whose sale it may be of.
    pub reach: Reach,
    /// The tax that the amount holds, if that was read.
    pub tax: Option<i64>,
    /// The shipping that the amount holds, if that was read.
    pub shipping: Option<i64>,
    /// What was sold, if that was read.
    pub category: Option<CategoryName>,
    /// Partners who have a part in it, by what they are to it; by rising name.
    pub parties: Vec<(PartyName, PartnerId)>,
}

impl Details {
    /// Whether there are none.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Who is that to the transaction.
    #[must_use]
    pub fn party(&self, name: &PartyName) -> Option<&PartnerId> {
        self.parties.iter().find(|(known, _)| known == name).map(|(_, partner)| partner)
    }
}
