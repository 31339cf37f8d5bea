//! Members as nearly all are: a name without escapes, then a string, a number or a word, with no blanks.

use std::ops::Range;

use wide::u8x16;

use super::number::Number;
use super::stops::{BLOCK, first_stop, next_stop};
use super::text::Text;

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
pub(crate) const AHEAD: usize = 1 + 2 * BLOCK;

/// How long the value is that begins at `at` of a text, where `begin` stands, if that is a string, a number or a word; something must
/// follow a number.
#[inline(always)]
pub(crate) fn plain_length(begin: &[u8; AHEAD], text: &[u8], at: usize) -> Option<usize> {
    // Most are strings, and short.
    let [first, string @ ..] = begin;
    if *first != b'"' {
        return number_length(begin).or_else(|| any_plain_length(text.get(at..)?));
    }
    let found = match first_stop(string.first_chunk()?) {
        Some(found) => found,
        None => BLOCK + first_stop(string.last_chunk()?).unwrap_or(0),
    };
    if string[found] != b'"' {
        return any_plain_length(text.get(at..)?);
    }
    Some(found + 2)
}

/// How long the digits are with which a text begins, which may have a point among them, if they are a number that has ended.
#[inline(always)]
fn number_length(begin: &[u8; AHEAD]) -> Option<usize> {
    let digits = u8x16::new(*begin.first_chunk()?) - u8x16::splat(b'0');
    let digits = digits.simd_eq(digits.min(u8x16::splat(9))).to_bitmask();
    let mut length = digits.trailing_ones() as usize;
    if length == 0 || (length > 1 && begin[0] == b'0') {
        return None;
    }
    if begin[length] == b'.' {
        let fraction = (digits >> (length + 1)).trailing_ones() as usize;
        if fraction == 0 {
            return None;
        }
        length += 1 + fraction;
    }
    matches!(begin[length], b',' | b'}' | b']' | b'\n' | b'\r').then_some(length)
}

#[inline(never)]
fn any_plain_length(text: &[u8]) -> Option<usize> {
    let (first, rest) = text.split_first()?;
    let behind = match first {
        b'"' => {
            let mut string = Text::BEGUN;
            return string.pass(text, 1).ok()?;
        }
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_is_as_long_at_once_as_byte_by_byte(
            value in r#"-?[0-9]{0,18}\.?[0-9]{0,18}([eE][-+]?[0-9]{0,3})?|"[a-z0-9\\"\x01]{0,40}"?"#,
            behind in r"[,}\]\n 0-9a]{0,40}",
        ) {
            let text = format!(":{value}{behind}");
            let slow = any_plain_length(&text.as_bytes()[1..]);
            prop_assert_eq!(plain_value(text.as_bytes(), 1), slow.map(|length| 1 + length));
        }
    }

    #[test]
    fn a_member_is_seen_if_it_is_plain_and_whole() {
        for (text, seen) in [
            (r#""a":"b","#, Some(("a", "\"b\""))),
            (r#""": """#, Some(("", "\"\""))),
            (r#""收件人":-1.5e3}"#, Some(("收件人", "-1.5e3"))),
            (r#""a": 0,"#, Some(("a", "0"))),
            (r#""a":12"#, None),
            (r#""a":"b"#, None),
            (r#""a":"b\n\u00e9""#, Some(("a", r#""b\n\u00e9""#))),
            (r#""a":"b\""#, None),
            (r#""a":"b\x""#, None),
            ("\"a\":\"b\n\"", None),
            (r#""a":"0123456789abcdef""#, Some(("a", r#""0123456789abcdef""#))),
            (
                r#""a":"0123456789abcdef0123456789abcdef""#,
                Some(("a", r#""0123456789abcdef0123456789abcdef""#)),
            ),
            (
                r#""a":"0123456789abcdef0123456789abcde\"""#,
                Some(("a", r#""0123456789abcdef0123456789abcde\"""#)),
            ),
            (r#""a":12.50}                                  "#, Some(("a", "12.50"))),
            (r#""a":12.}                                    "#, None),
            (r#""a":01,                                     "#, Some(("a", "0"))),
            (r#""a":1234567890123456,                       "#, Some(("a", "1234567890123456"))),
            (r#""a":12345678901234567,                      "#, Some(("a", "12345678901234567"))),
            (r#""a":123456789012.4567,                      "#, Some(("a", "123456789012.4567"))),
            (r#""a":1234567890123.4567,                     "#, Some(("a", "1234567890123.4567"))),
            (r#""a":1.5e3,                                  "#, Some(("a", "1.5e3"))),
            (r#""a":1.5.3,                                  "#, Some(("a", "1.5"))),
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
