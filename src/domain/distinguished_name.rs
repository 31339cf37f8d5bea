//! Distinguished names as text (RFC 4514): two that mean the same are equal, however their text spells them.

use std::fmt;
use std::str::FromStr;

/// Short names of attribute types (RFC 4514, section 3, and what certificates have beside those), as they are written.
const NAMED: [(&str, &str); 11] = [
    ("CN", "2.5.4.3"),
    ("serialNumber", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("emailAddress", "1.2.840.113549.1.9.1"),
];

/// Longest text of one, in bytes, as it is typed and as it is written.
const MAX_LENGTH: usize = 1_000;

/// An attribute: its type as numbers with dots between them, and its value. Values are compared as they are.
pub type Attribute = (String, String);

/// A distinguished name: what comes first in its text is what is most particular, such as `CN=…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistinguishedName(Vec<Vec<Attribute>>);

/// A text that is no distinguished name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a distinguished name as RFC 4514 writes it, such as CN=erp,O=Bright Apps,C=CN")]
pub struct InvalidName;

impl DistinguishedName {
    /// The name of these parts, each of one attribute or more, in the order of the text: that of certificates turned round.
    #[must_use]
    pub fn new(mut parts: Vec<Vec<Attribute>>) -> Self {
        // Within a part the order means nothing.
        parts.iter_mut().for_each(|part| part.sort_unstable());
        Self(parts)
    }

    /// Whether it names nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for DistinguishedName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.trim().is_empty() || text.len() > MAX_LENGTH {
            return Err(InvalidName);
        }
        let parts: Result<Vec<_>, _> = split(text, ',')
            .into_iter()
            .map(|part| split(part, '+').into_iter().map(attribute).collect())
            .collect();
        let name = Self::new(parts?);
        // What is written is read again.
        if name.to_string().len() > MAX_LENGTH { Err(InvalidName) } else { Ok(name) }
    }
}

/// The pieces of a text between separators that no backslash stands before.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut pieces, mut start, mut is_escaped) = (Vec::new(), 0, false);
    for (at, character) in text.char_indices() {
        if !is_escaped && character == separator {
            pieces.push(&text[start..at]);
            start = at + separator.len_utf8();
        }
        is_escaped = !is_escaped && character == '\\';
    }
    pieces.push(&text[start..]);
    pieces
}

fn attribute(text: &str) -> Result<Attribute, InvalidName> {
    let (kind, value) = text.split_once('=').ok_or(InvalidName)?;
    let kind = kind.trim();
    let named = NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(kind));
    let kind = match named {
        Some((_, numbers)) => (*numbers).to_owned(),
        None if is_numbers(kind) => kind.to_owned(),
        None => return Err(InvalidName),
    };
    let value = unescape(trim(value))?;
    if value.is_empty() || value.chars().any(char::is_control) { Err(InvalidName) } else { Ok((kind, value)) }
}

fn is_numbers(kind: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    kind.contains('.') && kind.split('.').all(is_number)
}

/// Without the blanks around a value, but for an escaped one at its end.
fn trim(value: &str) -> &str {
    let value = value.trim_start_matches(' ');
    let trimmed = value.trim_end_matches(' ');
    let backslashes = trimmed.len() - trimmed.trim_end_matches('\\').len();
    match backslashes % 2 {
        1 if trimmed.len() < value.len() => &value[..=trimmed.len()],
        _ => trimmed,
    }
}

/// The value behind its text; the form `#hex` is not taken, since nobody can read it.
fn unescape(value: &str) -> Result<String, InvalidName> {
    if value.starts_with('#') {
        return Err(InvalidName);
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => bytes.push(escaped(&mut rest).ok_or(InvalidName)?),
            b'"' | b';' | b'<' | b'>' => return Err(InvalidName),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| InvalidName)
}

/// What a backslash stands before: a special character, or a byte in hexadecimal.
fn escaped(rest: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let first = rest.next()?;
    match digit(first) {
        Some(high) => Some(high << 4 | digit(rest.next()?)?),
        None => b" \"#+,;<=>\\".contains(&first).then_some(first),
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.iter().enumerate() {
            f.write_str(if at > 0 { "," } else { "" })?;
            for (at, (kind, value)) in part.iter().enumerate() {
                let named = NAMED.iter().find(|(_, numbers)| numbers == kind);
                let kind = named.map_or(kind.as_str(), |(name, _)| name);
                write!(f, "{}{kind}=", if at > 0 { "+" } else { "" })?;
                write_value(f, value)?;
            }
        }
        Ok(())
    }
}

fn write_value(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    let last = value.chars().count().saturating_sub(1);
    for (at, character) in value.chars().enumerate() {
        let is_at_edge = (at == 0 && matches!(character, ' ' | '#')) || (at == last && character == ' ');
        if is_at_edge || "\"+,;<>\\".contains(character) {
            f.write_str("\\")?;
        }
        write!(f, "{character}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn written(text: &str) -> String {
        text.parse::<DistinguishedName>().unwrap_or_else(|_| panic!("{text} was refused")).to_string()
    }

    #[test]
    fn a_name_is_written_in_one_way() {
        for (text, expected) in [
            ("CN=erp,O=Bright Apps,C=CN", "CN=erp,O=Bright Apps,C=CN"),
            (" cn = erp , o=Bright Apps", "CN=erp,O=Bright Apps"),
            ("CN=a+OU=b,DC=example,DC=com", "OU=b+CN=a,DC=example,DC=com"),
            ("2.5.4.3=erp,1.2.3.4=x", "CN=erp,1.2.3.4=x"),
            (r"CN=Li\, Lei,O=\#1 \E6\9D\AD\20", r"CN=Li\, Lei,O=\#1 杭\ "),
            (r"CN=a\=b=c", "CN=a=b=c"),
        ] {
            assert_eq!(written(text), expected);
            assert_eq!(written(expected), expected);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            " ",
            "erp",
            "CN=",
            "CN=a,,C=CN",
            "CN=a,",
            "foo=a",
            "CN=#04",
            r"CN=a\",
            "CN=\"a\"",
            "CN=a;C=b",
        ] {
            assert_eq!(text.parse::<DistinguishedName>(), Err(InvalidName), "{text}");
        }
        assert!(format!("CN={}", "x".repeat(2000)).parse::<DistinguishedName>().is_err());
    }

    #[test]
    fn what_is_written_is_no_longer_than_what_is_read() {
        // Written, `2.5.4.5` is `serialNumber`.
        for (length, is_taken) in [(987, true), (988, false)] {
            let text = format!("2.5.4.5={}", "x".repeat(length));
            let name = text.parse::<DistinguishedName>();
            assert_eq!(name.is_ok(), is_taken, "{length}");
            assert!(name.is_err() || written(&text).len() == 1_000);
        }
    }

    #[test]
    fn case_and_order_of_values_tell_names_apart() {
        assert_ne!(written("CN=a,O=b"), written("CN=A,O=b"));
        assert_ne!(written("CN=a,O=b"), written("O=b,CN=a"));
    }
}
