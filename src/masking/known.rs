//! What has stood between the strings, numbers and words of a piece so far. Where there are arrays, most of it comes again: their objects
//! have the same names in the same order. So once such a part has been read, it is looked for where it may come next, which costs a
//! fraction of reading it.
//!
//! Invariant: what is made of a part depends on nothing but its bytes and the [`Place`] where it begins. So the same bytes at the same
//! place lead to the same place; and what stands between two parts is looked at as when it is read.

use std::ops::Range;

use wide::u8x16;

use super::output::Output;
use super::place::Place;
use crate::json::member::behind_plain;

/// Most parts that are kept.
const MOST_PARTS: usize = 250;
/// Most places that are kept.
const MOST_PLACES: usize = 32;
/// As many parts as most pieces have.
const USUAL: usize = 16;
/// Bytes that are compared at once.
const BLOCK: usize = 16;
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

type PartId = u8;
type PlaceId = u8;
/// Stands for no part; there are fewer.
const NONE: PartId = PartId::MAX;

/// What is known of a piece.
#[derive(Debug)]
pub(super) struct Known {
    parts: Vec<Part>,
    places: Vec<Place>,
    /// By the hash of a part, the last one that has it.
    by_hash: [PartId; 256],
    /// The part before the last scalar, if it is kept.
    last: PartId,
    /// Where the last scalar is, if that is kept, and from where on the next part stands.
    from: Option<(PlaceId, usize)>,
    /// Whether something was opened or closed since then.
    has_moved: bool,
    /// Where masking began or ended, in parts that are kept and then in the one that is being read.
    turns: Vec<usize>,
    /// How many of those are in parts that are kept.
    kept_turns: usize,
}

/// What stands between two scalars.
#[derive(Debug)]
struct Part {
    /// The bytes with which it begins, and which of these are not its own, the first by the lowest bit.
    begin: u8x16,
    foreign: u32,
    /// The bytes with which it ends, if it is longer than that.
    end: u8x16,
    start: usize,
    length: usize,
    /// Whether it leaves, and the scalar behind it too.
    is_shown: bool,
    scalar: Scalar,
    /// Where masking begins or ends in it.
    turns: Range<usize>,
    from: PlaceId,
    to: PlaceId,
    /// The parts that came behind its scalar last.
    next: [PartId; 2],
}

impl Known {
    /// Nothing yet.
    pub(super) const fn nothing() -> Self {
        Self {
            parts: Vec::new(),
            places: Vec::new(),
            by_hash: [NONE; 256],
            last: NONE,
            from: None,
            has_moved: false,
            turns: Vec::new(),
            kept_turns: 0,
        }
    }

    /// Something is opened or closed.
    pub(super) fn move_on(&mut self) {
        self.has_moved = true;
    }

    /// Masking begins or ends at `at`.
    pub(super) fn turn(&mut self, at: usize) {
        self.turns.push(at);
    }

    /// A scalar begins at `at`. What is around no array comes but once, and is not kept.
    pub(super) fn begin(&mut self, bytes: &[u8], at: usize, place: &Place, scalar: Scalar) {
        let before = self.last;
        (self.last, self.from) = match (self.from, self.place_id(place)) {
            (Some((from, start)), Some(to)) => {
                let part = Part::of(bytes, start..at, (from, to), scalar);
                (part.map_or(NONE, |part| self.part_id(bytes, part)), Some((to, at)))
            }
            (None, Some(to)) => (NONE, Some((to, at))),
            (_, None) => (NONE, None),
        };
        self.has_moved = false;
        if self.last != NONE
            && let Some(before) = self.parts.get_mut(usize::from(before))
            && !before.next.contains(&self.last)
        {
            before.next = [self.last, before.next[0]];
        }
    }

    /// It has ended before `at`.
    pub(super) fn end(&mut self, at: usize) {
        self.turns.truncate(self.kept_turns);
        if let Some((_, from)) = &mut self.from {
            *from = at;
        }
    }

    fn place_id(&mut self, place: &Place) -> Option<PlaceId> {
        if !place.is_in_array() {
            return None;
        }
        if let Some((same, _)) = self.from
            && !self.has_moved
        {
            return Some(same);
        }
        let id = self.places.iter().position(|known| known == place).unwrap_or(self.places.len());
        if id == MOST_PLACES {
            return None;
        }
        if id == self.places.len() {
            self.places.push(place.clone());
        }
        Some(id as PlaceId)
    }

    /// The part that is the same, if there is room for it.
    fn part_id(&mut self, bytes: &[u8], part: Part) -> PartId {
        let slot = part.hash();
        let known = self.by_hash[slot];
        if self.parts.get(usize::from(known)).is_some_and(|known| known.is_same(&part, bytes)) {
            return known;
        }
        if self.parts.len() == MOST_PARTS {
            return NONE;
        }
        if self.parts.is_empty() {
            self.parts.reserve(USUAL);
        }
        let id = self.parts.len() as PartId;
        let turns = self.kept_turns..self.turns.len();
        self.kept_turns = turns.end;
        self.parts.push(Part { is_shown: part.is_shown && turns.is_empty(), turns, ..part });
        self.by_hash[slot] = id;
        id
    }

