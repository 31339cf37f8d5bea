//! How many units a call takes of a merchant's cap, which is leased by units of which each is rounded up to whole minor units.
//!
//! A line is rounded as a whole, so what a call adds to it is at most what its units cost, and less than a minor unit more, however many
//! they are. It takes as many units as, each rounded up, come to that: never more than it is, and of a price finer than a minor unit fewer.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use super::FeeItem;
use crate::domain::exact::{Exact, ExactError};
use crate::domain::ladder::Steps;

/// How many units calls take that are counted in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CapUnits {
    /// What each may cost, above zero; none if no part of the item's price is finer than a minor unit, so that each unit is one.
    prices: Vec<Exact>,
}

impl CapUnits {
    /// How many a call of so many units takes.
    #[must_use]
    pub fn of_call(&self, units: u64) -> u64 {
        let of_price = |each: &Exact| each.times(units)?.next_whole()?.parts(each.next_whole()?);
        // What cannot be told of a price is less than what it is in units.
        let taken = self.prices.iter().map(|each| of_price(each).unwrap_or(units)).max();
        taken.unwrap_or(units).min(units)
    }

    /// How many so many calls at most take, which are of so many units together.
    #[must_use]
    pub fn of_calls(&self, calls: u64, units: u64) -> u64 {
        self.of_call(units).saturating_add(calls).min(units)
    }

    /// The most units that calls can be of which take so many.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn most_units(&self, taken: u64) -> Result<u64, ExactError> {
        let mut most = None;
        for each in &self.prices {
            let units = each.next_whole()?.times(taken)?.parts(*each)?;
            most = Some(most.map_or(units, |most: u64| most.min(units)));
        }
        Ok(most.unwrap_or(taken))
    }
}

impl FeeItem {
    /// How many units of a merchant's cap calls take that are charged by its own price, or in the promotion of that place, from 0.
    #[must_use]
    pub fn cap_units(&self, promotion: Option<usize>) -> CapUnits {
        if self.is_whole() {
            return CapUnits::default();
        }
        let mut prices = match (promotion, &self.ladder.steps) {
            (Some(place), _) => self.promoted.get(place).copied().into_iter().collect(),
            (None, Steps::PerUnit(each)) => vec![*each],
            (None, Steps::Graduated(bands) | Steps::Volume(bands)) => bands.prices().collect(),
            // Whichever units begin one pay it whole.
            (None, Steps::Package { .. }) => Vec::new(),
        };
        prices.retain(|each| *each > Exact::ZERO);
        CapUnits { prices }
    }

    /// Whether whatever it comes to is whole minor units.
    pub(super) fn is_whole(&self) -> bool {
        self.ladder.is_whole() && self.promoted.iter().all(|each| each.is_whole())
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::domain::location::Location;
    use crate::domain::tariff::{Band, FeePrice, FeeTerms};

    fn cap_units(price: FeePrice) -> CapUnits {
        let source = Location { file: "plans/standard.yaml".into(), line: 12, column: 7 };
        let terms = FeeTerms { price, ..FeeTerms::calls(Decimal::ZERO, 0, source) };
        FeeItem::new(terms, "CNY".parse().unwrap()).unwrap().cap_units(None)
    }

    #[test]
    fn a_call_takes_what_its_units_cost_together_rounded_up_once() {
        let per_unit = |each: &str| cap_units(FeePrice::PerUnit(each.parse().unwrap()));
        for (each, units, taken, most) in [
            ("0.0001", 6_000, 61, 6_100),
            ("0.0001", 99, 1, 100),
            ("0.0001", 1, 1, 100),
            ("0.0001", 0, 0, 0),
            ("0.01", 6_000, 6_000, 6_000),
            // Two and a half minor units are three by themselves, and ten of them are 26.
            ("0.025", 10, 9, 11),
            ("0", 6_000, 6_000, 6_000),
        ] {
            let price = per_unit(each);
            assert_eq!(price.of_call(units), taken, "{units} at {each}");
            assert_eq!(price.most_units(taken), Ok(most), "{taken} at {each}");
        }
        assert_eq!(per_unit("0.0001").of_calls(3, 6_000), 64);
        assert_eq!(per_unit("0.0001").of_calls(3, 2), 2);
        assert_eq!(per_unit("90000000000.001").of_call(u64::MAX), u64::MAX);
    }

    #[test]
    fn in_bands_it_takes_what_is_enough_in_each() {
        let band = |up_to, each: &str| Band { up_to, each: each.parse().unwrap(), flat: Decimal::ZERO };
        let both = cap_units(FeePrice::Graduated(vec![band(Some(10), "0.011"), band(None, "0.009")]));
        // 12 minor units at two each are six, and ten at one each are ten.
        assert_eq!([both.of_call(1), both.of_call(10)], [1, 10]);
        let free = cap_units(FeePrice::Graduated(vec![band(Some(10), "0"), band(None, "0.0001")]));
        assert_eq!((free.of_call(6_000), free.most_units(61)), (61, Ok(6_100)));
    }
}
