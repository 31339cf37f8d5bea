//! Where a string may end: the quotes, backslashes and control characters of a piece, which are looked for in 64 bytes at once, for
//! strings are most of what JSON is.

use wide::u8x16;

/// Bytes that are looked at at once.
const BLOCK: usize = 64;

/// Finds what a string may end at, each block of a piece once as long as one goes forwards.
pub(crate) struct Stops<'p> {
    bytes: &'p [u8],
    /// The block that was looked at last.
    block: usize,
    /// Which of its bytes are such, the first by the lowest bit.
    found: u64,
}

impl<'p> Stops<'p> {
    /// Of a piece.
    pub(crate) fn of(bytes: &'p [u8]) -> Self {
        Self { bytes, block: usize::MAX, found: 0 }
    }

    /// The piece.
    pub(crate) fn bytes(&self) -> &'p [u8] {
        self.bytes
    }

    /// The place of the first from `at` on that is a quote, a backslash or a control character, or where the piece ends.
    #[inline(always)]
    pub(crate) fn next(&mut self, at: usize) -> usize {
        let block = at / BLOCK;
        if block != self.block {
            self.look_at(block);
        }
        match self.found >> (at % BLOCK) {
            0 => self.next_behind(block),
            found => at + found.trailing_zeros() as usize,
        }
    }

    #[inline(never)]
    fn next_behind(&mut self, block: usize) -> usize {
        for block in block + 1..self.bytes.len().div_ceil(BLOCK) {
            self.look_at(block);
            if self.found != 0 {
                return block * BLOCK + self.found.trailing_zeros() as usize;
            }
        }
        self.bytes.len()
    }

    #[inline(never)]
    fn look_at(&mut self, block: usize) {
        let bytes = self.bytes.get(block * BLOCK..).unwrap_or_default();
        self.block = block;
        self.found = match bytes.first_chunk() {
            Some(whole) => found(whole),
            None => {
                let mut whole = [b' '; BLOCK];
                whole[..bytes.len()].copy_from_slice(bytes);
                found(&whole)
            }
        };
    }
}

/// Which bytes a string may end at, the first by the lowest bit.
fn found(bytes: &[u8; BLOCK]) -> u64 {
    const LAST_CONTROL: u8 = 0x1f;
    let found = |bytes: &[u8; 16]| {
        let bytes = u8x16::new(*bytes);
        let signs = bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'));
        let controls = bytes.simd_eq(bytes.min(u8x16::splat(LAST_CONTROL)));
        u64::from((signs | controls).to_bitmask())
    };
    let (quarters, _) = bytes.as_chunks();
    quarters.iter().rev().fold(0, |all, quarter| all << 16 | found(quarter))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn many_bytes_at_once_are_as_one_by_one(
            bytes in prop::collection::vec(
                prop_oneof![40 => 0x20_u8.., 1 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\'), 1 => Just(0x1f)], 0..300,
            ),
            places in prop::collection::vec(any::<prop::sample::Index>(), 1..8),
        ) {
            let mut stops = Stops::of(&bytes);
            for place in places {
                let at = place.index(bytes.len() + 1);
                let slow = bytes[at..].iter().position(|byte| matches!(*byte, b'"' | b'\\' | ..0x20));
                prop_assert_eq!(stops.next(at), slow.map_or(bytes.len(), |slow| at + slow));
            }
        }
    }
}
