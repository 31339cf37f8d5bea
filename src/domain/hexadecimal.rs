//! Bytes as hexadecimal digits.

/// Two digits for each byte, in small letters.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of twice as many digits; `None` for other text.
#[must_use]
pub fn from_hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_byte_is_two_digits() {
        assert_eq!(super::hexadecimal(&[0, 9, 0xa0, 0xff]), "0009a0ff");
        assert_eq!(super::from_hexadecimal("0009A0ff"), Some([0, 9, 0xa0, 0xff]));
        assert_eq!(super::from_hexadecimal::<2>("0g00"), None);
        assert_eq!(super::from_hexadecimal::<2>("000"), None);
    }
}
