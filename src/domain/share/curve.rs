//! How much is taken as a function of what it is taken of, to be compared with another rate.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use super::{SaleRate, ShareRate};
use crate::domain::curve::{Counted, Curve};
use crate::domain::exact::{Exact, ExactError};
use crate::domain::ladder::Ladder;

impl ShareRate {
    /// What is taken of so many minor units, before it is rounded: of those of a sale, or of the net amount of many.
    ///
    /// # Errors
    /// [`ExactError`] if a percentage is too fine.
    pub fn curve(&self) -> Result<Curve, ExactError> {
        let (ladder, fixed, floor, cap) = match self {
            Self::PerSale(SaleRate { percent, fixed, floor, cap }) => {
                (Ladder::per_unit(Exact::of_percent(*percent)?), *fixed, *floor, *cap)
            }
            Self::Tiers(tiers) => (tiers.ladder().clone(), 0, tiers.terms().floor, tiers.terms().cap),
        };
        Ok(Curve {
            fixed: Exact::of_minor(fixed),
            floor: floor.map(Exact::of_minor),
            cap: cap.map(Exact::of_minor),
            ..Curve::of(ladder, Counted::Money)
        })
    }
}
