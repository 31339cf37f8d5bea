//! What the objects of an array have in common: all that stands between their strings, numbers and words. Most arrays are of objects
//! that are alike in it. So once one has been read, the next is compared with it, which costs a fraction of reading it.
//!
//! Invariant: behind each part that is compared stands one string, number or word, which is looked at as when it is read. So an object
//! that is alike has the same members in the same places, and what is masked of the one is masked of the other.

use std::ops::Range;

use super::output::Output;
use super::piece::Piece;
use crate::json::member::plain_value;
use crate::json::stops::Stops;

/// Most strings, numbers and words of an object that is kept.
const MOST: usize = 64;
/// As many as most have.
const USUAL: usize = 16;
/// Bytes that are compared at once.
const AT_ONCE: usize = size_of::<u128>();

/// What becomes of a string, number or word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    /// It leaves.
    Shown,
    /// It is masked unless it is null.
    MaskedUnlessNull,
    /// It is masked.
    Masked,
}

impl Scalar {
    /// Whether one that begins with that byte is masked.
    #[inline]
    pub(super) fn is_masked(self, first: u8) -> bool {
        match self {
            Self::Shown => false,
            Self::MaskedUnlessNull => first != b'n',
            Self::Masked => true,
        }
    }
}

/// The shape of the objects of one array of a piece, the outermost that has any.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    /// That of the last one that was read whole; none yet if it has no end.
    known: Shape,
    /// That of the one that is being read.
    begun: Shape,
    /// How deep the array is; 0 if there is none.
    depth: u8,
    /// While one is being read, the place behind what is known of it.
    reading: Option<usize>,
}

#[derive(Debug, Default)]
struct Shape {
    /// What stands before each string, number or word, and what becomes of that.
    scalars: Vec<(Part, Scalar)>,
    /// What stands behind the last of them.
    end: Option<Part>,
}

/// A part of a piece, for others to be compared with it.
#[derive(Debug)]
struct Part {
    start: usize,
    length: usize,
    /// The bytes with which it begins, the first one lowest, and which of them are its own.
    begin: u128,
    own: u128,
}

impl Shapes {
    /// An object begins at `at` in an array that is so deep.
    pub(super) fn begin(&mut self, depth: u8, at: usize) {
        if self.depth == 0 {
            self.depth = depth;
        }
        if self.depth == depth {
            self.begun.scalars.clear();
            self.begun.scalars.reserve(USUAL);
            self.reading = Some(at);
        }
    }

    /// A string, number or word of it stands there.
    #[inline]
    pub(super) fn scalar(&mut self, bytes: &[u8], place: Range<usize>, scalar: Scalar) {
        let Some(from) = self.reading else { return };
        self.reading = (self.begun.scalars.len() < MOST).then_some(place.end);
        self.begun.scalars.push((Part::of(bytes, from..place.start), scalar));
    }

    /// Something else is in it, so it tells nothing of the next.
    #[inline]
    pub(super) fn give_up(&mut self) {
        self.reading = None;
    }

    /// An object has ended before `at`, and is in what is so deep.
    #[inline]
    pub(super) fn end(&mut self, bytes: &[u8], depth: u8, at: usize) {
        if depth == self.depth
            && let Some(from) = self.reading.take()
        {
            self.begun.end = Some(Part::of(bytes, from..at));
            std::mem::swap(&mut self.known, &mut self.begun);
        }
    }

    /// An object or array has ended, and is in what is so deep. It may be the array whose objects these are.
    #[inline]
    pub(super) fn close(&mut self, depth: u8) {
        if depth < self.depth {
            (self.depth, self.reading) = (0, None);
            self.known.end = None;
        }
    }

    fn known(&self, depth: u8) -> Option<&Shape> {
        (depth == self.depth && self.known.end.is_some()).then_some(&self.known)
    }
}

impl Piece<'_> {
    /// Passes over an object that begins at `at`, in an array that is so deep, if it is like the last one that was read there; gives the
    /// place behind it.
    pub(super) fn pass_alike(&mut self, depth: u8, at: usize) -> Option<usize> {
        let shape = self.shapes.known(depth)?;
        let before = self.output.mark();
        let end = shape.pass(&mut self.stops, &mut self.output, at);
        if end.is_none() {
            self.output.go_back(before);
        }
        end
    }
}

impl Shape {
    fn pass(&self, stops: &mut Stops<'_>, output: &mut Output, mut at: usize) -> Option<usize> {
        let bytes = stops.bytes();
        for (before, scalar) in &self.scalars {
            at = before.behind(bytes, at)?;
            let end = plain_value(stops, at)?;
            if scalar.is_masked(bytes[at]) {
                output.mask(bytes, at);
                output.unmask(end);
            }
            at = end;
        }
        self.end.as_ref()?.behind(bytes, at)
    }
}

