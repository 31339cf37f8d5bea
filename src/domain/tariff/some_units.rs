//! What some of an item's units come to, while others' units of it come between: what a merchant's calls cost of all that an app makes.
//!
//! A line is rounded, not each call: so each call may add a minor unit more than its price, and does so for one merchant as long as
//! another one's cost nothing. The most that it may add is counted for each unit that calls take ([`super::CapUnits`]).
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use super::FeeItem;
use crate::domain::exact::{Exact, ExactError};
use crate::domain::ladder::Steps;

/// Units that are leased for some of those that come on top of those in a period.
#[derive(Debug, Clone, Copy)]
pub struct SomeUnits<'u> {
    /// Those that calls take which are charged by the item's own price; none of these is taken to be free.
    pub own: u64,
    /// Those of each promotion, in order.
    pub promoted: &'u [u64],
    /// Of which it is not known which they will be.
    pub any: u64,
}

impl FeeItem {
    /// The most that calls which take some units add to what it comes to, on top of those in a period, in whole minor units: whichever of
    /// those that come they are, as long as others take them behind no band or package that they would not come to by themselves.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn most_of_some(
        &self,
        (charged, promoted): (u64, &[u64]),
        some: SomeUnits<'_>,
    ) -> Result<Exact, ExactError> {
        let by_ladder = self.cap_units(None).most_units(some.own)?.checked_add(some.any);
        let after = by_ladder.and_then(|units| charged.checked_add(units)).ok_or(ExactError::TooLarge)?;
        let dearest = self.ladder.dearest(charged, after)?;
        let is_whole = self.is_whole();
        let raised = |exact: Exact| match is_whole || exact == Exact::ZERO {
            true => Ok(exact),
            false => exact.next_whole(),
        };
        let (each, mut of_any) = (raised(dearest.each)?, raised(dearest.each)?);
        let mut sum = each.times(some.own)?;
        for (step, count) in dearest.steps {
            sum = sum.plus(raised(step)?.times(count)?)?;
        }
        for (place, each) in self.promoted.iter().enumerate() {
            let each = raised(*each)?;
            of_any = of_any.max(each);
            sum = sum.plus(each.times(some.promoted.get(place).copied().unwrap_or(0))?)?;
        }
        sum = sum.plus(of_any.times(some.any)?)?;
        match (self.cap, &self.ladder.steps) {
            // It may fall, and rise again.
            (None, _) | (Some(_), Steps::Volume(_)) => Ok(sum),
            (Some(cap), Steps::PerUnit(_) | Steps::Graduated(_) | Steps::Package { .. }) => {
                let left = raised(cap.minus(self.amount(charged, promoted)?)?)?;
                Ok(sum.min(left))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test may fail loudly")]

    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;
    use crate::domain::location::Location;
    use crate::domain::money::{Currency, Rounding};
    use crate::domain::tariff::{Band, FeePrice, FeeTerms, Promotion};

    fn cny() -> Currency {
        "CNY".parse().unwrap()
    }

    fn item(price: FeePrice, promoted: i64, cap: Option<i64>) -> FeeItem {
        let source = Location { file: "plans/standard.yaml".into(), line: 12, column: 7 };
        let promotion = Promotion {
            from: "2026-11-01T00:00:00Z".parse().unwrap(),
            until: "2026-11-02T00:00:00Z".parse().unwrap(),
            each: Decimal::new(promoted, 4),
        };
        let terms = FeeTerms {
            price,
            cap: cap.map(|cap| Decimal::new(cap, 2)),
            promotions: vec![promotion],
            ..FeeTerms::calls(Decimal::ZERO, 0, source)
        };
        FeeItem::new(terms, cny()).unwrap()
    }

    fn minor(exact: Exact, rounding: Rounding) -> i64 {
        exact.rounded(cny(), rounding).unwrap().minor
    }

    fn most(item: &FeeItem, from: (u64, u64), own: u64, promoted: u64) -> i64 {
        let some = SomeUnits { own, promoted: &[promoted], any: 0 };
        minor(item.most_of_some((from.0, &[from.1]), some).unwrap(), Rounding::HalfUp)
    }

    #[test]
    fn a_whole_price_is_counted_as_it_is_and_a_finer_one_by_what_a_call_may_add() {
        let whole = item(FeePrice::PerUnit(Decimal::new(2, 2)), 100, None);
        assert_eq!((most(&whole, (0, 0), 5, 0), most(&whole, (0, 0), 5, 3)), (10, 13));
        let finer = item(FeePrice::PerUnit(Decimal::new(21, 3)), 0, None);
        assert_eq!((most(&finer, (0, 0), 5, 0), most(&finer, (0, 0), 5, 9)), (15, 15), "a promotion is free");
        let capped = item(FeePrice::PerUnit(Decimal::new(2, 2)), 100, Some(7));
        assert_eq!([0, 3, 4].map(|charged| most(&capped, (charged, 0), 9, 0)), [7, 1, 0]);
        let any = SomeUnits { own: 1, promoted: &[], any: 2 };
        assert_eq!(whole.most_of_some((0, &[]), any), Ok(Exact::of_minor(6)));
    }

    proptest! {
        /// However many of others' come between, where every unit costs the same.
        #[test]
        fn a_merchant_s_units_add_no_more_than_is_counted_whoever_s_come_between(
            price in 0..500_i64, promoted in 0..500_i64, is_even: bool, cap in prop::option::of(0..200_i64),
            calls in prop::collection::vec((any::<bool>(), any::<bool>(), 1..300_u64), 1..60),
        ) {
            let item = item(FeePrice::PerUnit(Decimal::new(price, 4)), promoted, cap);
            let rounding = if is_even { Rounding::HalfEven } else { Rounding::HalfUp };
            let (mut own, mut in_promotion) = (0, 0);
            for (is_its, is_promoted, units) in &calls {
                match (is_its, is_promoted) {
                    (true, false) => own += item.cap_units(None).of_call(*units),
                    (true, true) => in_promotion += item.cap_units(Some(0)).of_call(*units),
                    (false, _) => {}
                }
            }
            let bound = most(&item, (0, 0), own, in_promotion);
            let (mut at, mut added) = ((0, 0), 0);
            for (is_its, is_promoted, units) in calls {
                let worth = |at: (u64, u64)| minor(item.amount(at.0, &[at.1]).unwrap(), rounding);
                let before = worth(at);
                if is_promoted { at.1 += units } else { at.0 += units }
                added += if is_its { worth(at) - before } else { 0 };
            }
            prop_assert!(added <= bound, "{added} of {bound}");
        }

        /// Some of those that come, where they come to bands.
        #[test]
        fn a_merchant_s_units_add_no_more_than_is_counted_of_those_on_the_way(
            each in prop::collection::vec(0..900_i64, 3), flat in prop::collection::vec(0..900_i64, 3), is_volume: bool,
            from in 0..40_u64, calls in prop::collection::vec((any::<bool>(), 1..9_u64), 1..40), is_even: bool,
        ) {
            let up_to = [Some(11), Some(23), None];
            let decimal = |minor: i64| Decimal::new(minor, 4);
            let band = |place: usize| Band { up_to: up_to[place], each: decimal(each[place]), flat: decimal(flat[place]) };
            let bands: Vec<Band> = (0..3).map(band).collect();
            let price = if is_volume { FeePrice::Volume(bands) } else { FeePrice::Graduated(bands) };
            let item = item(price, 0, None);
            let rounding = if is_even { Rounding::HalfEven } else { Rounding::HalfUp };
            let worth = |charged: u64| minor(item.amount(charged, &[]).unwrap(), rounding);
            let taken = calls.iter().map(|(_, units)| item.cap_units(None).of_call(*units)).sum();
            let bound = most(&item, (from, 0), taken, 0);
            let (mut at, mut added) = (from, 0);
            for (is_its, units) in calls {
                added += if is_its { worth(at + units) - worth(at) } else { 0 };
                at += units;
            }
            prop_assert!(added <= bound, "{added} of {bound}");
        }
    }
}
