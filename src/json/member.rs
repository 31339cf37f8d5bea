//! Members as nearly all are: a name without escapes, then a string without escapes, a number or a word, with no blanks.

use std::ops::Range;

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

/// What is behind the value with which a text begins, if that is a string without escapes, a number or a word; something must follow a
/// number.
#[inline(always)]
pub(crate) fn behind_plain(text: &[u8]) -> Option<&[u8]> {
    // Most are strings, and short.
    if let Some([b'"', string @ ..]) = text.first_chunk::<{ 1 + BLOCK }>() {
        match first_stop(string) {
            Some(found) if string[found] == b'"' => text.get(1 + found + 1..),
            Some(_) => None,
            None => behind_string(text.get(1 + BLOCK..)?),
        }
    } else {
        behind_any_plain(text)
    }
}

#[inline(never)]
fn behind_string(text: &[u8]) -> Option<&[u8]> {
    text.get(next_stop(text, 0)..)?.strip_prefix(b"\"")
}

#[inline(never)]
fn behind_any_plain(text: &[u8]) -> Option<&[u8]> {
    match text.split_first()? {
        (b'"', string) => behind_string(string),
        (b't', _) => text.strip_prefix(b"true"),
        (b'f', _) => text.strip_prefix(b"false"),
        (b'n', _) => text.strip_prefix(b"null"),
        (first, rest) => behind_number(Number::begin(*first)?, rest),
    }
}

/// Where the value that begins at `at` ends, if it is such.
#[inline]
pub(crate) fn plain_value(bytes: &[u8], at: usize) -> Option<usize> {
    let behind = behind_plain(bytes.get(at..)?)?;
    Some(bytes.len() - behind.len())
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
