//! Members as nearly all are: a name without escapes, then a string without escapes, a number or a word, with no blanks.

use std::ops::Range;

use wide::u8x16;

use super::number::Number;
use super::stops::{BLOCK, first_stop, next_stop};

/// The beginning of a member.
pub(crate) struct Begun {
    /// Where its name stands, which has no escapes.
    pub(crate) name: Range<usize>,
    /// Where its value begins.
    pub(crate) value: usize,
}

/// The member that begins with a quote, which stands at `at`, if it is such a one as far as its value, and that begins in the piece.
#[inline(always)]
pub(crate) fn begun(bytes: &[u8], at: usize) -> Option<Begun> {
    let name = at + 1..next_stop(bytes, at + 1);
    if bytes.get(name.end..name.end + 2)? != b"\":" {
        return None;
    }
    // A blank is as it is where somebody is to read it.
    let value = name.end + 2 + usize::from(bytes.get(name.end + 2) == Some(&b' '));
    let is_there = bytes.get(value).is_some_and(|first| *first > b' ');
    is_there.then_some(Begun { name, value })
}

/// How many bytes of a text are looked at at once to see what value it begins with.
pub(crate) const AHEAD: usize = 1 + BLOCK;

/// How long the value is with which a text begins, if that is a string without escapes, a number or a word; something must follow a
/// number. The text goes on behind `begin` from `behind` on.
#[inline(always)]
pub(crate) fn plain_length(begin: &[u8; AHEAD], text: &[u8], at: usize) -> Option<usize> {
    // Most are strings, and short.
    let [first, block @ ..] = begin;
    if *first != b'"' {
        return integer_length(begin).or_else(|| any_plain_length(text.get(at..)?));
    }
    let Some(found) = first_stop(block) else {
        let end = next_stop(text, at + AHEAD);
        return (text.get(end) == Some(&b'"')).then(|| end + 1 - at);
    };
    if block[found] != b'"' {
        return None;
    }
    Some(found + 2)
}

/// How long the digits are with which a text begins, if they are a number that has ended.
#[inline(always)]
fn integer_length(begin: &[u8; AHEAD]) -> Option<usize> {
    let [block @ .., _] = begin;
    let digits = u8x16::new(*block) - u8x16::splat(b'0');
    let length = digits.simd_eq(digits.min(u8x16::splat(9))).to_bitmask().trailing_ones() as usize;
    let is_number = length == 1 || (length > 1 && begin[0] != b'0');
    (is_number && matches!(begin.get(length)?, b',' | b'}' | b']')).then_some(length)
}

#[inline(never)]
fn any_plain_length(text: &[u8]) -> Option<usize> {
    let (first, rest) = text.split_first()?;
    let behind = match first {
        b'"' => rest.get(next_stop(rest, 0)..)?.strip_prefix(b"\"")?,
        b't' => text.strip_prefix(b"true")?,
        b'f' => text.strip_prefix(b"false")?,
        b'n' => text.strip_prefix(b"null")?,
        first => behind_number(Number::begin(*first)?, rest)?,
    };
    Some(text.len() - behind.len())
}

/// Where the value that begins at `at` ends, if it is such.
#[inline(always)]
pub(crate) fn plain_value(bytes: &[u8], at: usize) -> Option<usize> {
    let text = bytes.get(at..)?;
    let length = match text.first_chunk() {
        Some(begin) => plain_length(begin, bytes, at),
        None => any_plain_length(text),
    };
    Some(at + length?)
}

/// What of `rest` does not belong to the number.
fn behind_number(begun: Number, mut rest: &[u8]) -> Option<&[u8]> {
    let mut number = begun;
    while let Some((byte, behind)) = rest.split_first() {
        match number.after(*byte) {
            Some(after) => (number, rest) = (after, behind),
            None => return number.may_end().then_some(rest),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_seen_if_it_is_plain_and_whole() {
        for (text, seen) in [
            (r#""a":"b","#, Some(("a", "\"b\""))),
            (r#""": """#, Some(("", "\"\""))),
            (r#""收件人":-1.5e3}"#, Some(("收件人", "-1.5e3"))),
            (r#""a": 0,"#, Some(("a", "0"))),
            (r#""a":12"#, None),
            (r#""a":"b"#, None),
            (r#""a":"b\n""#, None),
            (r#""\u0061":1,"#, None),
            (r#""a" :1,"#, None),
            (r#""a":  1,"#, None),
            ("\"a\":\n1,", None),
            (r#""a":-,"#, None),
            (r#""a":null,"#, Some(("a", "null"))),
            (r#""a":true"#, Some(("a", "true"))),
            (r#""a":false}"#, Some(("a", "false"))),
            (r#""a":nul,"#, None),
            (r#""a":tru"#, None),
            (r#""a":{"#, None),
            (r#""a": "#, None),
            ("", None),
        ] {
            let member = begun(text.as_bytes(), 0).and_then(|begun| {
                let end = plain_value(text.as_bytes(), begun.value)?;
                Some((&text[begun.name], &text[begun.value..end]))
            });
            assert_eq!(member, seen, "{text}");
        }
    }
}
