//! Masks members of JSON texts as they stream by: each value that a [`FieldTree`] leads to leaves as [`MASK`], all other bytes as
//! they came. Arrays on the way are walked through. What stands where an object was to be walked through and is neither an
//! object, an array nor null is masked whole, for what it holds cannot be told.
//!
//! The invariant: no byte leaves before the grammar up to it is sure, so that nobody reads another text than was masked. The
//! memory is this state alone, whatever comes: of each level of nesting, whether it is an object, and where in the tree it is.

use bytes::Bytes;

use super::fields::{Candidates, FieldTree, NodeId, Rules};
pub use super::output::MASK;
use super::output::Output;
use super::piece::Piece;
use super::shape::{Scalar, Shapes};
use super::state::{Mode, State};
use super::unmaskable::{MAX_DEPTH, Unmaskable};
use crate::json::number::Number;
use crate::json::scalar::{self, Passed};
use crate::json::stops::Stops;
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
    pub(super) rules: Rules,
    form: Form,
    pub(super) state: State,
    pub(super) mode: Mode,
    /// How many objects and arrays are open around the next byte.
    pub(super) depth: u8,
    /// The depth at which the mode began, unless that is [`Mode::Walking`].
    since: u8,
    /// Which of those that are open are objects; the innermost is the lowest bit.
    objects: u128,
    /// In the tree, the innermost of those that were walked into; an array is where it is a member.
    pub(super) node: NodeId,
    /// In the tree, what was around each of those, by its depth.
    around: [NodeId; MAX_DEPTH as usize],
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
            mode: Mode::Walking,
            depth: 0,
            since: 0,
            objects: 0,
            node: FieldTree::TOP,
            around: [FieldTree::TOP; MAX_DEPTH as usize],
            member: None,
            candidates: Candidates::NONE,
            text: Text::BEGUN,
            word: b"",
            utf8: Utf8::default(),
            before: 0,
        }
    }

    /// What may leave of the next piece of the body, by the same tree each time; it may be nothing.
    ///
    /// # Errors
    /// [`Unmaskable`]: nothing more may leave, neither of this piece nor of another.
    pub fn mask(&mut self, tree: &FieldTree, bytes: Bytes) -> Result<Bytes, Unmaskable> {
        self.masked(tree, bytes).inspect_err(|_| self.state = State::Broken)
    }

    fn masked(&mut self, tree: &FieldTree, bytes: Bytes) -> Result<Bytes, Unmaskable> {
        self.utf8.check(&bytes).map_err(|_| Unmaskable::Encoding)?;
        let output = Output::begin(self.mode == Mode::Masking);
        let shapes = Shapes::default();
        let mut piece = Piece { tree, bytes: &bytes, stops: Stops::of(&bytes), output, shapes };
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
            State::InNumber(number) => self.depth == 0 && number.may_end(),
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
        let mut at = 0;
        loop {
            at = self.compact(piece, at);
            if at >= piece.bytes.len() {
                return Ok(());
            }
            piece.shapes.give_up();
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
                    if self.form == Form::Lines && self.depth > 0 {
                        piece.check_line(at)?;
                    }
                    match piece.sign(at) {
                        Some((at, sign)) => self.sign(piece, at, sign)?,
                        None => return Ok(()),
                    }
                }
            };
        }
    }

    /// Takes a byte that is not blank and in no name, string, number or word; gives the place behind what it began.
    fn sign(&mut self, piece: &mut Piece<'_>, at: usize, sign: u8) -> Result<usize, Unmaskable> {
        match (self.state, sign) {
            (State::Next, b',') if self.is_in_object() => self.go_on(State::Name, at + 1),
            (State::Next, b',') => self.go_on(State::Value, at + 1),
            (State::Name | State::FirstName, b'"') => self.begin_name(piece, at + 1),
            (State::Colon, b':') => self.go_on(State::Value, at + 1),
            (State::Next | State::FirstName, b'}') if self.is_in_object() => Ok(self.close(piece, at + 1)),
            (State::Next | State::FirstValue, b']') if self.depth > 0 && !self.is_in_object() => {
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
        if self.mode == Mode::Walking {
            self.decide(piece, at, first, self.node_of_value());
        }
        match first {
            b'"' => {
                self.text = Text::BEGUN;
                self.state = State::InString;
                self.in_string(piece, at + 1)
            }
            b'{' | b'[' if self.depth == MAX_DEPTH => Err(Unmaskable::Depth),
            b'{' | b'[' => {
                self.open(first);
                self.go_on(if first == b'{' { State::FirstName } else { State::FirstValue }, at + 1)
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
    pub(super) fn node_of_value(&self) -> Option<NodeId> {
        if self.is_in_object() { self.member } else { Some(self.node) }
    }

    /// Decides what becomes of the value that begins here.
    pub(super) fn decide(&mut self, piece: &mut Piece<'_>, at: usize, first: u8, node: Option<NodeId>) {
        let (tree, rules) = (piece.tree, self.rules);
        match (node.or(tree.elsewhere(rules)), first) {
            (Some(node), _) if tree.is_masked(node, rules) => self.begin_masking(piece, at),
            (Some(node), b'{' | b'[') if tree.leads_on(node, rules) => self.walk_into(node),
            (Some(node), _) if tree.has_masked_members(node, rules) && first != b'n' => {
                self.begin_masking(piece, at);
            }
            (_, b'{' | b'[') => (self.mode, self.since) = (Mode::Passing, self.depth),
            _ => {}
        }
    }

    /// Walks into an object or array, which is open next.
    fn walk_into(&mut self, node: NodeId) {
        if let Some(around) = self.around.get_mut(usize::from(self.depth)) {
            *around = self.node;
        }
        self.node = node;
    }

    fn begin_masking(&mut self, piece: &mut Piece<'_>, at: usize) {
        piece.output.mask(piece.bytes, at);
        (self.mode, self.since) = (Mode::Masking, self.depth);
    }

    /// Begins an object or an array, of which there are less than [`MAX_DEPTH`] around.
    pub(super) fn open(&mut self, first: u8) {
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(first == b'{');
    }

    /// Ends the innermost object or array, whose last byte is the one before `at`.
    pub(super) fn close(&mut self, piece: &mut Piece<'_>, at: usize) -> usize {
        self.depth -= 1;
        self.objects >>= 1;
        piece.shapes.close(self.depth);
        if self.mode == Mode::Walking {
            self.node = self.around[usize::from(self.depth)];
        }
        self.end_value(piece, at);
        at
    }

    /// Ends a value, whose last byte is the one before `at`.
    fn end_value(&mut self, piece: &mut Piece<'_>, at: usize) {
        if self.mode != Mode::Walking && self.depth == self.since {
            if self.mode == Mode::Masking {
                piece.output.unmask(at);
            }
            self.mode = Mode::Walking;
        }
        self.state = match (self.depth, self.form) {
            (0, Form::Text) => State::Nothing,
            (0, Form::Sequence | Form::Lines) => State::Top,
            _ => State::Next,
        };
    }

    pub(super) fn is_in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    /// What becomes of a member whose value is a string, a number or a word.
    pub(super) fn scalar(&self, tree: &FieldTree, member: Option<NodeId>) -> Scalar {
        match member {
            Some(member) if tree.is_masked(member, self.rules) => Scalar::Masked,
            Some(member) if tree.has_masked_members(member, self.rules) => Scalar::MaskedUnlessNull,
            Some(_) | None => Scalar::Shown,
        }
    }

    /// Begins a name behind its quote.
    fn begin_name(&mut self, piece: &mut Piece<'_>, at: usize) -> Result<usize, Unmaskable> {
        self.candidates = match self.mode {
            Mode::Walking => piece.tree.members(self.node),
            Mode::Passing | Mode::Masking => Candidates::NONE,
        };
        self.text = Text::BEGUN;
        self.state = State::InName;
        self.in_name(piece, at)
    }

    /// Takes more of a name.
    fn in_name(&mut self, piece: &mut Piece<'_>, at: usize) -> Result<usize, Unmaskable> {
        let (tree, node, candidates) = (piece.tree, self.node, &mut self.candidates);
        let ended = self.text.decode(&mut piece.stops, at, |decoded| {
            if !candidates.is_empty() {
                tree.narrow(node, candidates, decoded);
            }
        })?;
        let Some(at) = ended else { return Ok(piece.bytes.len()) };
        self.member = if self.candidates.is_empty() { None } else { tree.named(node, self.candidates) };
        self.go_on(State::Colon, at)
    }

    fn in_string(&mut self, piece: &mut Piece<'_>, at: usize) -> Result<usize, Unmaskable> {
        let Some(at) = self.text.pass(&mut piece.stops, at)? else { return Ok(piece.bytes.len()) };
        self.end_value(piece, at);
        Ok(at)
    }

    fn in_number(&mut self, piece: &mut Piece<'_>, at: usize, begun: Number) -> Result<usize, Unmaskable> {
        match scalar::number(begun, piece.bytes, at)? {
            Passed::Ended(at) => {
                self.end_value(piece, at);
                Ok(at)
            }
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
            Passed::Ended(at) => {
                self.end_value(piece, at);
                Ok(at)
            }
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
