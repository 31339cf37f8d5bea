//! Money: integer minor units of an ISO 4217 currency, and the one home of rounding.
//!
//! Prices are decimals with as many digits as they need; only what is posted is rounded, by a named [`Rounding`].

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

/// Why a money value is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a currency of ISO 4217.
    #[error("{0:?} is not an ISO 4217 currency code such as CNY")]
    UnknownCurrency(String),
    /// Not a decimal number.
    #[error("{0:?} is not a decimal amount such as 100.00")]
    NotDecimal(String),
    /// More digits after the point than the currency has.
    #[error("{value} has more digits than {currency} allows ({exponent} after the point)")]
    TooPrecise {
        /// The value as given.
        value: Decimal,
        /// The currency.
        currency: Currency,
        /// Digits after the point that the currency has.
        exponent: u32,
    },
    /// The value does not fit.
    #[error("the amount is too large")]
    Overflow,
    /// Two currencies in one sum.
    #[error("cannot add {right} to {left}: nothing is converted silently")]
    MixedCurrencies {
        /// The currency of the first.
        left: Currency,
        /// The currency of the second.
        right: Currency,
    },
}

/// A currency of ISO 4217 that has minor units (also zero of them, such as JPY).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    code: [u8; 3],
    exponent: u8,
}

impl Currency {
    /// The three-letter code.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).unwrap_or("XXX")
    }

    /// Digits after the decimal point.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        u32::from(self.exponent)
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let unknown = || MoneyError::UnknownCurrency(text.chars().take(16).collect());
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| unknown())?;
        let known = iso_currency::Currency::from_code(text).ok_or_else(unknown)?;
        let exponent = known.exponent().ok_or_else(unknown)?;
        Ok(Self { code, exponent: u8::try_from(exponent).map_err(|_| unknown())? })
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.code.cmp(&other.code)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// How a decimal becomes minor units. A plan names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// Half away from zero: 0.5 becomes 1, −0.5 becomes −1.
    HalfUp,
    /// Half to the even neighbour: 0.5 becomes 0, 1.5 becomes 2.
    HalfEven,
}

impl Rounding {
    /// The name used in policy files and on statements.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HalfUp => "half-up",
            Self::HalfEven => "half-even",
        }
    }

    /// The rounding of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::HalfUp, Self::HalfEven].into_iter().find(|rounding| rounding.name() == name)
    }

    /// `numerator ÷ denominator` as a whole number; `None` unless the denominator is above zero.
    pub(super) fn quotient(self, numerator: i128, denominator: i128) -> Option<i128> {
        if denominator <= 0 {
            return None;
        }
        let (toward_zero, rest) = (numerator / denominator, (numerator % denominator).abs());
        let is_away = match rest.cmp(&(denominator - rest)) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => self == Self::HalfUp || toward_zero % 2 != 0,
            std::cmp::Ordering::Greater => true,
        };
        Some(if is_away { toward_zero + numerator.signum() } else { toward_zero })
    }
}

/// A posted amount: minor units of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Amount {
    /// Minor units, such as 1/100 CNY.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Amount {
    /// Nothing, in a currency.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// From a decimal in major units that needs no rounding.
    ///
    /// # Errors
    /// [`MoneyError::TooPrecise`] if it has more digits than the currency; [`MoneyError::Overflow`].
    pub fn exact(value: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let normal = value.normalize();
        if normal.scale() > currency.exponent() {
            return Err(MoneyError::TooPrecise { value, currency, exponent: currency.exponent() });
        }
        Self::rounded(normal, currency, Rounding::HalfEven)
    }

    /// From a decimal in major units, rounded to minor units.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] if it does not fit.
    pub fn rounded(value: Decimal, currency: Currency, rounding: Rounding) -> Result<Self, MoneyError> {
        let power = |digits| 10_i128.checked_pow(digits);
        let numerator = power(currency.exponent()).and_then(|factor| value.mantissa().checked_mul(factor));
        let quotient = numerator
            .zip(power(value.scale()))
            .and_then(|(numerator, denominator)| rounding.quotient(numerator, denominator));
        let minor = quotient.and_then(|minor| i64::try_from(minor).ok()).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, currency })
    }

    /// Parses a plain decimal string such as `100.00` exactly.
    ///
    /// # Errors
    /// [`MoneyError`] if it is no decimal, too precise for the currency or too large.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        Self::exact(parse_decimal(text)?, currency)
    }

    /// The amount in major units.
    #[must_use]
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.minor, self.currency.exponent())
    }

    /// The sum, of one currency.
    ///
    /// # Errors
    /// [`MoneyError::MixedCurrencies`]; [`MoneyError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::MixedCurrencies { left: self.currency, right: other.currency });
        }
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, currency: self.currency })
    }

    /// The part of this amount that `part` is of `whole`, rounded to minor units. All three are at least zero, and the
    /// portion of the whole is the amount itself.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] if it does not fit, one is below zero, or there is no whole.
    pub fn portion(self, part: i64, whole: i64, rounding: Rounding) -> Result<Self, MoneyError> {
        if self.minor < 0 || part < 0 || whole <= 0 {
            return Err(MoneyError::Overflow);
        }
        let quotient = rounding.quotient(i128::from(self.minor) * i128::from(part), whole.into());
        let minor = quotient.and_then(|minor| i64::try_from(minor).ok()).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, currency: self.currency })
    }

    /// The same amount with the opposite sign.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] for the one value that has no opposite.
    pub fn negated(self) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_neg().ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, currency: self.currency })
    }
}

