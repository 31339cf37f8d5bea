//! The masker on what is written as programs write it: objects without blanks, their names and strings without escapes, each whole
//! in the piece; and of an array of objects, those that are like the one before but for their strings and numbers ([`super::shape`]). Whatever is written otherwise, or not as it should be, is left to the steps: what comes out is the same, and only
//! they refuse.

use super::fields::NodeId;
use super::masker::Masker;
use super::piece::Piece;
use super::state::{Mode, State};
use super::unmaskable::MAX_DEPTH;
use crate::json::member::{self, Begun};

impl Masker {
    /// Takes what it can from `at` on, and gives the place from where on it is for the steps; it may be the same.
    #[inline]
    pub(super) fn compact(&mut self, piece: &mut Piece<'_>, at: usize) -> usize {
        match self.state {
            State::FirstName | State::Name if piece.bytes.get(at) == Some(&b'"') => self.members(piece, at),
            State::FirstValue if self.depth < MAX_DEPTH && piece.bytes.get(at..at + 2) == Some(b"{\"") => {
                self.begin_item(piece, at);
                self.members(piece, at + 1)
            }
            State::Next => match self.next_name(piece, at) {
                Ok(at) => self.members(piece, at),
                Err(at) => at,
            },
            _ => at,
        }
    }

    /// Takes members from the one on whose quote stands at `at`.
    fn members(&mut self, piece: &mut Piece<'_>, mut at: usize) -> usize {
        while let Some(Begun { name, value }) = member::begun(&mut piece.stops, at) {
            let node = match self.mode {
                Mode::Walking => piece.tree.member(self.node, &piece.bytes[name]),
                Mode::Passing | Mode::Masking => None,
            };
            at = match piece.bytes[value] {
                b'{' if self.depth < MAX_DEPTH && piece.bytes.get(value + 1) == Some(&b'"') => {
                    self.begin(piece, value, b'{', node);
                    value + 1
                }
                b'[' if self.depth < MAX_DEPTH - 1
                    && piece.bytes.get(value + 1..value + 3) == Some(b"{\"") =>
                {
                    self.begin(piece, value, b'[', node);
                    self.begin_item(piece, value + 1);
                    value + 2
                }
                _ => {
                    let Some(end) = member::plain_value(&mut piece.stops, value) else {
                        (self.state, self.member) = (State::Value, node);
                        return value;
                    };
                    let scalar = self.scalar(piece.tree, node);
                    if scalar.is_masked(piece.bytes[value]) {
                        piece.output.mask(piece.bytes, value);
                        piece.output.unmask(end);
                    }
                    piece.shapes.scalar(piece.bytes, value..end, scalar);
                    if piece.bytes.get(end..end + 2) == Some(b",\"") {
                        end + 1
                    } else {
                        match self.next_name(piece, end) {
                            Ok(at) => at,
                            Err(at) => return at,
                        }
                    }
                }
            };
        }
        at
    }

    /// Goes from behind a value to the name that comes next, over the ends and beginnings of objects and arrays; or as far as it can.
    fn next_name(&mut self, piece: &mut Piece<'_>, mut at: usize) -> Result<usize, usize> {
        loop {
            let is_in_object = self.is_in_object();
            at = match piece.bytes.get(at) {
                Some(b',') if is_in_object && piece.bytes.get(at + 1) == Some(&b'"') => {
                    self.state = State::Name;
                    return Ok(at + 1);
                }
                Some(b',')
                    if !is_in_object
                        && self.depth < MAX_DEPTH
                        && piece.bytes.get(at + 1..at + 3) == Some(b"{\"") =>
                {
                    match piece.pass_alike(self.depth, at + 1) {
                        Some(behind) => behind,
                        None => {
                            self.begin_item(piece, at + 1);
                            return Ok(at + 2);
                        }
                    }
                }
                Some(b'}') if is_in_object => {
                    let behind = self.close(piece, at + 1);
                    piece.shapes.end(piece.bytes, self.depth, behind);
                    behind
                }
                Some(b']') if !is_in_object => self.close(piece, at + 1),
                _ => {
                    self.state = State::Next;
                    return Err(at);
                }
            };
            if self.depth == 0 {
                return Err(at);
            }
        }
    }

    /// Begins an object that is in an array.
    fn begin_item(&mut self, piece: &mut Piece<'_>, at: usize) {
        piece.shapes.begin(self.depth, at);
        self.begin(piece, at, b'{', Some(self.node));
    }

    /// Begins an object or an array, of which there are less than [`MAX_DEPTH`] around.
    #[inline]
    fn begin(&mut self, piece: &mut Piece<'_>, at: usize, first: u8, node: Option<NodeId>) {
        if self.mode == Mode::Walking {
            self.decide(piece, at, first, node);
            if self.mode == Mode::Masking {
                piece.shapes.give_up();
            }
        }
        self.open(first);
        self.state = State::FirstName;
    }
}
