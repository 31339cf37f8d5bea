//! What rating a call comes to: charges, and why there are none although there should be.

use super::bounds::TooLarge;
use crate::domain::charge::Charge;
use crate::domain::exact::ExactError;
use crate::domain::money::{Amount, Currency, MoneyError};
use crate::domain::plan::PlanRef;

/// Why a transaction, or a whole call, was not rated. Someone must resolve it; it is never guessed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrated {
    /// More than is believed, or more than arithmetic can hold exactly.
    #[error("its amount or units are too large to be believed")]
    TooLarge,
    /// With it, a statement or a line of it would come to more than is believed.
    #[error("with it, its statement is too large to be believed")]
    SumTooLarge,
    /// It would take from units of a later version of its plan what is free of them, and the prices of that are not known.
    #[error("the prices of plan {0}, with whose units it shares a free allowance, are not known")]
    PricesUnknown(PlanRef),
    /// A refund of a sale that is not known, or not yet.
    #[error("it refunds {sale}, of which no sale in {currency} is known")]
    SaleUnknown {
        /// The sale's id.
        sale: String,
        /// The refund's currency.
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
    /// A refund of that id came before, with another amount.
    #[error("refund {refund} came before, at {before}")]
    RefundDiffers {
        /// The refund's id.
        refund: String,
        /// Its amount then.
        before: Amount,
    },
    /// A refund of the same sale was counted before, of the same amount, and neither has an id of its own.
    #[error("it has no id of its own: it may be the refund of {0} that was counted before, or a second one")]
    RefundUnnamed(Amount),
    /// More is given back than was paid; what does not exceed it is counted.
    #[error("with it, {by} more of sale {sale} is refunded than was paid")]
    RefundExceeds {
        /// The sale's id.
        sale: String,
        /// By how much.
        by: Amount,
    },
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
}