impl fmt::Display for Amount {
    /// The decimal with all digits of its currency, without the code: `100.00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_decimal(), f)
    }
}

/// Parses a plain decimal exactly: digits, at most one point, an optional minus; no exponent, no blanks.
///
/// # Errors
/// [`MoneyError::NotDecimal`] for anything else, also when it has more digits than 28.
pub fn parse_decimal(text: &str) -> Result<Decimal, MoneyError> {
    let invalid = || MoneyError::NotDecimal(text.chars().take(40).collect());
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !plain || !digits.starts_with(|first: char| first.is_ascii_digit()) || digits.ends_with('.') {
        return Err(invalid());
    }
    Decimal::from_str_exact(text).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cny() -> Currency {
        "CNY".parse().unwrap()
    }

    #[test]
    fn an_amount_is_exact_or_refused() {
        assert_eq!(Amount::parse("100.00", cny()).unwrap().minor, 10_000);
        assert_eq!(Amount::parse("100.000", cny()).unwrap().minor, 10_000);
        assert_eq!(Amount::parse("100", "JPY".parse().unwrap()).unwrap().minor, 100);
        assert_eq!(Amount::parse("-0.01", cny()).unwrap().to_string(), "-0.01");
        for bad in ["100.001", "1e2", "", " 1", "1 ", ".5", "5.", "+1", "1_000", "NaN", "1.2.3", "--1"] {
            assert!(Amount::parse(bad, cny()).is_err(), "{bad:?} was taken");
        }
        assert!(Amount::parse("99999999999999999999", cny()).is_err());
    }

    #[test]
    fn rounding_is_by_name() {
        let round = |text: &str, rounding| {
            Amount::rounded(parse_decimal(text).unwrap(), cny(), rounding).unwrap().minor
        };
        assert_eq!(round("0.005", Rounding::HalfUp), 1);
        assert_eq!(round("0.005", Rounding::HalfEven), 0);
        assert_eq!(round("-0.005", Rounding::HalfUp), -1);
        assert_eq!(round("0.015", Rounding::HalfEven), 2);
        assert_eq!(round("-0.015", Rounding::HalfEven), -2);
        assert_eq!(round("-0.0149999999999999999999999", Rounding::HalfEven), -1);
        assert_eq!(round("0.0050000000000000000000001", Rounding::HalfEven), 1);
    }

    #[test]
    fn a_portion_is_rounded_by_name_and_the_whole_is_itself() {
        let portion = |minor, part, whole, rounding| {
            Amount { minor, currency: cny() }.portion(part, whole, rounding).map(|amount| amount.minor)
        };
        assert_eq!(portion(3, 50, 100, Rounding::HalfUp), Ok(2));
        assert_eq!(portion(3, 50, 100, Rounding::HalfEven), Ok(2));
        assert_eq!(portion(1, 50, 100, Rounding::HalfEven), Ok(0));
        assert_eq!(portion(1, 50, 100, Rounding::HalfUp), Ok(1));
        assert_eq!(portion(i64::MAX, i64::MAX, i64::MAX, Rounding::HalfUp), Ok(i64::MAX));
        for (minor, part, whole) in [(i64::MAX, 3, 2), (1, 1, 0), (-1, 1, 1), (1, -1, 1)] {
            assert_eq!(portion(minor, part, whole, Rounding::HalfUp), Err(MoneyError::Overflow));
        }
    }

    #[test]
    fn an_unknown_currency_is_refused() {
        for bad in ["", "cny", "XXY", "CN", "CNYY", "¥"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad:?} was taken");
        }
    }

    proptest! {
        #[test]
        fn an_amount_survives_its_text(minor in -1_000_000_000_000_i64..1_000_000_000_000) {
            let amount = Amount { minor, currency: cny() };
            prop_assert_eq!(Amount::parse(&amount.to_string(), cny()).unwrap(), amount);
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,64}") {
            let _ = Amount::parse(&text, cny());
        }
    }
}
