//! What a quantity comes to by steps: so much each, by bands, in packages, and never more than a cap. Pure.
//!
//! A ladder is a function of the whole quantity alone. What one call adds is the difference that it makes, so the sum is the
//! same in whatever order calls come. Nothing costs nothing.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::num::NonZeroU64;

use super::exact::{Exact, ExactError};

/// A price for any quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    /// How it rises.
    pub steps: Steps,
    /// The most that it comes to, if there is a most.
    pub cap: Option<Exact>,
}

/// How a price rises with its quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Steps {
    /// Every unit costs the same.
    PerUnit(Exact),
    /// Every unit costs what the band costs in which it lies.
    Graduated(Bands),
    /// All units cost what the band costs in which the last of them lies: a lower band may come to more than the next.
    Volume(Bands),
    /// Units come in packages; one that is begun is paid whole.
    Package {
        /// Units in a package.
        size: NonZeroU64,
        /// What a package costs.
        price: Exact,
    },
}

/// What a band costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rate {
    /// Each unit.
    pub each: Exact,
    /// The band itself, once a unit lies in it.
    pub flat: Exact,
}

/// Bands that follow upon each other from the first unit on, without an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bands {
    /// Each with its last unit.
    below: Vec<(u64, Rate)>,
    last: Rate,
}

/// A band with units that cost what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Filled {
    /// Its place, from 1.
    pub(super) band: u32,
    /// How many.
    pub(super) units: u64,
    /// What it costs.
    pub(super) rate: Rate,
}

impl Filled {
    fn amount(&self) -> Result<Exact, ExactError> {
        self.rate.each.times(self.units)?.plus(self.rate.flat)
    }
}

/// What each of the units between two quantities adds at most, whichever of them it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dearest {
    /// So much for being one more.
    pub each: Exact,
    /// So much beside that for a step that it may be the first behind, and how many such steps there are.
    pub steps: Vec<(Exact, u64)>,
}

/// Bands that do not rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a band ends at {ends}, and the one before it at {before}: each must end later than the one before")]
pub struct Disordered {
    /// Where the band before ends.
    pub before: u64,
    /// Where the band ends.
    pub ends: u64,
}

impl Ladder {
    /// The same for every unit, without a cap.
    #[must_use]
    pub fn per_unit(each: Exact) -> Self {
        Self { steps: Steps::PerUnit(each), cap: None }
    }

    /// What `quantity` comes to.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn amount(&self, quantity: u64) -> Result<Exact, ExactError> {
        let amount = match &self.steps {
            Steps::PerUnit(each) => each.times(quantity)?,
            Steps::Graduated(bands) => bands.graduated(quantity)?,
            Steps::Volume(bands) => bands.volume(quantity)?,
            Steps::Package { size, price } => price.times(quantity.div_ceil(size.get()))?,
        };
        Ok(self.cap.map_or(amount, |cap| amount.min(cap)))
    }

    /// The most that any quantity from one to another comes to.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn most(&self, from: u64, to: u64) -> Result<Exact, ExactError> {
        let mut most = self.amount(from)?.max(self.amount(to)?);
        // Within a band it never falls.
        if let Steps::Volume(bands) = &self.steps {
            for (ends, _) in bands.all().filter(|(ends, _)| (from..to).contains(ends)) {
                most = most.max(self.amount(ends)?);
            }
        }
        Ok(most)
    }

    /// What each of the units behind `from` adds at most, up to `to`. Of packages, one may be begun in any case: it is not known which
    /// units come first.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn dearest(&self, from: u64, to: u64) -> Result<Dearest, ExactError> {
        let mut dearest = Dearest::default();
        if to <= from {
            return Ok(dearest);
        }
        let bands = match &self.steps {
            Steps::PerUnit(each) => return Ok(Dearest { each: *each, ..dearest }),
            Steps::Package { size, price } => {
                let begun = to.div_ceil(size.get()).saturating_sub(from.div_ceil(size.get()));
                dearest.steps.push((*price, begun.max(1)));
                return Ok(dearest);
            }
            Steps::Graduated(bands) | Steps::Volume(bands) => bands,
        };
        let starts = std::iter::once(0).chain(bands.all().map(|(ends, _)| ends));
        let met = starts.zip(bands.all()).filter(|(start, (ends, _))| *start < to && from < *ends);
        let met: Vec<(u64, Rate)> = met.map(|(start, (_, rate))| (start, rate)).collect();
        dearest.each = met.iter().map(|(_, rate)| rate.each).max().unwrap_or_default();
        for (start, rate) in met.into_iter().filter(|(start, _)| from <= *start) {
            let step = match &self.steps {
                Steps::Volume(_) => {
                    let rise = self.amount(start.saturating_add(1))?.minus(self.amount(start)?)?;
                    rise.minus(dearest.each)?
                }
                Steps::PerUnit(_) | Steps::Graduated(_) | Steps::Package { .. } => rate.flat,
            };
            if step > Exact::ZERO {
                dearest.steps.push((step, 1));
            }
        }
        Ok(dearest)
    }

    /// Whether every quantity comes to a whole number of minor units.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let is_whole = |rate: &Rate| rate.each.is_whole() && rate.flat.is_whole();
        match &self.steps {
            Steps::PerUnit(each) | Steps::Package { price: each, .. } => each.is_whole(),
            Steps::Graduated(bands) | Steps::Volume(bands) => bands.all().all(|(_, rate)| is_whole(&rate)),
        }
    }

    /// The last unit of each band that has one.
    pub fn ends(&self) -> impl Iterator<Item = u64> {
        let bands = match &self.steps {
            Steps::Graduated(bands) | Steps::Volume(bands) => bands.below.as_slice(),
            Steps::PerUnit(_) | Steps::Package { .. } => &[],
        };
        bands.iter().map(|(ends, _)| *ends)
    }

    /// How many units are paid for together: those of a package, or one.
    #[must_use]
    pub fn package(&self) -> u64 {
        match &self.steps {
            Steps::Package { size, .. } => size.get(),
            Steps::PerUnit(_) | Steps::Graduated(_) | Steps::Volume(_) => 1,
        }
    }

    /// Whether every unit costs the same, without a cap.
    #[must_use]
    pub fn is_per_unit(&self) -> bool {
        self.cap.is_none() && matches!(self.steps, Steps::PerUnit(_))
    }

    /// The band in which unit `number` lies, from 1; none if there are no bands.
    #[must_use]
    pub fn band_of(&self, number: u64) -> Option<u32> {
        let bands = match &self.steps {
            Steps::Graduated(bands) | Steps::Volume(bands) => bands,
            Steps::PerUnit(_) | Steps::Package { .. } => return None,
        };
        bands.all().zip(1..).find(|((ends, _), _)| number <= *ends).map(|(_, place)| place)
    }
}

