//! What leaves of one piece of a body. Of a piece in which nothing is masked, that is the piece itself.

use std::ops::Range;

use bytes::{Buf, Bytes};

/// What stands where something is masked: a text, whatever it was. Nothing is told of what was there, not even its type or
/// whether it was empty, and nobody takes it for data, as one might take `null`.
pub const MASK: &[u8] = br#""***""#;

/// As many values as are masked of most pieces.
const USUAL: usize = 64;

/// What leaves of one piece of a body.
pub(super) struct Output {
    /// What is masked in it, in order.
    masked: Vec<Range<usize>>,
    /// From where on it is masked.
    from: Option<usize>,
    /// Whether the first of it goes on with what is masked in the piece before.
    goes_on: bool,
}

impl Output {
    /// At the beginning of a piece, which may lie within what is masked.
    pub(super) fn begin(is_masked: bool) -> Self {
        Self { masked: Vec::new(), from: is_masked.then_some(0), goes_on: is_masked }
    }

    /// What stands there is masked, and nothing around it.
    #[inline]
    pub(super) fn mask(&mut self, place: Range<usize>) {
        if self.masked.capacity() == 0 {
            self.masked.reserve(USUAL);
        }
        self.masked.push(place);
    }

    /// From here on, it is masked if it was not, and the other way around.
    pub(super) fn turn(&mut self, at: usize) {
        match self.from.take() {
            Some(from) => self.mask(from..at),
            None => self.from = Some(at),
        }
    }

    /// At the end of the piece.
    pub(super) fn end(mut self, mut piece: Bytes) -> Bytes {
        if let Some(from) = self.from {
            self.mask(from..piece.len());
        }
        let (masked, begun) = match self.masked.split_first() {
            Some((begun, masked)) if self.goes_on => (masked, begun.end),
            Some(_) | None => (&self.masked[..], 0),
        };
        if masked.is_empty() {
            piece.advance(begun);
            return piece;
        }
        let gone: usize = masked.iter().map(Range::len).sum();
        let mut left = Vec::with_capacity(piece.len() - begun - gone + masked.len() * MASK.len());
        let mut from = begun;
        for place in masked {
            left.extend_from_slice(&piece[from..place.start]);
            left.extend_from_slice(MASK);
            from = place.end;
        }
        left.extend_from_slice(&piece[from..]);
        left.into()
    }
}
