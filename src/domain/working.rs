//! How the amount of a statement's line is reckoned, and the name by which a line is known.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::fmt;
use std::str::FromStr;

use super::exact::{Exact, ExactError};
use super::money::{Amount, Rounding};
use super::running_total::Units;
use super::tariff::{Part, Step};

/// How the amount of a line of fees is reckoned. All units of its item that were used in its service period under its plan version, up
/// to its statement, come to something; what other statements have of that is taken off. So a statement says by itself what each of
/// its fees is, also where the price of a unit hangs on those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Working {
    /// How all units are reckoned.
    pub steps: Vec<Step>,
    /// What they come to.
    pub exact: Exact,
    /// How that is rounded.
    pub rounding: Rounding,
    /// What of it is billed on other statements: of periods before, or of the same one to another partner.
    pub billed_before: Amount,
    /// The places, from 1, of the other lines of the statement with which the line comes to the rest.
    pub with: Vec<u32>,
}

impl Working {
    /// What the line comes to, together with those [`Self::with`] it.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn comes_to(&self) -> Result<Amount, ExactError> {
        let Amount { minor: before, currency } = self.billed_before;
        let whole = self.exact.rounded(currency, self.rounding)?;
        let minor = whole.minor.checked_sub(before).ok_or(ExactError::TooLarge)?;
        Ok(Amount { minor, currency })
    }

    /// The units that its steps are of; none if there are more than can be counted.
    #[must_use]
    pub fn units(&self) -> Option<Units> {
        let mut units = Units::default();
        for Step { of, units: some, .. } in &self.steps {
            match of {
                Part::Promotion(place) => {
                    let place = usize::try_from(place.checked_sub(1)?).ok()?;
                    // Those without units have no step.
                    units.promoted.resize(units.promoted.len().max(place.saturating_add(1)), 0);
                    *units.promoted.get_mut(place)? = *some;
                }
                Part::Free | Part::Each | Part::Band(_) | Part::Packages(_) | Part::Cap => {
                    units.all = units.all.checked_add(*some)?;
                }
            }
            if *of == Part::Free {
                units.free = *some;
            }
        }
        Some(units)
    }
}

/// The name of a line of a final statement: the statement's number, and the line's place on it, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineName {
    /// The number.
    pub statement: i64,
    /// The place.
    pub place: u32,
}

impl fmt::Display for LineName {
    /// `41.3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.statement, self.place)
    }
}

/// A text that names no line of a final statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a statement's number and the place of a line on it, such as 41.3")]
pub struct NoLineName;

impl FromStr for LineName {
    type Err = NoLineName;

    fn from_str(text: &str) -> Result<Self, NoLineName> {
        fn number<T: FromStr + Ord + From<u8>>(text: &str) -> Option<T> {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
            text.parse().ok().filter(|number| is_plain && *number > T::from(0))
        }
        let (statement, place) = text.split_once('.').ok_or(NoLineName)?;
        let name = number(statement).zip(number(place));
        name.map(|(statement, place)| Self { statement, place }).ok_or(NoLineName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ladder::Rate;

    #[test]
    fn a_line_s_name_is_read_as_it_is_written() {
        for (text, statement, place) in
            [("41.3", 41, 3), ("1.1", 1, 1), ("9000000000.120", 9_000_000_000, 120)]
        {
            let name = LineName { statement, place };
            assert_eq!((name.to_string().as_str(), text.parse()), (text, Ok(name)));
        }
        for wrong in
            ["", "41", "41.", ".3", "0.1", "1.0", "01.1", "1.01", "+1.1", "-1.1", "1.1.1", "1.x", "a b"]
        {
            assert_eq!(wrong.parse::<LineName>(), Err(NoLineName), "{wrong:?}");
        }
    }

    #[test]
    fn the_units_of_its_steps_are_counted_by_their_part_of_the_price() {
        let currency = "CNY".parse().unwrap();
        let step = |of, units| Step::new(of, units, Rate::default()).unwrap();
        let packages = Part::Packages(100.try_into().unwrap());
        let parts = [
            (Part::Free, 2),
            (Part::Band(1), 10),
            (Part::Band(2), 3),
            (Part::Promotion(2), 7),
            (Part::Cap, 0),
        ];
        for (parts, expected) in [
            (&parts[..], Units { all: 15, free: 2, promoted: vec![0, 7] }),
            (&[(packages, 250)], Units { all: 250, free: 0, promoted: Vec::new() }),
            (&[], Units::default()),
        ] {
            let working = Working {
                steps: parts.iter().map(|(of, units)| step(*of, *units)).collect(),
                exact: Exact::ZERO,
                rounding: Rounding::HalfUp,
                billed_before: Amount::zero(currency),
                with: Vec::new(),
            };
            assert_eq!(working.units(), Some(expected));
        }
        let too_many = [(Part::Each, u64::MAX), (Part::Free, 1)].map(|(of, units)| step(of, units)).to_vec();
        let (exact, rounding, billed_before) = (Exact::ZERO, Rounding::HalfUp, Amount::zero(currency));
        let working = Working { steps: too_many, exact, rounding, billed_before, with: Vec::new() };
        assert_eq!(working.units(), None);
    }

    #[test]
    fn a_line_is_what_all_units_come_to_less_what_was_billed_before() {
        let currency = "CNY".parse().unwrap();
        let working = |exact: &str, rounding, before| Working {
            steps: Vec::new(),
            exact: Exact::of_major(exact, currency).unwrap(),
            rounding,
            billed_before: Amount { minor: before, currency },
            with: Vec::new(),
        };
        let minor = |working: Working| working.comes_to().map(|amount| amount.minor);
        assert_eq!(minor(working("1.245", Rounding::HalfUp, 100)), Ok(25));
        assert_eq!(minor(working("1.245", Rounding::HalfEven, 100)), Ok(24));
        assert_eq!(minor(working("0.5", Rounding::HalfUp, 100)), Ok(-50), "a volume price that has fallen");
        assert_eq!(minor(working("0.5", Rounding::HalfUp, i64::MIN)), Err(ExactError::TooLarge));
    }
}
