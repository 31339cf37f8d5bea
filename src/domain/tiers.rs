//! Tiers of a revenue share: what the net amount of many sales comes to together. Pure.
//!
//! The total is a function of the net amount alone, rounded once. What one sale gives is taken where the net amount stands with it; what
//! the total moves by beside that is the tiers', and not the sale's.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::fmt::Write as _;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::exact::{Exact, ExactError};
use super::ladder::{Bands, Disordered, Ladder, Rate, Steps};
use super::money::{Amount, Currency, Rounding};

/// What tiers say. Amounts are minor units of the tariff's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierTerms {
    /// How bands are walked.
    pub walk: Walk,
    /// The bands by rising amount.
    pub bands: Vec<TierBand>,
    /// Over which time sales are summed up.
    pub over: Over,
    /// Whose sales are.
    pub across: Across,
    /// The least that a net amount comes to, as far as it goes.
    pub floor: Option<i64>,
    /// The most.
    pub cap: Option<i64>,
}

/// How bands are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// Each part of the net amount gives what the band gives in which it lies.
    Graduated,
    /// All of it gives what the band gives that it reaches.
    Volume,
}

/// A band of net amounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierBand {
    /// Where it ends, that amount within; the last band does not.
    pub up_to: Option<i64>,
    /// The percentage, 0 to 100.
    pub percent: Decimal,
}

/// Over which time sales are summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Over {
    /// Those of a month, by the platform's zone.
    #[default]
    Month,
    /// All that there ever were.
    Lifetime,
}

impl Over {
    /// The name used in policies and in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Lifetime => "lifetime",
        }
    }

    /// That of this [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Month, Self::Lifetime].into_iter().find(|over| over.name() == name)
    }
}

/// Whose sales are summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Across {
    /// Those of an app.
    #[default]
    App,
    /// Those of all apps of a partner.
    Partner,
}

impl Across {
    /// The name used in policies and in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Partner => "partner",
        }
    }

    /// That of this [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::App, Self::Partner].into_iter().find(|across| across.name() == name)
    }
}

/// Why something is no tiers. Places count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TierError {
    /// A percentage that is none.
    #[error("{0} is no percentage: it is from 0 to 100, with up to 12 digits after the point")]
    Percent(Decimal),
    /// There are no bands.
    #[error("there is no band: the last, or only, one has a percent and no up_to")]
    NoBand,
    /// A band that has no end and is not the last.
    #[error("band {0} has no up_to, and is not the last: every band but the last ends with an amount")]
    Endless(usize),
    /// The last band ends.
    #[error("band {0} is the last, and has an up_to: the last band goes on without an end")]
    LastEnds(usize),
    /// Bands that do not rise: the place of one that ends where it has not begun.
    #[error("band {0} ends no later than the one before it: bands stand by rising up_to")]
    Disordered(usize),
    /// A floor that no amount can come to.
    #[error("the floor is above the cap")]
    Bounds,
}

/// A price for net amounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiers {
    terms: TierTerms,
    ladder: Ladder,
    words: Arc<str>,
}

/// In which minor units, and how they are rounded.
pub type Units = (Currency, Rounding);

impl Tiers {
    /// The price that says `terms`, with amounts of a currency.
    ///
    /// # Errors
    /// [`TierError`].
    pub fn new(terms: TierTerms, currency: Currency) -> Result<Self, TierError> {
        let bands = bands_of(&terms.bands)?;
        if terms.floor.zip(terms.cap).is_some_and(|(floor, cap)| floor > cap) {
            return Err(TierError::Bounds);
        }
        let steps = match terms.walk {
            Walk::Graduated => Steps::Graduated(bands),
            Walk::Volume => Steps::Volume(bands),
        };
        let words = spelled_out(&terms, currency).into();
        Ok(Self { terms, ladder: Ladder { steps, cap: None }, words })
    }

    /// What it says.
    #[must_use]
    pub fn terms(&self) -> &TierTerms {
        &self.terms
    }

    /// The same in words, such as `graduated by the net amount of a month: 2.5% to 1000000.00, 2% beyond`.
    #[must_use]
    pub fn words(&self) -> &Arc<str> {
        &self.words
    }

    /// Whether it has amounts, which are of one currency.
    #[must_use]
    pub fn has_amounts(&self) -> bool {
        let TierTerms { bands, floor, cap, .. } = &self.terms;
        bands.len() > 1 || floor.is_some() || cap.is_some()
    }

