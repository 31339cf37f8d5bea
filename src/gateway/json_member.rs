//! What a JSON text has at the place to which names lead, however often it is there: the text is read in one pass and nothing of
//! it is kept. A list on the way stands for each of its items.
//!
//! Where readers of JSON differ, nothing is guessed: a name that some would take for one on the way is told as well.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::domain::alike::is_alike;

/// What stands at a place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The wanted value, as often as there is one.
    Wanted,
    /// Another value, at least once.
    Another,
    /// Nothing, at least on one of the ways there; or null, or the empty text.
    Nothing,
    /// Something that is not a text.
    NoText,
    /// A name that can be taken for one on the way is there as well, or instead.
    LikeIt,
}

/// Why a text cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotJson;

/// What `text` has at the place to which `names` lead, where `wanted` should be.
///
/// # Errors
/// [`NotJson`] unless it is JSON in UTF-8, and nothing after it (RFC 8259).
pub(super) fn find(text: &[u8], names: &[Box<str>], wanted: &str) -> Result<Found, NotJson> {
    let text = std::str::from_utf8(text).map_err(|_| NotJson)?;
    let mut found = None;
    let mut reader = serde_json::Deserializer::from_str(text);
    At { names, wanted, found: &mut found }.deserialize(&mut reader).map_err(|_| NotJson)?;
    reader.end().map_err(|_| NotJson)?;
    Ok(found.unwrap_or(Found::Nothing))
}

/// A value of the text, and the names that lead on from it.
struct At<'f> {
    names: &'f [Box<str>],
    wanted: &'f str,
    found: &'f mut Option<Found>,
}

impl At<'_> {
    /// Notes what is found; what is wrong is not forgotten for what is right, nor what cannot be told for what is wrong.
    fn note(&mut self, now: Found) {
        let weight = |found: &Found| match found {
            Found::Wanted => 0,
            Found::Another => 1,
            Found::Nothing | Found::NoText | Found::LikeIt => 2,
        };
        if self.found.as_ref().is_none_or(|before| weight(before) < weight(&now)) {
            *self.found = Some(now);
        }
    }

    /// Notes a value that is neither a text nor a list nor an object.
    fn note_other<E>(&mut self, when_last: Found) -> Result<(), E> {
        self.note(if self.names.is_empty() { when_last } else { Found::Nothing });
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        let found = match text {
            _ if !self.names.is_empty() => Found::Nothing,
            "" => Found::Nothing,
            text if text == self.wanted => Found::Wanted,
            _ => Found::Another,
        };
        self.note(found);
        Ok(())
    }

    fn visit_unit<E>(mut self) -> Result<(), E> {
        self.note_other(Found::Nothing)
    }

    fn visit_bool<E>(mut self, _: bool) -> Result<(), E> {
        self.note_other(Found::NoText)
    }

    fn visit_i64<E>(mut self, _: i64) -> Result<(), E> {
        self.note_other(Found::NoText)
    }

    fn visit_u64<E>(mut self, _: u64) -> Result<(), E> {
        self.note_other(Found::NoText)
    }

    fn visit_f64<E>(mut self, _: f64) -> Result<(), E> {
        self.note_other(Found::NoText)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let mut is_empty = true;
        let (names, wanted) = (self.names, self.wanted);
        while items.next_element_seed(At { names, wanted, found: &mut *self.found })?.is_some() {
            is_empty = false;
        }
        if is_empty {
            self.note(Found::Nothing);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let Some((name, names)) = self.names.split_first() else {
            while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            self.note(Found::NoText);
            return Ok(());
        };
        let (wanted, mut is_there) = (self.wanted, false);
        while let Some(likeness) = members.next_key_seed(Name(name))? {
            match likeness {
                Likeness::Same => {
                    is_there = true;
                    members.next_value_seed(At { names, wanted, found: &mut *self.found })?;
                }
                Likeness::Like => {
                    self.note(Found::LikeIt);
                    members.next_value::<IgnoredAny>()?;
                }
                Likeness::Other => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        if !is_there {
            self.note(Found::Nothing);
        }
        Ok(())
    }
}

/// How like a member's name is to one that is looked for.
enum Likeness {
    Same,
    Like,
    Other,
}

/// A name that is looked for.
struct Name<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Likeness;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Likeness, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Likeness;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Likeness, E> {
        Ok(match name {
            name if name == self.0 => Likeness::Same,
            name if is_alike(name, self.0) => Likeness::Like,
            _ => Likeness::Other,
        })
    }
}

#[cfg(test)]
mod tests;