    /// Goes on behind a scalar that ended before `at`, as far as known parts come; gives where the last scalar is, and what is behind it.
    pub(super) fn follow(&mut self, bytes: &[u8], at: usize, output: &mut Output) -> Option<(&Place, usize)> {
        let (mut last, mut rest) = (self.last, bytes.get(at..)?);
        let mut passed = self.parts.get(usize::from(last))?;
        loop {
            let [mut next, other] = passed.next;
            let Some(mut part) = self.parts.get(usize::from(next)) else { break };
            let (scalar, behind) = match part.pass(bytes, rest) {
                Some(found) => found,
                None => {
                    let Some(seldom) = self.parts.get(usize::from(other)) else { break };
                    let Some(found) = seldom.pass_seldom(bytes, rest) else { break };
                    (next, part) = (other, seldom);
                    found
                }
            };
            if !part.is_shown {
                let at = |rest: &[u8]| bytes.len() - rest.len();
                if !part.turns.is_empty() {
                    part.turn(&self.turns, at(rest), output);
                }
                if scalar.first().is_some_and(|first| part.scalar.is_masked(*first)) {
                    output.mask(at(scalar)..at(behind));
                }
            }
            (last, passed, rest) = (next, part, behind);
        }
        let (to, end) = (passed.to, bytes.len() - rest.len());
        (self.last, self.from) = (last, Some((to, end)));
        (end > at).then(|| (&self.places[usize::from(to)], end))
    }
}

impl Part {
    /// What stands at `place`, unless the piece ends soon.
    fn of(bytes: &[u8], place: Range<usize>, (from, to): (PlaceId, PlaceId), scalar: Scalar) -> Option<Self> {
        let length = place.len();
        let block = |at: usize| bytes.get(at..)?.first_chunk().copied().map(u8x16::new);
        Some(Self {
            begin: block(place.start)?,
            foreign: ALL & (ALL << length.min(BLOCK)),
            end: block(place.start + length.saturating_sub(BLOCK))?,
            start: place.start,
            length,
            is_shown: scalar == Scalar::Shown,
            scalar,
            turns: 0..0,
            from,
            to,
            next: [NONE; 2],
        })
    }

    fn hash(&self) -> usize {
        let unused = 8 * BLOCK.saturating_sub(self.length) as u32;
        let begin = u128::from_le_bytes(self.begin.to_array()).checked_shl(unused).unwrap_or(0);
        let folded = begin as u64 ^ ((begin >> 64) as u64).rotate_left(20);
        let all = folded ^ u64::from(self.from) ^ (self.length as u64) << 8;
        (all.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize
    }

    fn place(&self) -> Range<usize> {
        self.start..self.start + self.length
    }

    fn is_same(&self, other: &Self, bytes: &[u8]) -> bool {
        self.from == other.from && bytes[self.place()] == bytes[other.place()]
    }

    /// The scalar that follows it and what is behind that, if `text` begins with it and the scalar is a plain one.
    #[inline(always)]
    fn pass<'p>(&self, bytes: &[u8], text: &'p [u8]) -> Option<(&'p [u8], &'p [u8])> {
        let begin = u8x16::new(*text.first_chunk()?);
        if begin.simd_eq(self.begin).to_bitmask() | self.foreign != ALL {
            return None;
        }
        let length = self.length;
        if length > BLOCK && !self.goes_on(bytes, text, length) {
            return None;
        }
        let scalar = text.get(length..)?;
        Some((scalar, behind_plain(scalar)?))
    }

    #[inline(never)]
    fn pass_seldom<'p>(&self, bytes: &[u8], text: &'p [u8]) -> Option<(&'p [u8], &'p [u8])> {
        self.pass(bytes, text)
    }

    /// Masks what is masked from somewhere in it on, or up to there, where it begins at `at`.
    #[cold]
    fn turn(&self, turns: &[usize], at: usize, output: &mut Output) {
        for turn in &turns[self.turns.clone()] {
            output.turn(at + turn - self.start);
        }
    }

    /// Whether `text` goes on with the rest of it.
    #[inline(always)]
    fn goes_on(&self, bytes: &[u8], text: &[u8], length: usize) -> bool {
        let Some(end) = text.get(length - BLOCK..).and_then(<[u8]>::first_chunk) else { return false };
        u8x16::new(*end).simd_eq(self.end).to_bitmask() == ALL
            && (length <= 2 * BLOCK || text.get(..length) == bytes.get(self.place()))
    }
}

#[cfg(test)]
mod tests;
