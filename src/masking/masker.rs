//! Masks members of JSON texts as they stream by: each value that a [`FieldTree`] leads to leaves as [`MASK`], all other bytes as
//! they came. Arrays on the way are walked through. What stands where an object was to be walked through and is neither an
//! object, an array nor null is masked whole, for what it holds cannot be told.
//!
//! The invariant: no byte leaves before the grammar up to it is sure, so that nobody reads another text than was masked. Of a body,
//! the memory is this state alone, whatever comes: of each level of nesting, whether it is an object, and where in the tree it is.

use bytes::Bytes;

use super::fields::{Candidates, FieldTree, NodeId, Rules};
use super::learned::Learned;
pub use super::output::MASK;
use super::output::Output;
use super::part::Scalar;
use super::piece::Piece;
use super::place::{Mode, Place};
use super::state::State;
use super::unmaskable::{MAX_DEPTH, Unmaskable};
use crate::json::number::Number;
use crate::json::scalar::{self, Passed};
use crate::json::text::Text;
use crate::json::utf8::Utf8;

/// A mark that some put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Stands before each text of a sequence (RFC 7464).
const RECORD_SEPARATOR: u8 = 0x1e;

/// How many JSON texts a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One.
    Text,
    /// One after the other, as in sequences (RFC 7464).
    Sequence,
    /// One after the other, each within a line, as in NDJSON: who reads by lines could take a line of a longer one for a text.
    Lines,
}

/// Masks one body.
#[derive(Debug, Clone)]
pub struct Masker {
    rules: Rules,
    form: Form,
    pub(super) state: State,
    pub(super) place: Place,
    /// In the tree, the member whose value comes next.
    pub(super) member: Option<NodeId>,
    /// The members that the name may be that is being read.
    candidates: Candidates,
    text: Text,
    /// The rest of a word, such as `true`.
    word: &'static [u8],
    utf8: Utf8,
    /// Bytes of the pieces before this one.
    before: u64,
}

impl Masker {
    /// Masks what `rules` mask in a body of that form.
    #[must_use]
    pub fn new(rules: Rules, form: Form) -> Self {
        Self {
            rules,
            form,
            state: State::Mark(0),
            place: Place::TOP,
            member: None,
            candidates: Candidates::NONE,
            text: Text::BEGUN,
            word: b"",
            utf8: Utf8::default(),
            before: 0,
        }
    }

    /// What may leave of the next piece of the body, by the same tree each time; it may be nothing. What was learned is of that tree.
    ///
    /// # Errors
    /// [`Unmaskable`]: nothing more may leave, neither of this piece nor of another.
    pub fn mask(
        &mut self,
        tree: &FieldTree,
        learned: &mut Learned,
        bytes: Bytes,
    ) -> Result<Bytes, Unmaskable> {
        self.masked(tree, learned, bytes).inspect_err(|_| self.state = State::Broken)
    }

    fn masked(&mut self, tree: &FieldTree, learned: &mut Learned, bytes: Bytes) -> Result<Bytes, Unmaskable> {
        self.utf8.check(&bytes).map_err(|_| Unmaskable::Encoding)?;
        let output = Output::begin(matches!(self.place.mode, Mode::Masking(_)));
        let mut piece = Piece { tree, bytes: &bytes, output, known: learned.of(self.rules, self.form) };
        self.read(&mut piece).map_err(|unmaskable| unmaskable.behind(self.before))?;
        self.before = self.before.saturating_add(bytes.len() as u64);
        let output = piece.output;
        Ok(output.end(bytes))
    }

    /// Ends the body. An empty one is as whole as any.
    ///
    /// # Errors
    /// [`Unmaskable::Incomplete`]: what left is not the whole of a text.
    pub fn end(&self) -> Result<(), Unmaskable> {
        let is_whole = match self.state {
            State::Mark(length) => length == 0,
            State::Top | State::Nothing => true,
            State::InNumber(number) => self.place.depth == 0 && number.may_end(),
            State::Value
            | State::FirstValue
            | State::Name
            | State::FirstName
            | State::InName
            | State::Colon
            | State::InString
            | State::InWord
            | State::Next
            | State::Broken => false,
        };
        if is_whole { Ok(()) } else { Err(Unmaskable::Incomplete) }
    }

