//! Bytes as hexadecimal digits.

/// Two digits for each byte, in small letters.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_byte_is_two_digits() {
        assert_eq!(super::hexadecimal(&[0, 9, 0xa0, 0xff]), "0009a0ff");
    }
}
