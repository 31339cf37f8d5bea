//! Picks members of a JSON text as it streams by, however long it is: of each that [`WantedMembers`] asks for, its bytes are kept,
//! within a bound; of the rest nothing is, and only its grammar is looked at.
//!
//! What is picked is what a reader of the whole text finds at these names. Where readers could differ, for a name that is asked for
//! stands there twice, nothing is picked.

use std::sync::Arc;

use super::blank;
pub use super::kept::Picked;
use super::kept::{Found, Kept};
use super::member::{self, Begun};
use super::number::Number;
use super::scalar::{self, Passed};
use super::text::Text;
use super::unpicked::{MAX_DEPTH, Unpicked};
use super::utf8::Utf8;
use super::wanted::{Place, WantedMembers};

/// Picks members of one text.
#[derive(Debug, Clone)]
pub struct Picker {
    wanted: Arc<WantedMembers>,
    state: State,
    /// How many objects and lists are open around the next byte.
    depth: u8,
    /// Which of those are objects; the innermost is the lowest bit.
    objects: u128,
    /// In the tree, the objects that are open from the top on. One is on the way while no others are open.
    way: Vec<Place>,
    /// In the tree, where the value is that comes next, if that leads there.
    next: Option<Place>,
    /// As much of the name that is being read as tells it from others.
    name: Vec<u8>,
    text: Text,
    /// The rest of a word, such as `true`.
    word: &'static [u8],
    utf8: Utf8,
    kept: Kept,
    /// Bytes of the pieces before this one.
    before: u64,
    failed: Option<Unpicked>,
}

/// What may come next.
#[derive(Debug, Clone, Copy)]
enum State {
    /// The text.
    Top,
    /// A value.
    Value,
    /// A value, or the end of the list.
    FirstValue,
    /// A name.
    Name,
    /// A name, or the end of the object.
    FirstName,
    /// More of a name.
    InName,
    /// The colon behind a name.
    Colon,
    /// More of a string that is a value.
    InString,
    /// More of a number, if it is not at its end.
    InNumber(Number),
    /// The rest of a word.
    InWord,
    /// A comma, or the end of an object or list.
    Next,
    /// Nothing more.
    Nothing,
}

/// A piece of the text.
struct Piece<'p> {
    bytes: &'p [u8],
    /// From where on it belongs to the value that is being kept.
    from: usize,
}

impl Picker {
    /// Picks what is `wanted` of a text, of which `max` bytes may be kept.
    #[must_use]
    pub fn new(wanted: Arc<WantedMembers>, max: usize) -> Self {
        let kept = Kept::nothing(wanted.len(), max);
        Self {
            wanted,
            state: State::Top,
            depth: 0,
            objects: 0,
            way: Vec::new(),
            next: Some(WantedMembers::TOP),
            name: Vec::new(),
            text: Text::BEGUN,
            word: b"",
            utf8: Utf8::default(),
            kept,
            before: 0,
            failed: None,
        }
    }

    /// Begins with another text, with the memory that is at hand.
    pub fn restart(&mut self) {
        self.kept.clear();
        self.way.clear();
        (self.state, self.depth, self.objects) = (State::Top, 0, 0);
        (self.next, self.failed) = (Some(WantedMembers::TOP), None);
        (self.utf8, self.before) = (Utf8::default(), 0);
    }

