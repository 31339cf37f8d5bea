//! What stands between two strings, numbers or words of a text, and how it is looked for.

use std::ops::Range;

use wide::u8x16;

use super::output::Output;
use crate::json::member::{AHEAD, plain_length};

/// Bytes that are compared at once.
const BLOCK: usize = 16;
/// Bytes of a text in which a usual part stands and the scalar behind it begins.
pub(super) const WINDOW: usize = 2 * BLOCK + AHEAD;
/// All of them are the same.
const ALL: u32 = 0xffff;

/// What becomes of a scalar, which is a string, a number or a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    /// It leaves.
    Shown,
    /// It is masked unless it is null.
    MaskedUnlessNull,
    /// It is masked.
    Masked,
}

impl Scalar {
    /// Whether one that begins with that byte is masked.
    #[inline]
    pub(super) fn is_masked(self, first: u8) -> bool {
        match self {
            Self::Shown => false,
            Self::MaskedUnlessNull => first != b'n',
            Self::Masked => true,
        }
    }
}

pub(super) type PartId = u8;
pub(super) type PlaceId = u8;

/// What stands between two scalars.
#[derive(Debug)]
pub(super) struct Part {
    /// The bytes with which it begins, and which of these are not its own, the first by the lowest bit.
    begin: u8x16,
    foreign: u32,
    /// The bytes with which it ends, if it is longer than that.
    end: u8x16,
    /// Where it stands among the bytes that are known.
    start: u16,
    length: u16,
    /// Where masking begins or ends in it, among the turns that are known.
    turns: Range<u16>,
    /// What becomes of the scalar behind it.
    scalar: Scalar,
    /// Whether it leaves, and the scalar behind it too.
    is_shown: bool,
    pub(super) id: PartId,
    pub(super) from: PlaceId,
    pub(super) to: PlaceId,
    /// The parts that came behind its scalar last.
    pub(super) next: [PartId; 2],
}

impl Part {
    /// Stands for no part; there are fewer.
    pub(super) const NONE: PartId = PartId::MAX;

    /// A part of these bytes, which stand there among those that are known.
    pub(super) fn new(id: PartId, (part, start): (&[u8], u16), scalar: Scalar, turns: Range<u16>) -> Self {
        let mut begin = [0; BLOCK];
        begin.iter_mut().zip(part).for_each(|(byte, known)| *byte = *known);
        Self {
            begin: u8x16::new(begin),
            foreign: ALL & (ALL << part.len().min(BLOCK)),
            end: u8x16::new(part.last_chunk().copied().unwrap_or(begin)),
            start,
            length: part.len() as u16,
            is_shown: scalar == Scalar::Shown && turns.is_empty(),
            turns,
            scalar,
            id,
            from: PlaceId::MAX,
            to: PlaceId::MAX,
            next: [Self::NONE; 2],
        }
    }

    /// Where it stands among the bytes that are known.
    pub(super) fn place(&self) -> Range<usize> {
        let start = usize::from(self.start);
        start..start + usize::from(self.length)
    }

    /// How long it is with the scalar behind it, if `text` begins with it, of which `window` are the first bytes, and the scalar is a
    /// plain one.
    #[inline(always)]
    pub(super) fn pass(&self, known: &[u8], text: &[u8], window: &[u8; WINDOW]) -> Option<usize> {
        let begin = u8x16::new(*window.first_chunk()?);
        if begin.simd_eq(self.begin).to_bitmask() | self.foreign != ALL {
            return None;
        }
        let length = usize::from(self.length);
        if length > BLOCK {
            if length > 2 * BLOCK {
                return self.pass_long(known, text);
            }
            let end = u8x16::new(*window[length - BLOCK..].first_chunk()?);
            if end.simd_eq(self.end).to_bitmask() != ALL {
                return None;
            }
        }
        Some(length + plain_length(window[length..].first_chunk()?, text, length)?)
    }

    /// The same where that is less likely.
    #[inline(never)]
    pub(super) fn pass_seldom(&self, known: &[u8], text: &[u8], window: &[u8; WINDOW]) -> Option<usize> {
        self.pass(known, text, window)
    }

    #[inline(never)]
    fn pass_long(&self, known: &[u8], text: &[u8]) -> Option<usize> {
        let scalar = text.strip_prefix(known.get(self.place())?)?;
        let begin = padded(scalar);
        Some(usize::from(self.length) + plain_length(begin.first_chunk()?, scalar, 0)?)
    }

    /// Masks what is masked of it and of the scalar behind it, where it begins at `at` and the scalar ends before `behind`.
    #[inline(always)]
    pub(super) fn mask(
        &self,
        turns: &[u16],
        bytes: &[u8],
        (at, behind): (usize, usize),
        output: &mut Output,
    ) {
        if self.is_shown {
            return;
        }
        if !self.turns.is_empty() {
            self.turn(turns, bytes, at, output);
        }
        let scalar = at + usize::from(self.length);
        if bytes.get(scalar).is_some_and(|first| self.scalar.is_masked(*first)) {
            output.mask(bytes, scalar..behind);
        }
    }

    #[cold]
    fn turn(&self, turns: &[u16], bytes: &[u8], at: usize, output: &mut Output) {
        for turn in &turns[usize::from(self.turns.start)..usize::from(self.turns.end)] {
            output.turn(bytes, at + usize::from(*turn));
        }
    }
}

/// The first bytes of a text, and zeros if it has less, which stand in no part and end no scalar.
#[cold]
pub(super) fn padded(text: &[u8]) -> [u8; WINDOW] {
    let mut window = [0; WINDOW];
    window.iter_mut().zip(text).for_each(|(byte, known)| *byte = *known);
    window
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_part_is_found_where_the_same_bytes_stand(
            known in "[ab]{0,80}", text in "[ab]{0,80}", is_alike: bool,
            (scalar, behind) in ("1|\"[ab]{0,40}\"|\"[ab]{0,20}|", ",[^\"]{0,60}"),
        ) {
            let text = if is_alike { known.clone() } else { text };
            let text = format!("{text}{scalar}{behind}");
            let begin = padded(text.as_bytes());
            let is_whole = scalar == "1" || (scalar.len() > 1 && scalar.ends_with('"'));
            let is_same = is_whole && text.strip_prefix(&known).is_some_and(|rest| rest.starts_with(&scalar));
            let part = Part::new(0, (known.as_bytes(), 0), Scalar::Shown, 0..0);
            let found = part.pass(known.as_bytes(), text.as_bytes(), &begin);
            prop_assert_eq!(found, is_same.then_some(known.len() + scalar.len()));
        }
    }
}
