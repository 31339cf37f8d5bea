//! Whether bytes that come in pieces are UTF-8, as JSON is (RFC 8259, section 8.1). In another encoding a quote may be half of
//! a sign, and what looks masked is not.

/// Where in UTF-8 the next byte stands.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Utf8 {
    /// The bytes that have come of a sign of several.
    begun: [u8; 4],
    length: u8,
}

/// It is not UTF-8.
pub(crate) struct NotUtf8;

impl Utf8 {
    /// Checks the next piece.
    pub(crate) fn check(&mut self, piece: &[u8]) -> Result<(), NotUtf8> {
        let mut rest = piece;
        while self.length > 0
            && let Some((byte, after)) = rest.split_first()
        {
            rest = after;
            self.go_on(*byte)?;
        }
        match simdutf8::compat::from_utf8(rest) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() => {
                rest[error.valid_up_to()..].iter().try_for_each(|byte| self.go_on(*byte))
            }
            Err(_) => Err(NotUtf8),
        }
    }

    /// Takes one more byte of a sign of several.
    fn go_on(&mut self, byte: u8) -> Result<(), NotUtf8> {
        let length = usize::from(self.length);
        *self.begun.get_mut(length).ok_or(NotUtf8)? = byte;
        match std::str::from_utf8(&self.begun[..=length]) {
            Ok(_) => self.length = 0,
            Err(error) if error.error_len().is_none() => self.length += 1,
            Err(_) => return Err(NotUtf8),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_utf8(pieces: &[&[u8]]) -> bool {
        let mut utf8 = Utf8::default();
        pieces.iter().all(|piece| utf8.check(piece).is_ok()) && utf8.length == 0
    }

    proptest! {
        #[test]
        fn pieces_are_utf8_if_the_whole_is(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..12),
                ".{0,12}".prop_map(String::into_bytes),
                prop::collection::vec(prop_oneof![Just(0xf0), Just(0x9f), Just(0x98), Just(0x80), Just(0xe6), Just(b'a')], 0..12),
            ],
            first: prop::sample::Index, second: prop::sample::Index,
        ) {
            let (first, second) = (first.index(bytes.len() + 1), second.index(bytes.len() + 1));
            let (first, second) = (first.min(second), first.max(second));
            let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
            prop_assert_eq!(is_utf8(&pieces), std::str::from_utf8(&bytes).is_ok());
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(is_utf8(&single), std::str::from_utf8(&bytes).is_ok());
        }
    }
}
