//! What leaves of one piece of a body. Of a piece in which nothing is masked, that is the piece itself.

use std::ops::Range;

use bytes::{Buf, Bytes};

/// What stands where something is masked: a text, whatever it was. Nothing is told of what was there, not even its type or
/// whether it was empty, and nobody takes it for data, as one might take `null`.
pub const MASK: &[u8] = br#""***""#;

/// What leaves of one piece of a body.
pub(super) struct Output {
    /// What leaves of it up to the last that is masked, if anything is.
    left: Vec<u8>,
    /// Behind that.
    copied: usize,
    /// From where on it is masked.
    from: Option<usize>,
    /// Whether that goes on with what is masked in the piece before.
    goes_on: bool,
}

impl Output {
    /// At the beginning of a piece, which may lie within what is masked.
    pub(super) fn begin(is_masked: bool) -> Self {
        Self { left: Vec::new(), copied: 0, from: is_masked.then_some(0), goes_on: is_masked }
    }

    /// What stands there is masked, and nothing around it.
    #[inline(never)]
    pub(super) fn mask(&mut self, piece: &[u8], place: Range<usize>) {
        if self.left.capacity() == 0 {
            self.left.reserve(piece.len());
        }
        self.left.extend_from_slice(&piece[self.copied..place.start]);
        self.left.extend_from_slice(MASK);
        self.copied = place.end;
    }

    /// From here on, it is masked if it was not, and the other way around.
    pub(super) fn turn(&mut self, piece: &[u8], at: usize) {
        match self.from.take() {
            Some(_) if std::mem::take(&mut self.goes_on) => self.copied = at,
            Some(from) => self.mask(piece, from..at),
            None => self.from = Some(at),
        }
    }

    /// At the end of the piece.
    pub(super) fn end(mut self, mut piece: Bytes) -> Bytes {
        if self.from.is_some() {
            self.turn(&piece, piece.len());
        }
        if self.left.is_empty() {
            piece.advance(self.copied);
            return piece;
        }
        self.left.extend_from_slice(&piece[self.copied..]);
        self.left.into()
    }
}
