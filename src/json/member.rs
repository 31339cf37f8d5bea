//! Members as nearly all are: a name without escapes, then a string without escapes, a number or a word, with no blanks.

use std::ops::Range;

use super::number::Number;
use super::stops::Stops;

/// The beginning of a member.
pub(crate) struct Begun {
    /// Where its name stands, which has no escapes.
    pub(crate) name: Range<usize>,
    /// Where its value begins.
    pub(crate) value: usize,
}

/// The member that begins with a quote, which stands at `at`, if it is such a one as far as its value, and that begins in the piece.
#[inline(always)]
pub(crate) fn begun(piece: &mut Stops<'_>, at: usize) -> Option<Begun> {
    let bytes = piece.bytes();
    let name = at + 1..piece.next(at + 1);
    if bytes.get(name.end..name.end + 2)? != b"\":" {
        return None;
    }
    // A blank is as it is where somebody is to read it.
    let value = name.end + 2 + usize::from(bytes.get(name.end + 2) == Some(&b' '));
    let is_there = bytes.get(value).is_some_and(|first| *first > b' ');
    is_there.then_some(Begun { name, value })
}

/// Where the value that begins at `at` ends, if it is a string without escapes, a number or a word; something must follow a number.
#[inline(always)]
pub(crate) fn plain_value(piece: &mut Stops<'_>, at: usize) -> Option<usize> {
    let bytes = piece.bytes();
    match bytes.get(at)? {
        b'"' => {
            let end = piece.next(at + 1);
            (bytes.get(end) == Some(&b'"')).then_some(end + 1)
        }
        b't' => word(bytes, at, b"true"),
        b'f' => word(bytes, at, b"false"),
        b'n' => word(bytes, at, b"null"),
        first => Some(at + 1 + number(Number::begin(*first)?, &bytes[at + 1..])?),
    }
}

fn word(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    bytes[at..].starts_with(word).then_some(at + word.len())
}

/// How many bytes of `rest` belong to the number.
fn number(begun: Number, rest: &[u8]) -> Option<usize> {
    let mut number = begun;
    for (length, byte) in rest.iter().enumerate() {
        match number.after(*byte) {
            Some(after) => number = after,
            None => return number.may_end().then_some(length),
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
            let mut piece = Stops::of(text.as_bytes());
            let member = begun(&mut piece, 0).and_then(|begun| {
                let end = plain_value(&mut piece, begun.value)?;
                Some((&text[begun.name], &text[begun.value..end]))
            });
            assert_eq!(member, seen, "{text}");
        }
    }
}
