//! What rating a call comes to: charges, and why there are none although there should be.

use uuid::Uuid;

use super::bounds::TooLarge;
use super::lifecycle::Standing;
use crate::domain::account::Party;
use crate::domain::charge::Charge;
use crate::domain::exact::ExactError;
use crate::domain::id::{PartnerId, PartyName};
use crate::domain::money::{Amount, Currency, MoneyError};
use crate::domain::plan::PlanRef;
use crate::domain::sale::EventKey;
use crate::domain::split::Split;
use crate::domain::time::{Period, Timestamp};
use crate::domain::transaction::TransactionKind;

/// Why a transaction, or a whole call, was not rated. Someone must resolve it; it is never guessed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrated {
    /// More than is believed, or more than arithmetic can hold exactly.
    #[error("its amount or units are too large to be believed")]
    TooLarge,
    /// With it, a statement or a line of it would come to more than is believed.
    #[error("with it, its statement is too large to be believed")]
    SumTooLarge,
    /// Its evidence has not what its share hangs on.
    #[error("its share hangs on its {0}, and its evidence has none")]
    Lacks(&'static str),
    /// What its amount is said to hold is more than the amount.
    #[error("its {0} comes to more than what its share is taken of")]
    HoldsMore(&'static str),
    /// A part of its share is for someone whom the evidence does not name, or who is no partner.
    #[error("a part of its share is for its {0}, as whom its evidence names no partner that there is")]
    PartyUnknown(PartyName),
    /// Its share has amounts of another currency.
    #[error("its share has amounts in {amounts}, and it is in {currency}: nothing is converted")]
    OtherCurrency {
        /// The currency of the plan version.
        amounts: Currency,
        /// The sale's.
        currency: Currency,
    },
    /// It would take from units of a later version of its plan what is free of them, and the prices of that are not known.
    #[error("the prices of plan {0}, with whose units it shares a free allowance, are not known")]
    PricesUnknown(PlanRef),
    /// The prices under which its sale was made are not known.
    #[error("the prices of plan {0}, under which its sale was made, are not known")]
    TiersUnknown(PlanRef),
    /// A transaction of a sale that is not known, or not yet.
    #[error("it {} {sale}, of which no sale in {currency} is known", verb(*kind))]
    SaleUnknown {
        /// What it is.
        kind: TransactionKind,
        /// The sale's id.
        sale: String,
        /// The transaction's currency.
        currency: Currency,
    },
    /// A transaction in another currency than the sale of that id was made in.
    #[error("it {} {sale} in {currency}, and that sale was made in {made_in}: nothing is converted", verb(*kind))]
    SaleElsewhere {
        /// What it is.
        kind: TransactionKind,
        /// The sale's id.
        sale: String,
        /// The transaction's currency.
        currency: Currency,
        /// The sale's.
        made_in: Currency,
    },
    /// A transaction of a sale of any app, and several have one of that id.
    #[error("it {} {sale}, and several apps have made a sale of that id in {currency}", verb(*kind))]
    SaleAmbiguous {
        /// What it is.
        kind: TransactionKind,
        /// The sales' id.
        sale: String,
        /// The transaction's currency.
        currency: Currency,
    },
    /// Another app has a sale of that id, and of that counted what may be of any app's sale before this one came.
    #[error(
        "another app has a sale {sale} in {currency}, and what was counted of that by others may have been of this one"
    )]
    SaleShared {
        /// The sales' id.
        sale: String,
        /// Their currency.
        currency: Currency,
    },
    /// A sale of that id was rated before, with another amount.
    #[error("sale {sale} was rated before, at {before}")]
    SaleDiffers {
        /// The sale's id.
        sale: String,
        /// Its amount then.
        before: Amount,
    },
    /// A transaction of that kind and id came before, with another amount.
    #[error("{} {id} came before, at {}", kind.name(), at(*before))]
    EventDiffers {
        /// What it is.
        kind: TransactionKind,
        /// The transaction's id.
        id: String,
        /// Its amount then; none of all that was left.
        before: Option<Amount>,
    },
    /// One of the same sale was counted before, of the same kind and amount, and neither has an id of its own.
    #[error("it has no id of its own: it may be the {} of {before} that was counted before, or a second one", kind.name())]
    EventUnnamed {
        /// What it is.
        kind: TransactionKind,
        /// The amount.
        before: Amount,
    },
    /// It is of more than its sale was worth; what does not exceed it is counted.
    #[error("with it, {by} more of sale {sale} is {} than was {}", participle(*kind), there_was(*kind))]
    Exceeds {
        /// What it is.
        kind: TransactionKind,
        /// The sale's id.
        sale: String,
        /// By how much.
        by: Amount,
    },
    /// All that was left of its sale was cancelled, and was settled: it cannot be both. What the cancellation takes is gone.
    #[error("it {} all that was left of sale {sale}, which was both cancelled and settled", verb(*kind))]
    Contradicted {
        /// What it is.
        kind: TransactionKind,
        /// The sale's id.
        sale: String,
    },
}

