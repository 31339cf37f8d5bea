//! What is kept of a text while members are picked from it: the bytes of values, within a bound, and where they were found.

use std::ops::Range;

use super::unpicked::Unpicked;
use super::wanted::{Place, WantedMembers};

/// What was found where one or more members were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picked<'p> {
    /// The bytes of a value that was asked for, or that is neither an object nor a list where an object was to be: JSON, but for what
    /// only its reader sees.
    Value(&'p [u8]),
    /// An object, with those of its members that were asked for and are there.
    Object(Vec<(&'p str, Self)>),
    /// A list where an object was to be.
    List,
}

/// What was found at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Value(Range<usize>),
    Object,
    List,
}

/// What is kept of a text.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    max: usize,
    bytes: Vec<u8>,
    found: Vec<Found>,
    /// The value that is being kept.
    keeping: Option<Keeping>,
}

#[derive(Debug, Clone)]
struct Keeping {
    place: Place,
    /// How many objects and lists are open around it.
    depth: u8,
    /// Where what is kept of it begins.
    from: usize,
}

impl Kept {
    /// Nothing so far of what may be found at so many places; `max` bytes at most.
    pub(super) fn nothing(places: usize, max: usize) -> Self {
        Self { max, bytes: Vec::new(), found: vec![Found::Nothing; places], keeping: None }
    }

    /// Forgets all of it.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.found.fill(Found::Nothing);
        self.keeping = None;
    }

    /// What was found at a place.
    pub(super) fn found(&self, place: Place) -> &Found {
        &self.found[place.0]
    }

    /// Notes what was found at a place.
    pub(super) fn note(&mut self, place: Place, found: Found) {
        self.found[place.0] = found;
    }

    /// Keeps the bytes that come, of the value at a place, which so many objects and lists are open around.
    pub(super) fn begin(&mut self, place: Place, depth: u8) {
        self.keeping = Some(Keeping { place, depth, from: self.bytes.len() });
    }

    /// Whether a value is being kept.
    pub(super) fn is_keeping(&self) -> bool {
        self.keeping.is_some()
    }

    /// Keeps more of the value that is being kept.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Unpicked> {
        if bytes.len() > self.max.saturating_sub(self.bytes.len()) {
            return Err(Unpicked::TooLong);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Whether a value that ends with so many objects and lists open around it is the one that is being kept.
    pub(super) fn ends(&self, depth: u8) -> bool {
        self.keeping.as_ref().is_some_and(|keeping| keeping.depth == depth)
    }

    /// Ends the value that is being kept.
    pub(super) fn end(&mut self) {
        if let Some(Keeping { place, from, .. }) = self.keeping.take() {
            self.note(place, Found::Value(from..self.bytes.len()));
        }
    }

    /// As much as has come of the value that is being kept.
    pub(super) fn unended(&self) -> Option<&[u8]> {
        self.keeping.as_ref().map(|keeping| &self.bytes[keeping.from..])
    }

    /// What was picked from a place on, if anything was found there.
    pub(super) fn picked<'p>(&'p self, wanted: &'p WantedMembers, place: Place) -> Option<Picked<'p>> {
        match self.found(place) {
            Found::Nothing => None,
            Found::Value(range) => Some(Picked::Value(&self.bytes[range.clone()])),
            Found::List => Some(Picked::List),
            Found::Object => {
                let members = wanted.members(place);
                let found = members.filter_map(|(name, place)| Some((name, self.picked(wanted, place)?)));
                Some(Picked::Object(found.collect()))
            }
        }
    }
}