impl Part {
    /// What stands there.
    fn of(bytes: &[u8], place: Range<usize>) -> Self {
        let mut begin = [0; AT_ONCE];
        let length = place.len().min(AT_ONCE);
        begin[..length].copy_from_slice(&bytes[place.start..place.start + length]);
        let own = u128::MAX.checked_shr(8 * (AT_ONCE - length) as u32).unwrap_or(0);
        Self { start: place.start, length: place.len(), begin: u128::from_le_bytes(begin), own }
    }

    /// The place behind what begins at `at`, if that is the same.
    #[inline(always)]
    fn behind(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let rest = bytes.get(at..)?;
        let is_same = match rest.first_chunk() {
            Some(begin) if (u128::from_le_bytes(*begin) ^ self.begin) & self.own != 0 => false,
            Some(_) if self.length <= AT_ONCE => true,
            Some(_) | None => rest.get(..self.length)? == bytes.get(self.start..self.start + self.length)?,
        };
        is_same.then_some(at + self.length)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::masking::fields::{FieldPath, FieldTree, Rules};
    use crate::masking::masker::{Form, Masker};

    proptest! {
        #[test]
        fn what_is_the_same_is_found_whatever_stands_behind_it(
            bytes in "[ab]{0,60}", known: (prop::sample::Index, prop::sample::Index), at: prop::sample::Index,
        ) {
            let bytes = bytes.as_bytes();
            let (one, other) = (known.0.index(bytes.len() + 1), known.1.index(bytes.len() + 1));
            let (known, at) = (one.min(other)..one.max(other), at.index(bytes.len() + 1));
            let is_same = bytes[at..].starts_with(&bytes[known.clone()]);
            prop_assert_eq!(Part::of(bytes, known.clone()).behind(bytes, at), is_same.then_some(at + known.len()));
        }
    }

    fn masked(text: &str) -> String {
        let paths =
            ["orders.receiver.name", "orders.phone", "a"].map(|path| path.parse::<FieldPath>().unwrap());
        let tree = FieldTree::new(paths.iter().map(|path| (path, 0)));
        let mut masker = Masker::new(Rules::NONE.with(0), Form::Text);
        let left = masker.mask(&tree, Bytes::copy_from_slice(text.as_bytes())).unwrap();
        masker.end().unwrap();
        String::from_utf8(left.to_vec()).unwrap()
    }

    /// An array of each of these behind two that are as orders are, and before one more.
    fn among(object: &str) -> [String; 2] {
        let order = |name: &str| format!(r#"{{"id":1,"receiver":{{"name":{name}}},"phone":"138"}}"#);
        let shown = |name: &str| order(name).replace("138", "***");
        [
            format!(
                r#"{{"orders":[{},{},{object},{}]}}"#,
                order(r#""Li""#),
                order(r#""Han""#),
                order("null")
            ),
            format!(r#"{{"orders":[{0},{0},OBJECT,{0}]}}"#, shown(r#""***""#)),
        ]
    }

    #[test]
    fn an_object_is_masked_whether_it_is_like_those_before_it_or_not() {
        for (object, left) in [
            (
                r#"{"id":"x","receiver":{"name":"y"},"phone":null}"#,
                r#"{"id":"x","receiver":{"name":"***"},"phone":"***"}"#,
            ),
            (
                r#"{"id":1,"receiver":{"name":{"x":1}},"phone":2}"#,
                r#"{"id":1,"receiver":{"name":"***"},"phone":"***"}"#,
            ),
            (
                r#"{"id":1,"receiver":{"nam":"y"},"phone":3}"#,
                r#"{"id":1,"receiver":{"nam":"y"},"phone":"***"}"#,
            ),
            (
                r#"{"id":1,"receiver":{"name":"\u0079"},"phone":3}"#,
                r#"{"id":1,"receiver":{"name":"***"},"phone":"***"}"#,
            ),
            (r#"{"id":1,"receiver":"name","phone":3}"#, r#"{"id":1,"receiver":"***","phone":"***"}"#),
            (r#"{"id":1,"receiver":null,"phone":3}"#, r#"{"id":1,"receiver":null,"phone":"***"}"#),
            (r#"{"phone":3,"id":1}"#, r#"{"phone":"***","id":1}"#),
            (
                r#"{"id":1,"receiver":{"name":"y"},"phone":3,"a":4}"#,
                r#"{"id":1,"receiver":{"name":"***"},"phone":"***","a":4}"#,
            ),
            ("[]", "[]"),
            ("5", "\"***\""),
        ] {
            let [text, expected] = among(object);
            assert_eq!(masked(&text), expected.replace("OBJECT", left), "{object}");
        }
    }

    #[test]
    fn objects_of_another_array_are_others() {
        let text = r#"{"orders":[{"phone":1},{"phone":2},{"phone":3}],"others":[{"phone":4},{"phone":5},{"phone":6}],"a":7}"#;
        let left = r#"{"orders":[{"phone":"***"},{"phone":"***"},{"phone":"***"}],"others":[{"phone":4},{"phone":5},{"phone":6}],"a":"***"}"#;
        assert_eq!(masked(text), left);
    }
}
