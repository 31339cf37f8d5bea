//! Where in a file each part of it stands: nested as the file is, and found by JSON Pointer (RFC 6901).

use std::borrow::Cow;

/// Line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

/// Where a part stands, and the parts within it.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) at: Place,
    pub(super) within: Within,
}

/// The parts within a part.
#[derive(Debug)]
pub(super) enum Within {
    Nothing,
    List(Vec<Places>),
    Map(Vec<Keyed>),
}

/// A part of a map.
#[derive(Debug)]
pub(super) struct Keyed {
    pub(super) key: Box<str>,
    pub(super) at: Place,
    pub(super) part: Places,
}

impl Places {
    /// Where the value at `pointer` stands, or the nearest part around it.
    pub(super) fn of(&self, pointer: &str) -> Place {
        self.follow(pointer).0.at
    }

    /// Where the key of the value at `pointer` stands; of what has none, where it stands itself.
    pub(super) fn of_key(&self, pointer: &str) -> Place {
        let (part, key) = self.follow(pointer);
        key.unwrap_or(part.at)
    }

    /// The part at `pointer`, or the nearest around it, and where its key stands if `pointer` names it.
    fn follow(&self, pointer: &str) -> (&Self, Option<Place>) {
        let (mut at, mut key) = (self, None);
        for step in pointer.split('/').skip(1) {
            let inner = match &at.within {
                Within::Nothing => None,
                Within::List(items) => {
                    step.parse().ok().and_then(|index: usize| items.get(index)).map(|item| (item, None))
                }
                Within::Map(entries) => {
                    let name = unescape(step);
                    let entry = entries.iter().find(|entry| *entry.key == *name);
                    entry.map(|entry| (&entry.part, Some(entry.at)))
                }
            };
            match inner {
                Some(inner) => (at, key) = inner,
                None => return (at, None),
            }
        }
        (at, key)
    }
}

/// Escapes a key for a JSON Pointer (RFC 6901, section 3).
#[must_use]
pub fn escape(key: &str) -> Cow<'_, str> {
    match key.contains(['~', '/']) {
        true => Cow::Owned(key.replace('~', "~0").replace('/', "~1")),
        false => Cow::Borrowed(key),
    }
}

/// The key that was escaped for a JSON Pointer.
#[must_use]
pub fn unescape(key: &str) -> Cow<'_, str> {
    match key.contains('~') {
        true => Cow::Owned(key.replace("~1", "/").replace("~0", "~")),
        false => Cow::Borrowed(key),
    }
}