    /// What a net amount comes to, rounded once. Never more than the amount itself.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn total(&self, net: i64, units: Units) -> Result<i64, ExactError> {
        Ok(self.bounded(self.plain(net, units)?, net))
    }

    /// What a sale gives whose `base` comes on top of a net amount `before`: by the band that is reached then, or by the bands in which it
    /// lies. From nothing to all of it.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn taken(&self, (before, base): (i64, i64), units: Units) -> Result<i64, ExactError> {
        let after = before.checked_add(base).ok_or(ExactError::TooLarge)?;
        let total = self.total(after, units)?;
        // Where a bound says what all comes to, the band does not.
        let is_bounded = total != self.plain(after, units)?;
        let taken = match self.terms.walk {
            Walk::Volume if !is_bounded => {
                let each = Exact::of_percent(self.percent_at(after))?;
                each.times(base)?.rounded(units.0, units.1)?.minor
            }
            Walk::Volume | Walk::Graduated => {
                total.checked_sub(self.total(before, units)?).ok_or(ExactError::TooLarge)?
            }
        };
        Ok(taken.min(base).max(0))
    }

    /// What the bands say of minor units, exactly.
    #[must_use]
    pub fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    /// The percentage of the band that a net amount reaches.
    #[must_use]
    pub fn percent_at(&self, net: i64) -> Decimal {
        let is_within = |band: &&TierBand| band.up_to.is_none_or(|up_to| net <= up_to);
        self.terms.bands.iter().find(is_within).map_or(Decimal::ZERO, |band| band.percent)
    }

    /// What the bands alone say.
    fn plain(&self, net: i64, (currency, rounding): Units) -> Result<i64, ExactError> {
        let exact = self.ladder.amount(u64::try_from(net).unwrap_or(0))?;
        Ok(exact.rounded(currency, rounding)?.minor)
    }

    fn bounded(&self, plain: i64, net: i64) -> i64 {
        let raised = self.terms.floor.map_or(plain, |floor| plain.max(floor));
        let capped = self.terms.cap.map_or(raised, |cap| raised.min(cap));
        capped.min(net).max(0)
    }
}

fn bands_of(bands: &[TierBand]) -> Result<Bands, TierError> {
    let rate = |band: &TierBand| {
        let percent = band.percent;
        let is_one = percent >= Decimal::ZERO && percent <= Decimal::ONE_HUNDRED;
        let each = is_one.then(|| Exact::of_percent(percent).ok()).flatten();
        Ok::<_, TierError>(Rate { each: each.ok_or(TierError::Percent(percent))?, flat: Exact::ZERO })
    };
    let (last, below) = bands.split_last().ok_or(TierError::NoBand)?;
    let mut ending = Vec::with_capacity(below.len());
    for (band, place) in below.iter().zip(1..) {
        let ends = band.up_to.ok_or(TierError::Endless(place))?;
        let ends = u64::try_from(ends).map_err(|_| TierError::Disordered(place))?;
        ending.push((ends, rate(band)?));
    }
    if last.up_to.is_some() {
        return Err(TierError::LastEnds(bands.len()));
    }
    let ends: Vec<u64> = ending.iter().map(|(ends, _)| *ends).collect();
    Bands::new(ending, rate(last)?).map_err(|Disordered { before, ends: wrong }| {
        let befores = [0].into_iter().chain(ends.iter().copied());
        let place = befores.zip(&ends).position(|(last, ends)| (last, *ends) == (before, wrong));
        TierError::Disordered(place.map_or(1, |place| place.saturating_add(1)))
    })
}

