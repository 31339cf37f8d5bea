//! How what an item comes to is reckoned, step by step, for whoever wants to reckon it again.
//!
//! The exact sums of the steps add up to [`FeeItem::amount`], whatever the price: where a cap takes something away, that is a step
//! below zero.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use super::FeeItem;
use crate::domain::exact::{Exact, ExactError};
use crate::domain::ladder::{Filled, Rate, Steps};
use crate::domain::running_total::Units;

/// A step: so many units, or packages of them, each at a price, and what the step costs once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Which part of the price it is.
    pub of: Part,
    /// How many units; of a cap, none.
    pub units: u64,
    /// What each costs: a unit, or of packages a package.
    pub each: Exact,
    /// What comes on top once. Below zero for what a cap takes away.
    pub flat: Exact,
    /// What the step comes to.
    pub exact: Exact,
}

/// A part of an item's price. Places count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Units that are free of charge.
    Free,
    /// Units that all cost the same.
    Each,
    /// Those in a band; of a volume price, all of them.
    Band(u32),
    /// Packages of so many.
    Packages(NonZeroU64),
    /// Those in a promotion.
    Promotion(u32),
    /// What is more than the cap.
    Cap,
}

impl fmt::Display for Part {
    /// `free`, `each`, `band 2`, `packages of 100`, `promotion 1` or `cap`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Free => f.write_str("free"),
            Self::Each => f.write_str("each"),
            Self::Band(place) => write!(f, "band {place}"),
            Self::Packages(size) => write!(f, "packages of {size}"),
            Self::Promotion(place) => write!(f, "promotion {place}"),
            Self::Cap => f.write_str("cap"),
        }
    }
}

/// A text that is no [`Part`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no part of a price")]
pub struct NoPart;

impl FromStr for Part {
    type Err = NoPart;

    fn from_str(text: &str) -> Result<Self, NoPart> {
        fn number<T: FromStr>(text: &str) -> Result<T, NoPart> {
            text.parse().map_err(|_| NoPart)
        }
        match text.rsplit_once(' ') {
            None if text == "free" => Ok(Self::Free),
            None if text == "each" => Ok(Self::Each),
            None if text == "cap" => Ok(Self::Cap),
            Some(("band", place)) => Ok(Self::Band(number(place)?)),
            Some(("packages of", size)) => Ok(Self::Packages(number(size)?)),
            Some(("promotion", place)) => Ok(Self::Promotion(number(place)?)),
            Some(_) | None => Err(NoPart),
        }
    }
}

impl Step {
    /// The step that so many units make at a rate.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn new(of: Part, units: u64, Rate { each, flat }: Rate) -> Result<Self, ExactError> {
        let mut step = Self { of, units, each, flat, exact: Exact::ZERO };
        step.exact = each.times(step.times())?.plus(flat)?;
        Ok(step)
    }

    /// How many times its price is paid: for each unit, or for each package that is begun.
    #[must_use]
    pub fn times(&self) -> u64 {
        match self.of {
            Part::Packages(size) => self.units.div_ceil(size.get()),
            Part::Free | Part::Each | Part::Band(_) | Part::Promotion(_) | Part::Cap => self.units,
        }
    }
}

impl FeeItem {
    /// How what the units of a period come to is reckoned: those that are free, those that are charged by its own price, those in each
    /// promotion, and what the cap takes away. Where there are no units there are no steps.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn steps(&self, units: &Units) -> Result<Vec<Step>, ExactError> {
        let once = |each: Exact| Rate { each, flat: Exact::ZERO };
        let in_band = |Filled { band, units, rate }: Filled| (Part::Band(band), units, rate);
        let charged = units.charged();
        let mut parts = vec![(Part::Free, units.free, Rate::default())];
        match &self.ladder.steps {
            Steps::PerUnit(each) => parts.push((Part::Each, charged, once(*each))),
            Steps::Graduated(bands) => parts.extend(bands.filled(charged).map(in_band)),
            Steps::Volume(bands) => parts.extend(bands.last_filled(charged).map(in_band)),
            Steps::Package { size, price } => parts.push((Part::Packages(*size), charged, once(*price))),
        }
        let promoted = units.promoted.iter().zip(&self.promoted).zip(1..);
        parts.extend(promoted.map(|((units, each), place)| (Part::Promotion(place), *units, once(*each))));
        let filled = parts.into_iter().filter(|(_, units, _)| *units > 0);
        let mut steps: Vec<Step> =
            filled.map(|(of, units, rate)| Step::new(of, units, rate)).collect::<Result<_, _>>()?;
        let sum = steps.iter().try_fold(Exact::ZERO, |sum, step| sum.plus(step.exact))?;
        if let Some(cap) = self.cap.filter(|cap| *cap < sum) {
            let rate = Rate { each: Exact::ZERO, flat: cap.minus(sum)? };
            steps.push(Step::new(Part::Cap, 0, rate)?);
        }
        Ok(steps)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test may fail loudly")]

    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;
    use crate::domain::location::Location;
    use crate::domain::money::{Currency, parse_decimal};
    use crate::domain::tariff::{Band, FeePrice, FeeTerms, Promotion};

    fn cny() -> Currency {
        "CNY".parse().unwrap()
    }

    fn band(up_to: Option<u64>, each: Decimal, flat: Decimal) -> Band {
        Band { up_to, each, flat }
    }

    /// An item with promotions at these prices.
    fn item(price: FeePrice, promoted: &[Decimal], cap: Option<Decimal>) -> FeeItem {
        let source = Location { file: "plans/standard.yaml".into(), line: 12, column: 7 };
        let day = |day: usize| format!("2026-11-{day:02}T00:00:00Z").parse().unwrap();
        let promotion = |(place, each): (usize, &Decimal)| Promotion {
            from: day(place + 1),
            until: day(place + 2),
            each: *each,
        };
        let promotions = promoted.iter().enumerate().map(promotion).collect();
        let terms = FeeTerms { price, cap, promotions, ..FeeTerms::calls(Decimal::ZERO, 0, source) };
        FeeItem::new(terms, cny()).unwrap()
    }