    fn read(&mut self, piece: &mut Piece<'_>) -> Result<(), Unmaskable> {
        let is_first = matches!(self.state, State::Mark(0));
        piece.known.begin_piece(is_first);
        let mut at = if is_first { self.follow(piece, 0) } else { 0 };
        while at < piece.bytes.len() {
            at = match self.state {
                State::InName => self.in_name(piece, at)?,
                State::InString => self.in_string(piece, at)?,
                State::InNumber(number) => self.in_number(piece, at, number)?,
                State::InWord => self.in_word(piece, at, self.word)?,
                State::Mark(length) => self.mark(piece, at, length)?,
                State::Broken => return Err(Unmaskable::Incomplete),
                State::Top
                | State::Value
                | State::FirstValue
                | State::Name
                | State::FirstName
                | State::Colon
                | State::Next
                | State::Nothing => {
                    if self.form == Form::Lines && self.place.depth > 0 {
                        piece.check_line(at)?;
                    }
                    match piece.sign(at) {
                        Some((at, sign)) => self.sign(piece, at, sign)?,
                        None => break,
                    }
                }
            };
        }
        Ok(())
    }

    /// Takes a byte that is not blank and in no name, string, number or word; gives the place behind what it began.
    fn sign(&mut self, piece: &mut Piece<'_>, at: usize, sign: u8) -> Result<usize, Unmaskable> {
        match (self.state, sign) {
            (State::Next, b',') if self.place.is_in_object() => self.go_on(State::Name, at + 1),
            (State::Next, b',') => self.go_on(State::Value, at + 1),
            (State::Name | State::FirstName, b'"') => self.members(piece, at),
            (State::Colon, b':') => self.go_on(State::Value, at + 1),
            (State::Next | State::FirstName, b'}') if self.place.is_in_object() => {
                Ok(self.close(piece, at + 1))
            }
            (State::Next | State::FirstValue, b']') if self.place.depth > 0 && !self.place.is_in_object() => {
                Ok(self.close(piece, at + 1))
            }
            (State::Value | State::FirstValue | State::Top, _) if sign != RECORD_SEPARATOR => {
                self.value(piece, at, sign)
            }
            (State::Top, RECORD_SEPARATOR) if self.form == Form::Sequence => Ok(at + 1),
            _ => Err(Unmaskable::Syntax(at as u64)),
        }
    }

    fn go_on(&mut self, state: State, at: usize) -> Result<usize, Unmaskable> {
        self.state = state;
        Ok(at)
    }

    /// Takes the first byte of a value.
    fn value(&mut self, piece: &mut Piece<'_>, at: usize, first: u8) -> Result<usize, Unmaskable> {
        if let b'{' | b'[' = first {
            if self.place.depth == MAX_DEPTH {
                return Err(Unmaskable::Depth);
            }
            self.open(piece, at, first);
            return self.go_on(if first == b'{' { State::FirstName } else { State::FirstValue }, at + 1);
        }
        let scalar = self.scalar(piece.tree, self.node_of_value());
        piece.known.begin(piece.bytes, at, &self.place, scalar);
        if scalar.is_masked(first) {
            self.begin_masking(piece, at);
        }
        match first {
            b'"' => {
                self.text = Text::BEGUN;
                self.state = State::InString;
                self.in_string(piece, at + 1)
            }
            b't' => self.in_word(piece, at + 1, b"rue"),
            b'f' => self.in_word(piece, at + 1, b"alse"),
            b'n' => self.in_word(piece, at + 1, b"ull"),
            _ => match Number::begin(first) {
                Some(number) => self.in_number(piece, at + 1, number),
                None => Err(Unmaskable::Syntax(at as u64)),
            },
        }
    }

    /// Where in the tree the value is that comes next, if that leads there.
    fn node_of_value(&self) -> Option<NodeId> {
        if self.place.is_in_object() { self.member } else { Some(self.place.node) }
    }

    /// What becomes of a string, a number or a word that is there in the tree.
    pub(super) fn scalar(&self, tree: &FieldTree, node: Option<NodeId>) -> Scalar {
        match node {
            Some(node) if self.place.mode == Mode::Walking => match node {
                _ if tree.is_masked(node, self.rules) => Scalar::Masked,
                _ if tree.has_masked_members(node, self.rules) => Scalar::MaskedUnlessNull,
                _ => Scalar::Shown,
            },
            Some(_) | None => Scalar::Shown,
        }
    }

    /// Begins an object or array, of which there are less than [`MAX_DEPTH`] around, and decides what becomes of it.
    fn open(&mut self, piece: &mut Piece<'_>, at: usize, first: u8) {
        if self.place.mode == Mode::Walking {
            let (tree, rules) = (piece.tree, self.rules);
            match self.node_of_value().or(tree.elsewhere(rules)) {
                Some(node) if tree.is_masked(node, rules) => self.begin_masking(piece, at),
                Some(node) if tree.leads_on(node, rules) => self.place.walk_into(node),
                Some(_) | None => self.place.mode = Mode::Passing(self.place.depth),
            }
        }
        self.place.open(first);
        piece.known.move_on();
    }