fn spelled_out(terms: &TierTerms, currency: Currency) -> String {
    let TierTerms { walk, bands, over, across, floor, cap } = terms;
    let money = |minor: i64| Amount { minor, currency };
    let mut text = String::from(match walk {
        Walk::Graduated => "graduated",
        Walk::Volume => "volume",
    });
    text.push_str(match over {
        Over::Month => " by the net amount of a month",
        Over::Lifetime => " by the net amount of all time",
    });
    text.push_str(match across {
        Across::App => ": ",
        Across::Partner => " of all apps of the partner: ",
    });
    let band = |band: &TierBand| {
        let percent = band.percent.normalize();
        match band.up_to {
            Some(up_to) => format!("{percent}% to {}", money(up_to)),
            None if bands.len() == 1 => format!("{percent}%"),
            None => format!("{percent}% beyond"),
        }
    };
    text.push_str(&bands.iter().map(band).collect::<Vec<_>>().join(", "));
    // Writing to a text cannot fail.
    if let Some(floor) = floor {
        let _ = write!(text, "; at least {}", money(*floor));
    }
    if let Some(cap) = cap {
        let _ = write!(text, "; at most {}", money(*cap));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test may fail loudly")]

    use super::*;

    fn tiers(walk: Walk, bounds: (Option<i64>, Option<i64>)) -> Tiers {
        let band = |up_to, tenths| TierBand { up_to, percent: Decimal::new(tenths, 1) };
        let bands = vec![band(Some(100_000), 25), band(Some(1_000_000), 20), band(None, 10)];
        let (over, across, (floor, cap)) = (Over::Month, Across::App, bounds);
        Tiers::new(TierTerms { walk, bands, over, across, floor, cap }, units().0).unwrap()
    }

    fn units() -> Units {
        ("CNY".parse().unwrap(), Rounding::HalfUp)
    }

    #[track_caller]
    fn check(tiers: &Tiers, net: i64, expected: i64) {
        assert_eq!(tiers.total(net, units()), Ok(expected), "{net} by {}", tiers.words());
    }

    #[test]
    fn a_net_amount_comes_to_what_its_bands_and_bounds_say() {
        let graduated = tiers(Walk::Graduated, (None, None));
        for (net, minor) in [(0, 0), (20, 1), (100_000, 2_500), (200_000, 4_500), (2_000_000, 30_500)] {
            check(&graduated, net, minor);
        }
        let volume = tiers(Walk::Volume, (None, None));
        for (net, minor) in [(0, 0), (100_000, 2_500), (100_050, 2_001), (2_000_000, 20_000)] {
            check(&volume, net, minor);
        }
        let bounded = tiers(Walk::Graduated, (Some(1_000), Some(4_000)));
        for (net, minor) in [(0, 0), (300, 300), (30_000, 1_000), (50_000, 1_250), (200_000, 4_000)] {
            check(&bounded, net, minor);
        }
    }

    #[test]
    fn a_sale_gives_what_its_position_says() {
        let taken = |tiers: &Tiers, before, base| tiers.taken((before, base), units()).unwrap();
        let graduated = tiers(Walk::Graduated, (None, None));
        assert_eq!((taken(&graduated, 0, 10_000), taken(&graduated, 95_000, 10_000)), (250, 225));
        let volume = tiers(Walk::Volume, (None, None));
        assert_eq!((taken(&volume, 95_000, 10_000), taken(&volume, 200_000, 10_000)), (200, 200));
        let bounded = tiers(Walk::Volume, (None, Some(2_100)));
        assert_eq!((taken(&bounded, 95_000, 9_000), taken(&bounded, 105_000, 9_000)), (180, 0));
    }

    #[test]
    fn what_is_no_tiers_is_refused() {
        let made = |ends: &[Option<i64>], percent: i64| {
            let bands =
                ends.iter().map(|up_to| TierBand { up_to: *up_to, percent: percent.into() }).collect();
            let (walk, over, across) = (Walk::Volume, Over::Month, Across::App);
            Tiers::new(TierTerms { walk, bands, over, across, floor: None, cap: None }, units().0).err()
        };
        assert_eq!(made(&[None], 3), None);
        assert_eq!(made(&[], 3), Some(TierError::NoBand));
        assert_eq!(made(&[None, None], 3), Some(TierError::Endless(1)));
        assert_eq!(made(&[Some(5)], 3), Some(TierError::LastEnds(1)));
        assert_eq!(made(&[Some(5), Some(9), Some(9), None], 3), Some(TierError::Disordered(3)));
        assert_eq!(made(&[Some(0), None], 3), Some(TierError::Disordered(1)));
        assert_eq!(made(&[Some(-5), None], 3), Some(TierError::Disordered(1)));
        assert_eq!(made(&[None], 101), Some(TierError::Percent(101.into())));
    }

    #[test]
    fn tiers_are_told_in_words() {
        let told = tiers(Walk::Graduated, (None, Some(4_000)));
        let words = "graduated by the net amount of a month: 2.5% to 1000.00, 2% to 10000.00, 1% beyond; at most 40.00";
        assert_eq!(&**told.words(), words);
    }
}
