//! The way to a member of a JSON text, by the names of members.

use std::fmt;
use std::str::FromStr;

/// Most names of a path.
pub(super) const MAX_NAMES: usize = 32;
/// Before the names of a path that begins anywhere.
const ANYWHERE: &str = "**.";

/// Names of members, from the outermost on, that lead from the top of a text to a member; or from anywhere in it. Arrays on the way are
/// walked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath {
    is_anywhere: bool,
    pub(super) names: Vec<String>,
}

/// Why a text is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// A name is missing: at the beginning, at the end, or between two points.
    #[error("a name is missing in it")]
    NameMissing,
    /// A sign that a name has only behind a backslash; in other languages of paths it means something.
    #[error("{0} means nothing here")]
    Sign(char),
    /// A backslash before nothing.
    #[error("a backslash stands at its end")]
    Backslash,
    /// More names than any text has.
    #[error("it has more than {MAX_NAMES} names")]
    TooLong,
}

impl FieldPath {
    /// Whether it begins anywhere in a text, not at its top.
    #[must_use]
    pub fn is_anywhere(&self) -> bool {
        self.is_anywhere
    }

    /// Whether what this path leads to is within what `other` leads to, or the same.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        match (self.is_anywhere, other.is_anywhere) {
            (_, true) => self.names.windows(other.names.len()).any(|names| names == other.names),
            (false, false) => self.names.starts_with(&other.names),
            (true, false) => false,
        }
    }
}

/// Whether a sign stands in a name only behind a backslash, where that is not clear by itself.
fn is_reserved(sign: char) -> bool {
    matches!(sign, '[' | ']' | '*' | '$' | '/')
}

impl FromStr for FieldPath {
    type Err = InvalidPath;

    /// Reads names with points between them; `**.` before them stands for any names or none. A backslash makes any sign a part of a
    /// name.
    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let (is_anywhere, text) = match text.strip_prefix(ANYWHERE) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut names = vec![String::new()];
        let mut signs = text.chars();
        while let Some(sign) = signs.next() {
            let sign = match sign {
                '.' => {
                    names.push(String::new());
                    continue;
                }
                '\\' => signs.next().ok_or(InvalidPath::Backslash)?,
                sign if is_reserved(sign) => return Err(InvalidPath::Sign(sign)),
                sign => sign,
            };
            names.last_mut().ok_or(InvalidPath::NameMissing)?.push(sign);
        }
        if names.iter().any(String::is_empty) {
            return Err(InvalidPath::NameMissing);
        }
        if names.len() > MAX_NAMES {
            return Err(InvalidPath::TooLong);
        }
        Ok(Self { is_anywhere, names })
    }
}

impl fmt::Display for FieldPath {
    /// As it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_anywhere { ANYWHERE } else { "" })?;
        for (place, name) in self.names.iter().enumerate() {
            f.write_str(if place > 0 { "." } else { "" })?;
            for sign in name.chars() {
                let is_escaped = is_reserved(sign) || matches!(sign, '.' | '\\');
                f.write_str(if is_escaped { "\\" } else { "" })?;
                write!(f, "{sign}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> FieldPath {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_is_names_with_points_between_them() {
        assert_eq!(path("receiver.name").names, ["receiver", "name"]);
        assert_eq!(path(r"a\.b.\$ref.收件人").names, ["a.b", "$ref", "收件人"]);
        assert_eq!((path("**.a.b").is_anywhere, path("**.a.b").names), (true, path("a.b").names));
        assert_eq!((path(r"\*\*.a").is_anywhere, path(r"\*\*.a").names[0].as_str()), (false, "**"));
        for (text, why) in [
            ("", InvalidPath::NameMissing),
            ("receiver.", InvalidPath::NameMissing),
            (".receiver", InvalidPath::NameMissing),
            ("a..b", InvalidPath::NameMissing),
            ("**.", InvalidPath::NameMissing),
            ("**", InvalidPath::Sign('*')),
            ("a.**.b", InvalidPath::Sign('*')),
            ("**.**.b", InvalidPath::Sign('*')),
            ("$.receiver", InvalidPath::Sign('$')),
            ("items[].name", InvalidPath::Sign('[')),
            ("items.*.name", InvalidPath::Sign('*')),
            ("/receiver/name", InvalidPath::Sign('/')),
            ("a\\", InvalidPath::Backslash),
            ("a.".repeat(40).as_str(), InvalidPath::NameMissing),
            (["a"; 40].join(".").as_str(), InvalidPath::TooLong),
        ] {
            assert_eq!(text.parse::<FieldPath>(), Err(why), "{text}");
        }
    }

    #[test]
    fn a_path_is_written_as_it_is_read() {
        for text in ["receiver.name", r"a\.b.\$ref.收件人", "**.phone", r"**.a\\b.\*\*", r"\/\[\].x"] {
            assert_eq!(path(text).to_string(), text);
        }
        assert_eq!(path(r"\a.b").to_string(), "a.b");
    }

    #[test]
    fn a_path_is_within_what_masks_all_that_it_leads_to() {
        for (inner, outer, is_within) in [
            ("a.b", "a", true),
            ("a", "a", true),
            ("ab", "a", false),
            ("a", "a.b", false),
            ("x.a.b.y", "**.a.b", true),
            ("**.x.a", "**.a", true),
            ("**.a", "**.x.a", false),
            ("**.a", "a", false),
            ("a.x.b", "**.a.b", false),
        ] {
            assert_eq!(path(inner).is_within(&path(outer)), is_within, "{inner} in {outer}");
        }
    }
}