impl Bands {
    /// Bands by their last unit, and the one that has none.
    ///
    /// # Errors
    /// [`Disordered`].
    pub fn new(below: Vec<(u64, Rate)>, last: Rate) -> Result<Self, Disordered> {
        let mut before = 0;
        for (ends, _) in &below {
            if *ends <= before {
                return Err(Disordered { before, ends: *ends });
            }
            before = *ends;
        }
        Ok(Self { below, last })
    }

    fn graduated(&self, quantity: u64) -> Result<Exact, ExactError> {
        self.filled(quantity).try_fold(Exact::ZERO, |sum, filled| sum.plus(filled.amount()?))
    }

    fn volume(&self, quantity: u64) -> Result<Exact, ExactError> {
        self.last_filled(quantity).map_or(Ok(Exact::ZERO), |filled| filled.amount())
    }

    /// The bands in which the units up to `quantity` lie, in order.
    pub(super) fn filled(&self, quantity: u64) -> impl Iterator<Item = Filled> {
        let starts = std::iter::once(0).chain(self.all().map(|(ends, _)| ends));
        starts.zip(self.all()).zip(1..).map_while(move |((start, (ends, rate)), band)| {
            let units = quantity.min(ends).checked_sub(start).filter(|units| *units > 0)?;
            Some(Filled { band, units, rate })
        })
    }

    /// The band in which the last of them lies, with all of them.
    pub(super) fn last_filled(&self, quantity: u64) -> Option<Filled> {
        let last = self.all().zip(1..).find(|((ends, _), _)| quantity <= *ends).filter(|_| quantity > 0);
        last.map(|((_, rate), band)| Filled { band, units: quantity, rate })
    }

    /// What a unit costs in each.
    pub(super) fn prices(&self) -> impl Iterator<Item = Exact> {
        self.all().map(|(_, rate)| rate.each)
    }