    fn number(text: &str) -> Decimal {
        parse_decimal(text).unwrap()
    }

    #[track_caller]
    fn check(item: &FeeItem, units: &Units, expected: &[&str]) {
        let told = |step: &Step| {
            let [each, flat, exact] = [step.each, step.flat, step.exact].map(|exact| exact.in_major(cny()));
            format!("{}: {} × {each} + {flat} = {exact}", step.of, step.times())
        };
        let steps: Vec<String> = item.steps(units).unwrap().iter().map(told).collect();
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_price_is_reckoned_by_the_parts_that_have_units() {
        let bands = || {
            let second = band(Some(20), number("0.5"), number("3"));
            vec![band(Some(10), number("1"), Decimal::ZERO), second, band(None, number("0.1"), Decimal::ZERO)]
        };
        let units = |all, free, promoted: &[u64]| Units { all, free, promoted: promoted.to_vec() };
        let graduated =
            item(FeePrice::Graduated(bands()), &[number("0.25"), number("0")], Some(number("20")));
        check(&graduated, &units(0, 0, &[]), &[]);
        check(&graduated, &units(5, 5, &[]), &["free: 5 × 0 + 0 = 0"]);
        let capped = [
            "free: 5 × 0 + 0 = 0",
            "band 1: 10 × 1 + 0 = 10",
            "band 2: 10 × 0.5 + 3 = 8",
            "band 3: 15 × 0.1 + 0 = 1.5",
            "promotion 1: 3 × 0.25 + 0 = 0.75",
            "promotion 2: 4 × 0 + 0 = 0",
            "cap: 0 × 0 + -0.25 = -0.25",
        ];
        check(&graduated, &units(40, 5, &[3, 4]), &capped);
        let volume = item(FeePrice::Volume(bands()), &[], None);
        check(&volume, &units(20, 0, &[]), &["band 2: 20 × 0.5 + 3 = 13"]);
        check(&volume, &units(21, 0, &[]), &["band 3: 21 × 0.1 + 0 = 2.1"]);
        let package = FeePrice::Package { size: 100.try_into().unwrap(), price: number("0.8") };
        check(&item(package, &[], None), &units(201, 0, &[]), &["packages of 100: 3 × 0.8 + 0 = 2.4"]);
        let each = item(FeePrice::PerUnit(number("0.0001")), &[], None);
        check(&each, &units(3, 1, &[]), &["free: 1 × 0 + 0 = 0", "each: 2 × 0.0001 + 0 = 0.0002"]);
    }

    #[test]
    fn a_part_is_read_as_it_is_written() {
        let parts = [Part::Free, Part::Each, Part::Band(3), Part::Promotion(1), Part::Cap];
        let packages = Part::Packages(NonZeroU64::MIN);
        for part in parts.into_iter().chain([packages]) {
            assert_eq!(part.to_string().parse(), Ok(part));
        }
        for wrong in ["", "band", "band x", "packages of 0", "packages 3", "capped", "tier 1"] {
            assert_eq!(wrong.parse::<Part>(), Err(NoPart), "{wrong:?}");
        }
    }

    fn price() -> impl Strategy<Value = FeePrice> {
        let decimal = || (0..2_000_i64).prop_map(|digits| Decimal::new(digits, 4));
        let bands = prop::collection::vec((1..30_u64, decimal(), decimal()), 1..5).prop_map(|bands| {
            let (last, mut ends) = (bands.len() - 1, 0);
            let one = |(place, (length, each, flat)): (usize, (u64, Decimal, Decimal))| {
                ends += length;
                band((place < last).then_some(ends), each, flat)
            };
            bands.into_iter().enumerate().map(one).collect::<Vec<Band>>()
        });
        prop_oneof![
            decimal().prop_map(FeePrice::PerUnit),
            bands.clone().prop_map(FeePrice::Graduated),
            bands.prop_map(FeePrice::Volume),
            (1..20_u64, decimal())
                .prop_map(|(size, price)| FeePrice::Package { size: size.try_into().unwrap(), price }),
        ]
    }

    proptest! {
        #[test]
        fn the_steps_of_any_price_add_up_to_what_it_comes_to(
            price in price(), promoted in prop::collection::vec((0..2_000_i64, 0..40_u64), 0..4),
            cap in prop::option::of(0..3_000_i64), (all, free) in (0..200_u64, 0..200_u64),
        ) {
            let prices: Vec<Decimal> = promoted.iter().map(|(each, _)| Decimal::new(*each, 4)).collect();
            let item = item(price, &prices, cap.map(|cap| Decimal::new(cap, 2)));
            let promoted = promoted.into_iter().map(|(_, units)| units).collect();
            let units = Units { all, free: free.min(all), promoted };
            let steps = item.steps(&units).unwrap();
            let sum = steps.iter().try_fold(Exact::ZERO, |sum, step| sum.plus(step.exact)).unwrap();
            prop_assert_eq!(sum, item.amount(units.charged(), &units.promoted).unwrap());
            for step in &steps {
                let reckoned = step.each.times(step.times()).unwrap().plus(step.flat).unwrap();
                prop_assert_eq!(step.exact, reckoned);
                prop_assert!(step.units > 0 || step.of == Part::Cap);
            }
            let counted: u64 = steps.iter().map(|step| step.units).sum();
            prop_assert_eq!(counted, units.all + units.promoted.iter().sum::<u64>());
        }
    }
}
