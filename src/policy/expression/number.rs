//! JSON numbers: which of them are whole, whatever their spelling. `1`, `1.0` and `10e-1` are one number, so that a
//! comparison with 1 holds for each.

/// The whole number that `text`, a number of JSON, is exactly; `None` if it has a fraction or more than 64 bits.
#[must_use]
pub(super) fn whole(text: &str) -> Option<i64> {
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{before}{after}");
    let digits = digits.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    // Zeros at the end of the digits move the point instead. An exponent beyond 64 bits is that of no whole number
    // that fits.
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let after = i64::try_from(after.len()).ok()?;
    let point = exponent.parse::<i64>().ok()?.checked_add(zeros)?.checked_sub(after)?;
    let point = usize::try_from(point).ok().filter(|point| *point < 20)?;
    format!("{sign}{significant}{}", "0".repeat(point)).parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;

    #[test]
    fn one_number_is_one_value_however_it_is_spelled() {
        for (text, value) in [
            ("1", Some(1)),
            ("1.0", Some(1)),
            ("1.000", Some(1)),
            ("10e-1", Some(1)),
            ("0.1E+1", Some(1)),
            ("-1.5e1", Some(-15)),
            ("-0.0", Some(0)),
            ("0e99999999999999999999", Some(0)),
            ("9223372036854775807.0", Some(i64::MAX)),
            ("-9223372036854775808e0", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("1.5", None),
            ("1e-1", None),
            ("1e400", None),
            ("1e99999999999999999999", None),
            ("1e-99999999999999999999", None),
        ] {
            assert_eq!(whole(text), value, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_whole_if_its_exact_decimal_is(value: i32, scale in 0_u32..12, exponent in -6_i32..6) {
            let text = format!("{}e{exponent}", Decimal::new(i64::from(value), scale));
            let shift = Decimal::from(10_i64.pow(exponent.unsigned_abs()));
            let mantissa = Decimal::new(i64::from(value), scale);
            let exact = if exponent < 0 { mantissa / shift } else { mantissa * shift };
            let expected = exact.fract().is_zero().then(|| i64::try_from(exact).unwrap());
            prop_assert_eq!(whole(&text), expected);
        }
    }
}
