//! What has stood between the strings, numbers and words of texts so far. Most of it comes again: the objects of an array have the same
//! names in the same order, and so have the answers of a route. So once such a part has been read, it is looked for where it may come
//! next, which costs a fraction of reading it.
//!
//! Invariant: what is made of a part depends on nothing but its bytes and the [`Place`] where it begins, for one tree, by the same rules
//! and in texts of one form. So the same bytes at the same place lead to the same place; and what stands between two parts is looked at as
//! when it is read. Nothing of what stands there is kept.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::FixedState;

use super::output::Output;
use super::part::{Part, PartId, PlaceId, Scalar, padded};
use super::place::Place;

/// Most parts that are kept.
const MOST_PARTS: usize = 250;
/// Most bytes of theirs that are kept: 16 bits count them, and the turns in them.
const MOST_BYTES: usize = 8 << 10;
/// Longest part that is kept.
const LONGEST: usize = 1 << 10;
/// Most places that are kept.
const MOST_PLACES: usize = 32;
/// Most often that masking begins or ends in a part that is kept.
const MOST_TURNS: usize = 32;
/// Most times that there was no room, until all is forgotten: then other texts come.
const MOST_MISSED: usize = 1_000;
/// Stands for where a body begins, and for the part before its first.
const START: u8 = 0;

/// What is known of texts that are masked alike.
#[derive(Debug)]
pub(super) struct Known {
    parts: Vec<Part>,
    /// Their bytes.
    bytes: Vec<u8>,
    /// Where masking begins or ends in them, from where each begins.
    turns: Vec<u16>,
    places: Vec<Place>,
    /// By the hash of a part, the last one that has it.
    by_hash: [PartId; 256],
    /// How often there was no room.
    missed: usize,
    /// The part before the last scalar of the piece, if it is kept.
    last: PartId,
    /// Where that scalar is, if that is kept, and from where on the next part stands.
    from: Option<(PlaceId, usize)>,
    /// Whether something was opened or closed since then.
    has_moved: bool,
    /// Where masking began or ended since then.
    turned: Vec<usize>,
}

impl Known {
    /// Nothing yet.
    pub(super) fn nothing() -> Self {
        Self {
            parts: vec![Part::new(START, (&[], 0), Scalar::Shown, 0..0)],
            bytes: Vec::new(),
            turns: Vec::new(),
            // Nobody is led to the first.
            places: vec![Place::TOP],
            by_hash: [Part::NONE; 256],
            missed: 0,
            last: Part::NONE,
            from: None,
            has_moved: false,
            turned: Vec::new(),
        }
    }

    /// A piece begins, which is the first of a body or not.
    pub(super) fn begin_piece(&mut self, is_first: bool) {
        if self.missed >= MOST_MISSED {
            *self = Self::nothing();
        }
        self.turned.clear();
        self.has_moved = true;
        (self.last, self.from) = if is_first { (START, Some((START, 0))) } else { (Part::NONE, None) };
    }

    /// Something is opened or closed.
    pub(super) fn move_on(&mut self) {
        self.has_moved = true;
    }

    /// Masking begins or ends at `at`.
    pub(super) fn turn(&mut self, at: usize) {
        if self.turned.len() == MOST_TURNS {
            self.from = None;
        } else {
            self.turned.push(at);
        }
    }

    /// A scalar begins at `at`.
    pub(super) fn begin(&mut self, bytes: &[u8], at: usize, place: &Place, scalar: Scalar) {
        let before = self.last;
        (self.last, self.from) = match (self.from, self.place_id(place)) {
            (Some((from, start)), Some(to)) => {
                (self.part_id((bytes, start..at), (from, to), scalar), Some((to, at)))
            }
            (None, Some(to)) => (Part::NONE, Some((to, at))),
            (_, None) => (Part::NONE, None),
        };
        self.has_moved = false;
        if self.last != Part::NONE
            && let Some(before) = self.parts.get_mut(usize::from(before))
            && !before.next.contains(&self.last)
        {
            before.next = [self.last, before.next[0]];
        }
    }

    /// It has ended before `at`.
    pub(super) fn end(&mut self, at: usize) {
        self.turned.clear();
        if let Some((_, from)) = &mut self.from {
            *from = at;
        }
    }

    fn place_id(&mut self, place: &Place) -> Option<PlaceId> {
        if let Some((same, _)) = self.from
            && !self.has_moved
        {
            return Some(same);
        }
        let among = self.places.iter().skip(1).position(|known| known == place);
        let id = among.map_or(self.places.len(), |among| among + 1);
        if id == MOST_PLACES {
            self.missed += 1;
            return None;
        }
        if id == self.places.len() {
            self.places.push(place.clone());
        }
        PlaceId::try_from(id).ok()
    }

    /// The part that stands there, if there is room for it.
    fn part_id(
        &mut self,
        (bytes, place): (&[u8], Range<usize>),
        (from, to): (PlaceId, PlaceId),
        scalar: Scalar,
    ) -> PartId {
        let (text, start) = (&bytes[place.clone()], self.bytes.len());
        if text.len() > LONGEST {
            return Part::NONE;
        }
        let slot = FixedState::with_seed(0).hash_one((from, text)) as usize % self.by_hash.len();
        let known = self.by_hash[slot];
        if let Some(known) = self.parts.get(usize::from(known))
            && (known.from, self.bytes.get(known.place())) == (from, Some(text))
        {
            return known.id;
        }
        if self.parts.len() == MOST_PARTS || text.len() > MOST_BYTES - start {
            self.missed += 1;
            return Part::NONE;
        }
        let id = self.parts.len() as PartId;
        let turns = self.turns.len() as u16;
        self.turns.extend(self.turned.iter().map(|turn| (turn - place.start) as u16));
        self.bytes.extend_from_slice(text);
        let mut part = Part::new(id, (text, start as u16), scalar, turns..self.turns.len() as u16);
        (part.from, part.to) = (from, to);
        self.parts.push(part);
        self.by_hash[slot] = id;
        id
    }

    /// Goes on behind a scalar that ended before `at`, or from where a body begins, as far as known parts come; gives where the last
    /// scalar is, and what is behind it.
    pub(super) fn follow(&mut self, bytes: &[u8], at: usize, output: &mut Output) -> Option<(&Place, usize)> {
        let (mut passed, mut rest) = (self.parts.get(usize::from(self.last))?, bytes.get(at..)?);
        loop {
            let short;
            let window = match rest.first_chunk() {
                Some(window) => window,
                None => {
                    short = padded(rest);
                    &short
                }
            };
            let Some(mut part) = self.parts.get(usize::from(passed.next[0])) else { break };
            let length = match part.pass(&self.bytes, rest, window) {
                Some(length) => length,
                None => {
                    let Some(seldom) = self.parts.get(usize::from(passed.next[1])) else { break };
                    let Some(length) = seldom.pass_seldom(&self.bytes, rest, window) else { break };
                    part = seldom;
                    length
                }
            };
            let Some(behind) = rest.get(length..) else { break };
            let at = bytes.len() - rest.len();
            part.mask(&self.turns, bytes, (at, at + length), output);
            (passed, rest) = (part, behind);
        }
        let (to, end) = (passed.to, bytes.len() - rest.len());
        if end == at {
            return None;
        }
        (self.last, self.from, self.has_moved) = (passed.id, Some((to, end)), false);
        self.places.get(usize::from(to)).map(|place| (place, end))
    }
}

#[cfg(test)]
mod tests;
