//! Exact sums of money on their way to an amount: nothing is rounded before [`Exact::rounded`], and what does not fit is an
//! error, never a wrong figure.
//!
//! The unit is 10^-14 of a minor unit. A price with 12 digits after the point is whole in it, in a currency of any exponent;
//! so is a percentage with 12 digits, of any number of minor units. There is room for some 10^24 minor units.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use rust_decimal::Decimal;

use super::money::{Amount, Currency, Rounding};

/// Digits behind a minor unit.
const DIGITS: u32 = 14;
/// Digits behind a percentage: it is of hundreds.
const PERCENT_DIGITS: u32 = DIGITS - 2;
/// A minor unit.
const MINOR: i128 = 10_i128.pow(DIGITS);

/// Why a sum is not exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExactError {
    /// More digits after the point than there is room for.
    #[error("{0} has more digits after the point than are counted exactly (12)")]
    TooFine(Decimal),
    /// It does not fit.
    #[error("the amount is too large")]
    TooLarge,
}

/// A text that is no exact sum of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no exact sum of money such as 0.0125")]
pub struct NoExact;

/// An exact sum of money in some currency's minor units and parts of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Exact(i128);

impl Exact {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A whole number of minor units.
    #[must_use]
    pub fn of_minor(minor: i64) -> Self {
        // The largest is less than 10^33: it fits.
        Self(i128::from(minor).saturating_mul(MINOR))
    }

    /// A price in major units of a currency.
    ///
    /// # Errors
    /// [`ExactError`].
    pub fn of_price(price: Decimal, currency: Currency) -> Result<Self, ExactError> {
        scaled(price, DIGITS.saturating_add(currency.exponent()))
    }

    /// A percentage, of each minor unit that it is taken of.
    ///
    /// # Errors
    /// [`ExactError`].
    pub fn of_percent(percent: Decimal) -> Result<Self, ExactError> {
        scaled(percent, PERCENT_DIGITS)
    }

    /// So many times this.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn times(self, count: impl Into<i128>) -> Result<Self, ExactError> {
        self.0.checked_mul(count.into()).map(Self).ok_or(ExactError::TooLarge)
    }

    /// The sum.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn plus(self, other: Self) -> Result<Self, ExactError> {
        self.0.checked_add(other.0).map(Self).ok_or(ExactError::TooLarge)
    }

    /// What is left of it without the other, which may be below zero.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn minus(self, other: Self) -> Result<Self, ExactError> {
        self.0.checked_sub(other.0).map(Self).ok_or(ExactError::TooLarge)
    }

    /// Whether it is a whole number of minor units.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.0.checked_rem_euclid(MINOR) == Some(0)
    }

    /// The least whole number of minor units above it.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn next_whole(self) -> Result<Self, ExactError> {
        let whole = self.0.checked_div_euclid(MINOR).and_then(|whole| whole.checked_add(1));
        whole.and_then(|whole| whole.checked_mul(MINOR)).map(Self).ok_or(ExactError::TooLarge)
    }

    /// How many of `part`, which is above zero, come to it at least.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`], also if there is no such number.
    pub fn parts(self, part: Self) -> Result<u64, ExactError> {
        let beyond = part.0.checked_sub(1).and_then(|rest| self.0.checked_add(rest));
        let parts = beyond.and_then(|beyond| beyond.checked_div_euclid(part.0));
        parts.and_then(|parts| u64::try_from(parts).ok()).ok_or(ExactError::TooLarge)
    }

    /// It in major units of a currency, with every digit that says something, such as `0.0125`.
    #[must_use]
    pub fn in_major(self, currency: Currency) -> String {
        let digits = places(currency);
        let text = format!("{:0>1$}", self.0.unsigned_abs(), digits.saturating_add(1));
        let (whole, part) = text.split_at(text.len().saturating_sub(digits));
        let sign = if self.0 < 0 { "-" } else { "" };
        match part.trim_end_matches('0') {
            "" => format!("{sign}{whole}"),
            part => format!("{sign}{whole}.{part}"),
        }
    }

    /// What [`Self::in_major`] wrote.
    ///
    /// # Errors
    /// [`NoExact`], also if it has more digits than are counted.
    pub fn of_major(text: &str, currency: Currency) -> Result<Self, NoExact> {
        let (sign, unsigned) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = places(currency);
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || part.len() > digits || !is_number(whole) || !is_number(part) {
            return Err(NoExact);
        }
        let counted: i128 = format!("{whole}{part:0<digits$}").parse().map_err(|_| NoExact)?;
        counted.checked_mul(sign).map(Self).ok_or(NoExact)
    }

    /// The amount that this is in a currency.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn rounded(self, currency: Currency, rounding: Rounding) -> Result<Amount, ExactError> {
        let minor = rounding.quotient(self.0, MINOR).and_then(|minor| i64::try_from(minor).ok());
        Ok(Amount { minor: minor.ok_or(ExactError::TooLarge)?, currency })
    }
}

