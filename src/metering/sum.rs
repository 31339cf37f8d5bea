//! Sums of decimals, exact: nothing is rounded, and what would not fit is no sum.

use rust_decimal::Decimal;

/// The sum of decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum {
    mantissa: i128,
    /// Digits behind the point.
    scale: u32,
}

impl Sum {
    /// The sum with one more; `None` if it does not fit.
    pub(super) fn with(self, value: Decimal) -> Option<Self> {
        let scale = self.scale.max(value.scale());
        let at_scale =
            |mantissa: i128, from: u32| mantissa.checked_mul(10_i128.checked_pow(scale.checked_sub(from)?)?);
        let mantissa =
            at_scale(self.mantissa, self.scale)?.checked_add(at_scale(value.mantissa(), value.scale())?)?;
        Some(Self { mantissa, scale })
    }

    /// The sum as a decimal without zeros at its end; `None` if it has more digits than those have.
    pub(super) fn total(self) -> Option<Decimal> {
        let Self { mut mantissa, mut scale } = self;
        while scale > 0 && mantissa.checked_rem(10) == Some(0) {
            mantissa = mantissa.checked_div(10)?;
            scale = scale.checked_sub(1)?;
        }
        Decimal::try_from_i128_with_scale(mantissa, scale).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::money::parse_decimal;

    fn sum(texts: &[&str]) -> Option<String> {
        let sum = texts.iter().try_fold(Sum::default(), |sum, text| sum.with(parse_decimal(text).unwrap()));
        sum.and_then(Sum::total).map(|total| total.to_string())
    }

    #[test]
    fn a_sum_is_exact_or_none() {
        assert_eq!(sum(&[]).as_deref(), Some("0"));
        assert_eq!(sum(&["0.10", "0.20"]).as_deref(), Some("0.3"));
        assert_eq!(sum(&["100.00", "-0.005", "0.005"]).as_deref(), Some("100"));
        assert_eq!(
            sum(&["10", "0.0000000000000000000000000001", "-0.0000000000000000000000000001"]).as_deref(),
            Some("10")
        );
        assert_eq!(sum(&["79228162514264337593543950335", "0.1"]), None);
        assert_eq!(sum(&["79228162514264337593543950335"; 3]), None);
    }

    proptest! {
        #[test]
        fn the_order_makes_no_difference(values in prop::collection::vec((any::<i64>(), 0_u32..8), 0..20)) {
            let decimals = || values.iter().map(|(value, scale)| Decimal::new(*value, *scale));
            let add = |sum: Sum, value| sum.with(value).unwrap();
            let forwards = decimals().fold(Sum::default(), add).total();
            prop_assert_eq!(decimals().rev().fold(Sum::default(), add).total(), forwards);
            let in_hundred_millionths: i128 = values
                .iter()
                .map(|(value, scale)| i128::from(*value) * 10_i128.pow(8 - scale))
                .sum();
            prop_assert_eq!(forwards, Some(Decimal::from_i128_with_scale(in_hundred_millionths, 8)));
        }
    }
}
