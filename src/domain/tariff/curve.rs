//! An item's price as a function of the units of a period, free ones among them, to be compared with another's.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use super::FeeItem;
use crate::domain::curve::{Counted, Curve};
use crate::domain::ladder::Ladder;
use crate::domain::time::Timestamp;

impl FeeItem {
    /// What so many units come to at a time, if the others of the period are at the same time: by its own price after those that
    /// are free, or by that of the promotion which runs then.
    #[must_use]
    pub fn curve_at(&self, at: Timestamp) -> Curve {
        let promoted = self.promotion_at(at).and_then(|place| self.promoted.get(place));
        let (ladder, free) = match promoted {
            Some(each) => (Ladder::per_unit(*each), 0),
            None => (self.ladder.clone(), self.terms.free_units),
        };
        Curve { free, cap: self.cap, ..Curve::of(ladder, Counted::Units) }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use rust_decimal::Decimal;

    use super::*;
    use crate::domain::location::Location;
    use crate::domain::tariff::{FeePrice, FeeTerms, Promotion};

    #[test]
    fn a_curve_says_what_the_item_comes_to() {
        let source = Location { file: "plans/standard.yaml".into(), line: 12, column: 7 };
        let [from, until] = [10, 20].map(Timestamp::from_seconds);
        let package = FeePrice::Package { size: NonZeroU64::new(7).unwrap(), price: Decimal::new(3, 0) };
        let terms = FeeTerms {
            price: package,
            cap: Some(Decimal::new(40, 0)),
            promotions: vec![Promotion { from, until, each: Decimal::new(2, 2) }],
            ..FeeTerms::calls(Decimal::ZERO, 5, source)
        };
        let item = FeeItem::new(terms, "CNY".parse().unwrap()).unwrap();
        for units in (0..200).chain([10_000]) {
            let own = item.amount(u64::saturating_sub(units, 5), &[]).ok();
            assert_eq!(item.curve_at(until).amount(units), own, "{units}");
            assert_eq!(item.curve_at(from).amount(units), item.amount(0, &[units]).ok(), "{units}");
        }
    }
}