    /// Whether nothing but blanks has come so far.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.failed.is_none() && matches!(self.state, State::Top)
    }

    /// Sees the next piece of the text.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.read(bytes).err().map(|unpicked| unpicked.behind(self.before));
            self.before = self.before.saturating_add(bytes.len() as u64);
        }
    }

    /// What was picked of the text, which ends here.
    ///
    /// # Errors
    /// [`Unpicked`].
    pub fn end(&self) -> Result<Picked<'_>, Unpicked> {
        if let Some(unpicked) = self.failed {
            return Err(unpicked);
        }
        let picked = match self.state {
            State::Nothing => self.kept.picked(&self.wanted, WantedMembers::TOP),
            State::InNumber(number) if self.depth == 0 && number.may_end() => {
                self.kept.unended().map(Picked::Value)
            }
            State::Top
            | State::Value
            | State::FirstValue
            | State::Name
            | State::FirstName
            | State::InName
            | State::Colon
            | State::InString
            | State::InNumber(_)
            | State::InWord
            | State::Next => None,
        };
        picked.ok_or(Unpicked::Incomplete)
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), Unpicked> {
        self.utf8.check(bytes).map_err(|_| Unpicked::Encoding)?;
        let mut piece = Piece { bytes, from: 0 };
        let mut at = 0;
        while at < bytes.len() {
            at = match self.state {
                State::InName => self.in_name(&mut piece, at)?,
                State::InString => self.in_string(&mut piece, at)?,
                State::InNumber(number) => self.in_number(&mut piece, at, number)?,
                State::InWord => self.in_word(&mut piece, at, self.word)?,
                State::Top
                | State::Value
                | State::FirstValue
                | State::Name
                | State::FirstName
                | State::Colon
                | State::Next
                | State::Nothing => match blank::sign(bytes, at) {
                    Some((at, sign)) => self.sign(&mut piece, at, sign)?,
                    None => break,
                },
            };
        }
        if self.kept.is_keeping() { self.kept.push(&bytes[piece.from..]) } else { Ok(()) }
    }

    /// Takes a byte that is not blank and in no name, string, number or word; gives the place behind what it began.
    fn sign(&mut self, piece: &mut Piece<'_>, at: usize, sign: u8) -> Result<usize, Unpicked> {
        match (self.state, sign) {
            (State::Next, b',') if self.is_in_object() => self.go_on(State::Name, at + 1),
            (State::Next, b',') => self.go_on(State::Value, at + 1),
            (State::Name | State::FirstName, b'"') => self.members(piece, at),
            (State::Colon, b':') => self.go_on(State::Value, at + 1),
            (State::Next | State::FirstName, b'}') if self.is_in_object() => self.close(piece, at + 1),
            (State::Next | State::FirstValue, b']') if !self.is_in_object() => self.close(piece, at + 1),
            (State::Value | State::FirstValue | State::Top, _) => self.value(piece, at, sign),
            _ => Err(Unpicked::Syntax(at as u64)),
        }
    }

    fn go_on(&mut self, state: State, at: usize) -> Result<usize, Unpicked> {
        self.state = state;
        Ok(at)
    }

    /// Takes members from the one on whose quote stands at `at`: one after the other, as long as they are plain, whole in the piece
    /// and not asked for.
    fn members(&mut self, piece: &mut Piece<'_>, mut at: usize) -> Result<usize, Unpicked> {
        while self.depth <= MAX_DEPTH
            && let Some(Begun { name, value }) = member::begun(piece.bytes, at)
        {
            let next = self.named(&piece.bytes[name])?;
            let end = if next.is_none() { member::plain_value(piece.bytes, value) } else { None };
            let Some(end) = end else {
                self.next = next;
                return self.go_on(State::Value, value);
            };
            if piece.bytes.get(end..end + 2) != Some(b",\"") {
                return self.go_on(State::Next, end);
            }
            at = end + 1;
        }
        self.name.clear();
        (self.state, self.text) = (State::InName, Text::BEGUN);
        self.in_name(piece, at + 1)
    }

    /// Takes more of a name.
    fn in_name(&mut self, piece: &mut Piece<'_>, at: usize) -> Result<usize, Unpicked> {
        let ended = if self.here().is_some() {
            let (name, most) = (&mut self.name, self.wanted.telling());
            self.text.decode(piece.bytes, at, |decoded| {
                let room = most.saturating_sub(name.len()).min(decoded.len());
                name.extend_from_slice(&decoded[..room]);
            })?
        } else {
            self.text.pass(piece.bytes, at)?
        };
        let Some(at) = ended else { return Ok(piece.bytes.len()) };
        let name = std::mem::take(&mut self.name);
        self.next = self.named(&name)?;
        self.name = name;
        self.go_on(State::Colon, at)
    }

    /// Where in the tree the object is whose names come, if it is on the way.
    fn here(&self) -> Option<Place> {
        if self.way.len() == usize::from(self.depth) { self.way.last().copied() } else { None }
    }

    /// Where in the tree the member is that has this name, if it is asked for or on the way.
    fn named(&self, name: &[u8]) -> Result<Option<Place>, Unpicked> {
        let Some(here) = self.here() else { return Ok(None) };
        match self.wanted.member(here, name).map(|place| (place, self.kept.found(place))) {
            Some((place, Found::Nothing)) => Ok(Some(place)),
            Some((_, Found::Value(_) | Found::Object | Found::List)) => Err(Unpicked::KeyTwice),
            None if self.wanted.is_mistakable(here, name) => Err(Unpicked::LikeKey),
            None => Ok(None),
        }
    }

    /// Takes the first byte of a value.
    fn value(&mut self, piece: &mut Piece<'_>, at: usize, first: u8) -> Result<usize, Unpicked> {
        if self.depth > MAX_DEPTH {
            return Err(Unpicked::TooDeep);
        }
        if let Some(place) = self.next.take() {
            self.meet(piece, at, first, place);
        }
        match first {
            b'"' => {
                (self.state, self.text) = (State::InString, Text::BEGUN);
                self.in_string(piece, at + 1)
            }
            b'{' | b'[' => {
                self.depth += 1;
                self.objects = self.objects << 1 | u128::from(first == b'{');
                self.go_on(if first == b'{' { State::FirstName } else { State::FirstValue }, at + 1)
            }
            b't' => self.in_word(piece, at + 1, b"rue"),
            b'f' => self.in_word(piece, at + 1, b"alse"),
            b'n' => self.in_word(piece, at + 1, b"ull"),
            _ => match Number::begin(first) {
                Some(number) => self.in_number(piece, at + 1, number),
                None => Err(Unpicked::Syntax(at as u64)),
            },
        }
    }

    /// Meets a value to which the tree leads.
    fn meet(&mut self, piece: &mut Piece<'_>, at: usize, first: u8, place: Place) {
        let is_whole = self.wanted.is_whole(place);
        match first {
            b'{' if !is_whole => {
                self.way.push(place);
                self.kept.note(place, Found::Object);
            }
            b'[' if !is_whole => self.kept.note(place, Found::List),
            _ => {
                self.kept.begin(place, self.depth);
                piece.from = at;
            }
        }
    }

    /// Ends the innermost object or list, whose last byte is the one before `at`.
    fn close(&mut self, piece: &mut Piece<'_>, at: usize) -> Result<usize, Unpicked> {
        self.depth -= 1;
        self.objects >>= 1;
        self.way.truncate(usize::from(self.depth));
        self.end_value(piece, at)
    }

    /// Ends a value, whose last byte is the one before `at`.
    fn end_value(&mut self, piece: &mut Piece<'_>, at: usize) -> Result<usize, Unpicked> {
        if self.kept.ends(self.depth) {
            self.kept.push(&piece.bytes[piece.from..at])?;
            self.kept.end();
        }
        self.go_on(if self.depth == 0 { State::Nothing } else { State::Next }, at)
    }

    fn is_in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    fn in_string(&mut self, piece: &mut Piece<'_>, at: usize) -> Result<usize, Unpicked> {
        match self.text.pass(piece.bytes, at)? {
            Some(at) => self.end_value(piece, at),
            None => Ok(piece.bytes.len()),
        }
    }

    fn in_number(&mut self, piece: &mut Piece<'_>, at: usize, begun: Number) -> Result<usize, Unpicked> {
        match scalar::number(begun, piece.bytes, at)? {
            Passed::Ended(at) => self.end_value(piece, at),
            Passed::GoesOn(number) => self.go_on(State::InNumber(number), piece.bytes.len()),
        }
    }

    fn in_word(&mut self, piece: &mut Piece<'_>, at: usize, rest: &'static [u8]) -> Result<usize, Unpicked> {
        match scalar::word(rest, piece.bytes, at)? {
            Passed::Ended(at) => self.end_value(piece, at),
            Passed::GoesOn(rest) => {
                self.word = rest;
                self.go_on(State::InWord, piece.bytes.len())
            }
        }
    }
}

#[cfg(test)]
mod tests;