    fn begin_masking(&mut self, piece: &mut Piece<'_>, at: usize) {
        piece.turn(at);
        self.place.mode = Mode::Masking(self.place.depth);
    }

    /// Ends the innermost object or array, whose last byte is the one before `at`.
    fn close(&mut self, piece: &mut Piece<'_>, at: usize) -> usize {
        self.place.close();
        piece.known.move_on();
        self.end_value(piece, at);
        at
    }

    /// Ends a string, a number or a word, whose last byte is the one before `at`, and goes on as far as what comes is known.
    pub(super) fn end_scalar(&mut self, piece: &mut Piece<'_>, at: usize) -> usize {
        self.end_value(piece, at);
        piece.known.end(at);
        self.follow(piece, at)
    }

    /// Goes on as far as what comes is known.
    fn follow(&mut self, piece: &mut Piece<'_>, at: usize) -> usize {
        let Some((place, at)) = piece.known.follow(piece.bytes, at, &mut piece.output) else { return at };
        self.place.clone_from(place);
        self.state = self.behind_value();
        at
    }

    /// Ends a value, whose last byte is the one before `at`.
    fn end_value(&mut self, piece: &mut Piece<'_>, at: usize) {
        match self.place.mode {
            Mode::Masking(since) if since == self.place.depth => {
                piece.turn(at);
                self.place.mode = Mode::Walking;
            }
            Mode::Passing(since) if since == self.place.depth => self.place.mode = Mode::Walking,
            Mode::Walking | Mode::Passing(_) | Mode::Masking(_) => {}
        }
        self.state = self.behind_value();
    }

    /// What may come behind a value.
    fn behind_value(&self) -> State {
        match (self.place.depth, self.form) {
            (0, Form::Text) => State::Nothing,
            (0, Form::Sequence | Form::Lines) => State::Top,
            _ => State::Next,
        }
    }

    /// Begins a name behind its quote.
    pub(super) fn begin_name(&mut self, piece: &mut Piece<'_>, at: usize) -> Result<usize, Unmaskable> {
        self.candidates = match self.place.mode {
            Mode::Walking => piece.tree.members(self.place.node),
            Mode::Passing(_) | Mode::Masking(_) => Candidates::NONE,
        };
        self.text = Text::BEGUN;
        self.state = State::InName;
        self.in_name(piece, at)
    }

    /// Takes more of a name.
    fn in_name(&mut self, piece: &mut Piece<'_>, at: usize) -> Result<usize, Unmaskable> {
        let (tree, node, candidates) = (piece.tree, self.place.node, &mut self.candidates);
        let ended = self.text.decode(piece.bytes, at, |decoded| {
            if !candidates.is_empty() {
                tree.narrow(node, candidates, decoded);
            }
        })?;
        let Some(at) = ended else { return Ok(piece.bytes.len()) };
        self.member = if self.candidates.is_empty() { None } else { tree.named(node, self.candidates) };
        self.go_on(State::Colon, at)
    }

    fn in_string(&mut self, piece: &mut Piece<'_>, at: usize) -> Result<usize, Unmaskable> {
        let Some(at) = self.text.pass(piece.bytes, at)? else { return Ok(piece.bytes.len()) };
        Ok(self.end_scalar(piece, at))
    }

    fn in_number(&mut self, piece: &mut Piece<'_>, at: usize, begun: Number) -> Result<usize, Unmaskable> {
        match scalar::number(begun, piece.bytes, at)? {
            Passed::Ended(at) => Ok(self.end_scalar(piece, at)),
            Passed::GoesOn(number) => self.go_on(State::InNumber(number), piece.bytes.len()),
        }
    }

    fn in_word(
        &mut self,
        piece: &mut Piece<'_>,
        at: usize,
        rest: &'static [u8],
    ) -> Result<usize, Unmaskable> {
        match scalar::word(rest, piece.bytes, at)? {
            Passed::Ended(at) => Ok(self.end_scalar(piece, at)),
            Passed::GoesOn(rest) => {
                self.word = rest;
                self.go_on(State::InWord, piece.bytes.len())
            }
        }
    }

    fn mark(&mut self, piece: &Piece<'_>, at: usize, length: u8) -> Result<usize, Unmaskable> {
        let is_next = BYTE_ORDER_MARK.get(usize::from(length)) == piece.bytes.get(at);
        self.state = match length {
            0 if !is_next => State::Top,
            _ if !is_next => return Err(Unmaskable::Syntax(at as u64)),
            _ if usize::from(length) + 1 == BYTE_ORDER_MARK.len() => State::Top,
            _ => State::Mark(length + 1),
        };
        Ok(at + usize::from(is_next))
    }
}

#[cfg(test)]
mod tests;
