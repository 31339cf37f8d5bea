//! Where a string may end: at a quote, a backslash or a control character. They are looked for in 16 bytes at once, for strings are most
//! of what JSON is.

use wide::u8x16;

/// Bytes that are looked at at once.
pub(crate) const BLOCK: usize = 16;

/// The place of the first byte of a piece from `at` on that is a quote, a backslash or a control character, or where the piece ends.
#[inline(always)]
pub(crate) fn next_stop(piece: &[u8], mut at: usize) -> usize {
    while let Some(block) = piece.get(at..).and_then(<[u8]>::first_chunk) {
        match first_stop(block) {
            Some(length) => return at + length,
            None => at += BLOCK,
        }
    }
    next_of_few(piece, at)
}

/// The same where less than a block is left.
#[inline(never)]
fn next_of_few(piece: &[u8], at: usize) -> usize {
    let rest = piece.get(at..).unwrap_or_default();
    rest.iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | ..b' '))
        .map_or(piece.len(), |length| at + length)
}

/// The place in a block of the first such byte.
#[inline(always)]
pub(crate) fn first_stop(block: &[u8; BLOCK]) -> Option<usize> {
    let bytes = u8x16::new(*block);
    // With this bit turned, a quote is where a blank was, next to the control characters, and a blank is not.
    let turned = bytes ^ u8x16::splat(b'"' ^ b' ');
    let quotes_and_controls = turned.simd_eq(turned.min(u8x16::splat(b' ')));
    let found = (quotes_and_controls | bytes.simd_eq(u8x16::splat(b'\\'))).to_bitmask();
    (found != 0).then(|| found.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn many_bytes_at_once_are_as_one_by_one(
            bytes in prop::collection::vec(
                prop_oneof![40 => 0x20_u8.., 1 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\'), 1 => Just(0x1f)], 0..100,
            ),
            at: prop::sample::Index,
        ) {
            let at = at.index(bytes.len() + 1);
            let slow = bytes[at..].iter().position(|byte| matches!(*byte, b'"' | b'\\' | ..0x20));
            prop_assert_eq!(next_stop(&bytes, at), slow.map_or(bytes.len(), |slow| at + slow));
        }
    }
}