/// Digits behind a major unit of a currency.
fn places(currency: Currency) -> usize {
    usize::try_from(DIGITS.saturating_add(currency.exponent())).unwrap_or(usize::MAX)
}

/// `value` × 10^`digits`, if that is whole.
fn scaled(value: Decimal, digits: u32) -> Result<Exact, ExactError> {
    let value = value.normalize();
    let zeros = digits.checked_sub(value.scale()).ok_or(ExactError::TooFine(value))?;
    let factor = 10_i128.checked_pow(zeros).ok_or(ExactError::TooLarge)?;
    Exact(value.mantissa()).times(factor)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;
    use crate::domain::money::parse_decimal;

    fn price(text: &str, currency: &str) -> Result<Exact, ExactError> {
        Exact::of_price(parse_decimal(text).unwrap(), currency.parse().unwrap())
    }

    #[test]
    fn a_price_of_any_currency_is_whole_with_twelve_digits() {
        for (currency, a_hundred) in [("JPY", 100), ("CNY", 10_000), ("KWD", 100_000)] {
            let currency_of = currency.parse().unwrap();
            let round = |exact: Exact| exact.rounded(currency_of, Rounding::HalfUp).unwrap().minor;
            assert_eq!(round(price("100", currency).unwrap()), a_hundred);
            let least = price("0.000000000001", currency).unwrap();
            assert_eq!(round(least.times(100_000_000_000_000_u64).unwrap()), a_hundred, "{currency}");
        }
        assert!(matches!(price("0.00000000000000001", "CNY"), Err(ExactError::TooFine(_))));
        assert_eq!(price("0.010000000000000000", "CNY"), price("0.01", "CNY"), "zeros are no digits");
    }

    #[test]
    fn a_sum_is_read_as_it_is_written_in_major_units() {
        for (currency, text) in [
            ("CNY", "0"),
            ("CNY", "100"),
            ("CNY", "0.0125"),
            ("CNY", "-12.5"),
            ("CNY", "0.000000000001"),
            ("JPY", "100.5"),
            ("KWD", "-0.00000000000000001"),
            ("CNY", "1000000000000000000000"),
        ] {
            let currency = currency.parse().unwrap();
            let exact = Exact::of_major(text, currency).unwrap();
            assert_eq!(exact.in_major(currency), text);
        }
        assert_eq!(Exact::of_major("0.010", "CNY".parse().unwrap()), Ok(price("0.01", "CNY").unwrap()));
        let cny = "CNY".parse().unwrap();
        for no in ["", "-", ".5", "1,5", "+1", "1.2.3", " 1", "0.00000000000000001", "9".repeat(30).as_str()]
        {
            assert_eq!(Exact::of_major(no, cny), Err(NoExact), "{no:?}");
        }
    }

    #[test]
    fn a_percentage_is_of_minor_units() {
        let percent = Exact::of_percent(parse_decimal("2.5").unwrap()).unwrap();
        let amount =
            percent.times(10_000).unwrap().rounded("CNY".parse().unwrap(), Rounding::HalfUp).unwrap();
        assert_eq!(amount.to_string(), "2.50");
        assert!(Exact::of_percent(parse_decimal("0.0000000000001").unwrap()).is_err());
    }

    #[test]
    fn the_next_whole_is_above_also_of_a_whole() {
        let next = |exact: Exact| exact.next_whole().unwrap();
        assert_eq!(next(price("0.014", "CNY").unwrap()), Exact::of_minor(2));
        assert_eq!(next(Exact::of_minor(2)), Exact::of_minor(3));
        assert_eq!(next(Exact::ZERO.minus(Exact(1)).unwrap()), Exact::ZERO);
        assert!(Exact::of_minor(-3).is_whole() && !price("0.014", "CNY").unwrap().is_whole());
        assert_eq!(Exact(i128::MAX).next_whole(), Err(ExactError::TooLarge));
        let parts = |sum: &str| price(sum, "CNY").unwrap().parts(price("0.03", "CNY").unwrap());
        assert_eq!(["0", "0.03", "0.0301", "0.06"].map(parts), [Ok(0), Ok(1), Ok(2), Ok(2)]);
        assert_eq!(Exact::of_minor(1).parts(Exact::ZERO), Err(ExactError::TooLarge));
        assert_eq!(Exact(i128::MIN).minus(Exact(1)), Err(ExactError::TooLarge));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let cny = "CNY".parse().unwrap();
        let most = Exact::of_minor(i64::MAX);
        assert_eq!(most.rounded(cny, Rounding::HalfEven).unwrap().minor, i64::MAX);
        let beyond = most.plus(Exact::of_minor(1)).unwrap();
        assert_eq!(beyond.rounded(cny, Rounding::HalfEven), Err(ExactError::TooLarge));
        assert_eq!(most.times(u64::MAX), Err(ExactError::TooLarge));
        assert_eq!(Exact(i128::MAX).plus(Exact(1)), Err(ExactError::TooLarge));
        assert_eq!(price("79228162514264337593543950335", "KWD"), Err(ExactError::TooLarge));
    }
}