impl Unrated {
    /// The id of the sale that is missing, if it is that: with it, it can be rated.
    #[must_use]
    pub fn lacking_sale(&self) -> Option<&str> {
        match self {
            Self::SaleUnknown { sale, .. } | Self::SaleElsewhere { sale, .. } => Some(sale),
            Self::TooLarge
            | Self::SumTooLarge
            | Self::Lacks(_)
            | Self::HoldsMore(_)
            | Self::PartyUnknown(_)
            | Self::OtherCurrency { .. }
            | Self::SaleAmbiguous { .. }
            | Self::PricesUnknown(_)
            | Self::TiersUnknown(_)
            | Self::SaleDiffers { .. }
            | Self::EventDiffers { .. }
            | Self::EventUnnamed { .. }
            | Self::SaleShared { .. }
            | Self::Contradicted { .. }
            | Self::Exceeds { .. } => None,
        }
    }
}

/// What a transaction of a kind does to its sale.
fn verb(kind: TransactionKind) -> &'static str {
    match kind {
        TransactionKind::Sale => "is",
        TransactionKind::Refund => "refunds",
        TransactionKind::Cancellation => "cancels",
        TransactionKind::Settlement => "settles",
        TransactionKind::Chargeback => "charges back",
        TransactionKind::ChargebackWon => "wins back",
    }
}

/// What is done to a sale by a transaction of a kind.
fn participle(kind: TransactionKind) -> &'static str {
    match kind {
        TransactionKind::Sale => "made",
        TransactionKind::Refund => "refunded",
        TransactionKind::Cancellation => "cancelled",
        TransactionKind::Settlement => "settled",
        TransactionKind::Chargeback => "charged back",
        TransactionKind::ChargebackWon => "won back",
    }
}

/// What there was for a transaction of a kind to take.
fn there_was(kind: TransactionKind) -> &'static str {
    match kind {
        TransactionKind::ChargebackWon => "charged back",
        TransactionKind::Sale
        | TransactionKind::Refund
        | TransactionKind::Cancellation
        | TransactionKind::Settlement
        | TransactionKind::Chargeback => "paid",
    }
}

fn at(before: Option<Amount>) -> String {
    before.map_or_else(|| "all that was left".to_owned(), |before| before.to_string())
}

impl From<TooLarge> for Unrated {
    fn from(_: TooLarge) -> Self {
        Self::SumTooLarge
    }
}

impl From<MoneyError> for Unrated {
    fn from(_: MoneyError) -> Self {
        Self::TooLarge
    }
}

impl From<ExactError> for Unrated {
    fn from(_: ExactError) -> Self {
        Self::TooLarge
    }
}

/// What rating a call came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rated {
    /// Its charges: at most one of each kind, but for rewalks, of which there is one for each line at most.
    pub charges: Vec<Charge>,
    /// Why its transaction has no charge although it should.
    pub unrated: Option<Unrated>,
    /// How its transaction changed the share of a sale, if it was counted.
    pub change: Option<ShareChange>,
}

/// How a transaction changed what a sale's share comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareChange {
    /// The transaction.
    pub event: EventKey,
    /// The usage record that made it.
    pub usage: Uuid,
    /// When that happened.
    pub at: Timestamp,
    /// The period on whose statement it stands.
    pub period: Period,
    /// Whose app made the sale.
    pub partner: PartnerId,
    /// Who owes the share.
    pub payer: Party,
    /// Who gets which part; the platform gets all, if nobody is named.
    pub split: Option<Split<Party>>,
    /// How it stood before.
    pub before: Standing,
    /// How it stands with it.
    pub after: Standing,
}
