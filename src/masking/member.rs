//! Members as nearly all are: a name without escapes, a string without escapes or a number, no blanks. Such a one is seen as a
//! whole, which takes a third of the time that it takes step by step.

use std::ops::Range;

use super::number::Number;
use super::text::plain;

/// A member.
pub(super) struct Member {
    /// Where its name stands, which has no escapes.
    pub(super) name: Range<usize>,
    /// Where its value stands.
    pub(super) value: Range<usize>,
}

/// The member that begins with the quote at `at`, if it is such a one and whole in the piece; something must follow a number.
#[inline]
pub(super) fn whole(piece: &[u8], at: usize) -> Option<Member> {
    let [b'"', rest @ ..] = piece.get(at..)? else { return None };
    let length = plain(rest);
    let name = at + 1..at + 1 + length;
    let [b'"', b':', rest @ ..] = rest.get(length..)? else { return None };
    let (begin, rest) = match rest {
        // As it is where somebody is to read it.
        [b' ', rest @ ..] => (name.end + 3, rest),
        rest => (name.end + 2, rest),
    };
    let (first, rest) = rest.split_first()?;
    let behind = match first {
        b'"' => {
            let length = plain(rest);
            if rest.get(length) != Some(&b'"') {
                return None;
            }
            length + 1
        }
        first => number(Number::begin(*first)?, rest)?,
    };
    Some(Member { name, value: begin..begin + 1 + behind })
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
            (r#""a":-,"#, None),
            (r#""a":null,"#, None),
            (r#""a":{"#, None),
            (r#"{"a":1,"#, None),
            (r#""a": "#, None),
            ("", None),
        ] {
            let member = whole(text.as_bytes(), 0).map(|member| (&text[member.name], &text[member.value]));
            assert_eq!(member, seen, "{text}");
        }
    }
}
