//! The path in the one form in which it is matched and forwarded; what could be read in two ways is refused.
//!
//! RFC 3986, section 6.2.2: percent-encoded unreserved characters are decoded, other escapes written in upper case.

use std::borrow::Cow;

use crate::domain::refusal::Refusal;

/// The normal form of an absolute path. Costs one scan and no copy for a path that is normal already.
///
/// # Errors
/// [`Refusal::PathAmbiguous`] for dot segments, empty segments, encoded slashes, control bytes and bad UTF-8.
pub fn normalise(path: &str) -> Result<Cow<'_, str>, Refusal> {
    if !path.starts_with('/') {
        return Err(Refusal::PathAmbiguous("The path must begin with a slash."));
    }
    match scan(path)? {
        Escapes::None => Ok(Cow::Borrowed(path)),
        Escapes::Some => {
            let decoded = decode(path)?;
            scan(&decoded)?;
            Ok(Cow::Owned(decoded))
        }
    }
}

/// Whether a path has percent-encoded bytes.
enum Escapes {
    None,
    Some,
}

/// What a byte can be in a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    Slash,
    Percent,
    Backslash,
    Bad,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Bad; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        classes[byte] = Class::Plain;
        byte += 1;
    }
    classes[b'/' as usize] = Class::Slash;
    classes[b'%' as usize] = Class::Percent;
    classes[b'\\' as usize] = Class::Backslash;
    classes
};

fn scan(path: &str) -> Result<Escapes, Refusal> {
    let bytes = path.as_bytes();
    let mut escapes = Escapes::None;
    for (at, byte) in bytes.iter().enumerate() {
        match CLASSES[usize::from(*byte)] {
            Class::Plain => {}
            Class::Slash => check_segment(&bytes[at + 1..])?,
            Class::Percent => escapes = Escapes::Some,
            Class::Backslash => return Err(Refusal::PathAmbiguous("The path has a backslash.")),
            Class::Bad => {
                return Err(Refusal::PathAmbiguous("The path has a byte that must be percent-encoded."));
            }
        }
    }
    Ok(escapes)
}

/// Checks how a segment begins.
fn check_segment(rest: &[u8]) -> Result<(), Refusal> {
    match rest.first() {
        Some(b'/') => Err(Refusal::PathAmbiguous("The path has an empty segment (//).")),
        Some(b'.') => {
            // Some servers cut `;` and what follows off a segment, and so take `..;` for a dot segment.
            let after = rest.get(1).filter(|byte| **byte == b'.').map_or(&rest[1..], |_| &rest[2..]);
            match after.first() {
                None | Some(b'/' | b';') => {
                    Err(Refusal::PathAmbiguous("The path has a dot segment (/./ or /../)."))
                }
                Some(_) => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn decode(path: &str) -> Result<String, Refusal> {
    let bytes = path.as_bytes();
    let mut normal = String::with_capacity(path.len());
    let mut decoded = Vec::with_capacity(path.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'%' {
            normal.push(char::from(byte));
            decoded.push(byte);
            at += 1;
            continue;
        }
        let value = escaped(bytes.get(at + 1), bytes.get(at + 2))?;
        match value {
            b'/' | b'\\' => return Err(Refusal::PathAmbiguous("The path has an encoded slash.")),
            0..=0x1f | 0x7f => return Err(Refusal::PathAmbiguous("The path has an encoded control byte.")),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                normal.push(char::from(value));
            }
            _ => {
                normal.push('%');
                normal.push(hex_digit(value >> 4));
                normal.push(hex_digit(value & 15));
            }
        }
        decoded.push(value);
        at += 3;
    }
    if std::str::from_utf8(&decoded).is_err() {
        return Err(Refusal::PathAmbiguous("The path's escapes are not UTF-8."));
    }
    Ok(normal)
}

fn escaped(high: Option<&u8>, low: Option<&u8>) -> Result<u8, Refusal> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    match (digit(high), digit(low)) {
        (Some(high), Some(low)) => Ok(u8::try_from(high * 16 + low).unwrap_or(0)),
        _ => Err(Refusal::PathAmbiguous("The path has a percent sign without two hexadecimal digits.")),
    }
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_has_one_form() {
        for (path, normal) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/", "/a/"),
            ("/%61%2d%7E", "/a-~"),
            ("/%e8%8c%b6", "/%E8%8C%B6"),
            ("/a%20b", "/a%20b"),
            ("/.well-known/x", "/.well-known/x"),
            ("/a..b/...", "/a..b/..."),
        ] {
            assert_eq!(normalise(path).unwrap(), normal, "{path}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for path in [
            "",
            "a",
            "*",
            "//",
            "/a//b",
            "/.",
            "/..",
            "/a/./b",
            "/a/../b",
            "/a/..",
            "/a/..;/b",
            "/.;x/b",
            "/%2e%2e/a",
            "/.%2E",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/%00",
            "/%0a",
            "/%",
            "/%4",
            "/%zz",
            "/%ff",
            "/%c0%af",
            "/a b",
            "/é",
        ] {
            assert!(matches!(normalise(path), Err(Refusal::PathAmbiguous(_))), "{path:?} was taken");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(path in "/[a-zA-Z0-9%./~\\\\é_-]{0,24}") {
            if let Ok(normal) = normalise(&path) {
                prop_assert_eq!(normalise(&normal).unwrap(), normal.clone());
            }
        }
    }
}