    /// Every band with its last unit.
    fn all(&self) -> impl Iterator<Item = (u64, Rate)> {
        self.below.iter().copied().chain([(u64::MAX, self.last)])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn rate(each: i64, flat: i64) -> Rate {
        Rate { each: Exact::of_minor(each), flat: Exact::of_minor(flat) }
    }

    /// Ten for each of the first 100, eight up to 1,000 with 50 for the band, five beyond.
    fn bands() -> Bands {
        Bands::new(vec![(100, rate(10, 0)), (1_000, rate(8, 50))], rate(5, 0)).unwrap()
    }

    #[track_caller]
    fn check(steps: Steps, cap: Option<i64>, expected: &[(u64, i64)]) {
        let ladder = Ladder { steps, cap: cap.map(Exact::of_minor) };
        for (quantity, minor) in expected {
            assert_eq!(ladder.amount(*quantity), Ok(Exact::of_minor(*minor)), "{quantity}");
        }
    }

    #[test]
    fn a_quantity_comes_to_what_its_steps_say() {
        check(Steps::PerUnit(Exact::of_minor(3)), None, &[(0, 0), (1, 3), (1_000, 3_000)]);
        check(Steps::PerUnit(Exact::of_minor(3)), Some(10), &[(3, 9), (4, 10), (5, 10)]);
        let graduated = [(0, 0), (1, 10), (100, 1_000), (101, 1_058), (1_000, 8_250), (1_001, 8_255)];
        check(Steps::Graduated(bands()), None, &graduated);
        check(Steps::Graduated(bands()), Some(1_020), &[(100, 1_000), (101, 1_020), (1_001, 1_020)]);
        let volume = [(0, 0), (1, 10), (100, 1_000), (101, 858), (1_000, 8_050), (1_001, 5_005)];
        check(Steps::Volume(bands()), None, &volume);
        let package = Steps::Package { size: NonZeroU64::new(100).unwrap(), price: Exact::of_minor(80) };
        check(package, None, &[(0, 0), (1, 80), (100, 80), (101, 160), (200, 160)]);
    }

    #[test]
    fn a_unit_lies_in_the_band_that_ends_with_it_or_later() {
        let graduated = Ladder { steps: Steps::Graduated(bands()), cap: None };
        let seen: Vec<_> = [1, 100, 101, 1_000, 1_001].iter().map(|unit| graduated.band_of(*unit)).collect();
        assert_eq!(seen, [Some(1), Some(1), Some(2), Some(2), Some(3)]);
        assert_eq!(Ladder::per_unit(Exact::of_minor(3)).band_of(1), None);
    }

    #[test]
    fn the_most_is_that_of_the_dearest_quantity_on_the_way() {
        let most = |steps: Steps, from: u64, to: u64| Ladder { steps, cap: None }.most(from, to);
        let volume = || Steps::Volume(bands());
        assert_eq!(most(volume(), 90, 110), Ok(Exact::of_minor(1_000)));
        assert_eq!(most(volume(), 90, 99), Ok(Exact::of_minor(990)));
        assert_eq!(most(volume(), 101, 2_000), Ok(Exact::of_minor(10_000)));
        assert_eq!(most(volume(), 101, 1_500), Ok(Exact::of_minor(8_050)));
        assert_eq!(most(Steps::Graduated(bands()), 90, 101), Ok(Exact::of_minor(1_058)));
    }

    #[test]
    fn a_unit_adds_at_most_what_the_dearest_band_on_the_way_costs_and_the_steps_there() {
        let dearest = |steps: Steps, from: u64, to: u64| {
            let Dearest { each, steps } = Ladder { steps, cap: None }.dearest(from, to).unwrap();
            let minor =
                |exact: Exact| (-20_000..20_000).find(|minor| Exact::of_minor(*minor) == exact).unwrap();
            (minor(each), steps.into_iter().map(|(step, count)| (minor(step), count)).collect::<Vec<_>>())
        };
        let graduated = || Steps::Graduated(bands());
        assert_eq!(dearest(graduated(), 0, 100), (10, vec![]));
        assert_eq!(dearest(graduated(), 99, 101), (10, vec![(50, 1)]));
        assert_eq!(dearest(graduated(), 100, 101), (8, vec![(50, 1)]));
        assert_eq!(dearest(graduated(), 101, 5_000), (8, vec![]));
        assert_eq!(dearest(graduated(), 7, 7), (0, vec![]));
        let rising = Bands::new(vec![(10, rate(1, 0))], rate(3, 5)).unwrap();
        assert_eq!(dearest(Steps::Volume(rising), 9, 20), (3, vec![(25, 1)]), "38 at 11 units, 10 at 10");
        assert_eq!(dearest(Steps::Volume(bands()), 90, 110), (10, vec![]), "it falls");
        let package = || Steps::Package { size: NonZeroU64::new(100).unwrap(), price: Exact::of_minor(80) };
        assert_eq!(dearest(package(), 0, 100), (0, vec![(80, 1)]));
        assert_eq!(dearest(package(), 40, 50), (0, vec![(80, 1)]), "others' may use up the package");
        assert_eq!(dearest(package(), 40, 201), (0, vec![(80, 2)]));
        assert_eq!(dearest(Steps::PerUnit(Exact::of_minor(3)), 4, 9), (3, vec![]));
        assert!(Ladder { steps: graduated(), cap: None }.is_whole());
    }

    #[test]
    fn bands_rise() {
        let wrong = |ends: &[u64]| {
            Bands::new(ends.iter().map(|ends| (*ends, rate(1, 0))).collect(), rate(1, 0)).map(drop)
        };
        assert_eq!(wrong(&[10, 10]), Err(Disordered { before: 10, ends: 10 }));
        assert_eq!(wrong(&[0]), Err(Disordered { before: 0, ends: 0 }));
        assert_eq!((wrong(&[]), wrong(&[1, 2])), (Ok(()), Ok(())));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let ladder = Ladder::per_unit(Exact::of_minor(i64::MAX));
        assert_eq!(ladder.amount(u64::MAX), Err(ExactError::TooLarge));
    }
}
