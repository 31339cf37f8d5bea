//! The masker on members as programs write them: a name without escapes, then a string, a number or a word, with no blanks, each whole in
//! the piece. Whatever is written otherwise, or not as it should be, is left to the steps: what comes out is the same, and
//! only they refuse.

use super::masker::Masker;
use super::piece::Piece;
use super::place::Mode;
use super::state::State;
use super::unmaskable::Unmaskable;
use crate::json::member::{self, Begun};

impl Masker {
    /// Takes members from the one on whose quote stands at `at`, as long as they are such.
    pub(super) fn members(&mut self, piece: &mut Piece<'_>, mut at: usize) -> Result<usize, Unmaskable> {
        while let Some(Begun { name, value }) = member::begun(piece.bytes, at) {
            let member = match self.place.mode {
                Mode::Walking => piece.tree.member(self.place.node, &piece.bytes[name]),
                Mode::Passing(_) | Mode::Masking(_) => None,
            };
            let Some(end) = member::plain_value(piece.bytes, value) else {
                (self.state, self.member) = (State::Value, member);
                return Ok(value);
            };
            let scalar = self.scalar(piece.tree, member);
            piece.known.begin(piece.bytes, value, &self.place, scalar);
            if scalar.is_masked(piece.bytes[value]) {
                piece.output.mask(piece.bytes, value..end);
            }
            at = self.end_scalar(piece, end);
            if !(self.place.is_in_object() && piece.bytes.get(at..at + 2) == Some(b",\"")) {
                return Ok(at);
            }
            at += 1;
        }
        self.begin_name(piece, at + 1)
    }
}
