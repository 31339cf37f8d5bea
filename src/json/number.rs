//! The grammar of JSON numbers (RFC 8259, section 6), a byte at a time.

/// Where in a number the next byte stands: behind the part that it is called after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// The sign.
    Minus,
    /// A zero, behind which no digit may stand.
    Zero,
    /// Digits.
    Whole,
    /// The point.
    Point,
    /// Digits behind the point.
    Fraction,
    /// The `e`.
    Exponent,
    /// The sign of the exponent.
    Sign,
    /// Digits of the exponent.
    Power,
}

impl Number {
    /// The number that begins with `byte`, if one does.
    pub(crate) fn begin(byte: u8) -> Option<Self> {
        match byte {
            b'-' => Some(Self::Minus),
            b'0' => Some(Self::Zero),
            b'1'..=b'9' => Some(Self::Whole),
            _ => None,
        }
    }

    /// Behind `byte`; `None` if that is no part of the number.
    pub(crate) fn after(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Minus, b'0') => Some(Self::Zero),
            (Self::Minus, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Some(Self::Whole),
            (Self::Zero | Self::Whole, b'.') => Some(Self::Point),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Some(Self::Exponent),
            (Self::Exponent, b'+' | b'-') => Some(Self::Sign),
            (Self::Exponent | Self::Sign | Self::Power, b'0'..=b'9') => Some(Self::Power),
            _ => None,
        }
    }

    /// Whether the number may end here.
    pub(crate) fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Whole | Self::Fraction | Self::Power)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_number(text: &str) -> bool {
        let mut bytes = text.bytes();
        let begun = bytes.next().and_then(Number::begin);
        bytes
            .try_fold(begun, |part, byte| Some(part.and_then(|part| part.after(byte))))
            .flatten()
            .is_some_and(Number::may_end)
    }

    #[test]
    fn numbers_are_those_of_the_grammar() {
        for text in ["0", "-0", "7", "-12", "1.5", "0.0", "1e9", "1E+09", "-1.25e-3", "120"] {
            assert!(is_number(text), "{text}");
        }
        for text in
            ["", "-", "+1", "01", "1.", ".5", "1e", "1e+", "--1", "1.e1", "0x1", "1_0", "1..2", "1e1.5"]
        {
            assert!(!is_number(text), "{text}");
        }
    }
}
