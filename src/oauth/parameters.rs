//! Parameters of OAuth2 requests: form-encoded, none twice, an empty one as good as none (RFC 6749, section 3.1).
//!
//! Invariant: a value is UTF-8 text without control characters, so that it can go to any store, page or log. What is not
//! is told as malformed and cannot be had.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

/// The one parameter that may be sent more than once.
const RESOURCE: &str = "resource";

/// Parameters by name.
#[derive(Default)]
pub struct Parameters {
    values: HashMap<String, String>,
    repeated: BTreeSet<String>,
    malformed: BTreeSet<String>,
    resources: Vec<String>,
}

impl Parameters {
    /// Reads a query or a form. Values may be unencoded where no `&`, `+` or `%` is in them.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parameters = Self::default();
        for pair in text.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // Nobody knows a parameter by such a name, and what nobody knows is passed over.
            let Some(name) = decode(name) else { continue };
            match decode(value) {
                Some(value) if value.is_empty() => {}
                Some(value) if name == RESOURCE => parameters.resources.push(value),
                Some(value) => parameters.add(name, value),
                None => {
                    parameters.malformed.insert(name);
                }
            }
        }
        parameters
    }

    /// Reads a form; `None` if it is no text at all.
    #[must_use]
    pub fn of_form(body: &[u8]) -> Option<Self> {
        std::str::from_utf8(body).ok().map(Self::parse)
    }

    fn add(&mut self, name: String, value: String) {
        match self.values.entry(name) {
            Entry::Occupied(first) => {
                self.repeated.insert(first.key().clone());
            }
            Entry::Vacant(place) => {
                place.insert(value);
            }
        }
    }

    /// A parameter; the first value of one that was repeated.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The values of `resource`, the one parameter that may be sent more than once (RFC 8707, section 2).
    #[must_use]
    pub fn resources(&self) -> &[String] {
        &self.resources
    }

    /// All of them but `names`, as a form has them.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> String {
        let kept = self.values.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        let mut kept: Vec<_> = kept.map(|(name, value)| (name.as_str(), value)).collect();
        kept.extend(self.resources.iter().map(|resource| ("resource", resource)));
        kept.sort_unstable();
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
    }

    /// A parameter that was sent more than once, if there is one.
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        self.repeated.first().map(String::as_str)
    }

    /// A parameter whose value is no text, or has control characters, if there is one.
    #[must_use]
    pub fn malformed(&self) -> Option<&str> {
        self.malformed.first().map(String::as_str)
    }

    /// Whether that parameter was sent more than once, or is malformed.
    #[must_use]
    pub fn is_faulty(&self, name: &str) -> bool {
        self.repeated.contains(name) || self.malformed.contains(name)
    }
}

impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.values.keys()).finish()
    }
}

/// Form-encoded text as what it means; `None` if that is no text, or has control characters.
#[must_use]
pub fn decode(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    let text = percent_encoding::percent_decode_str(&text).decode_utf8().ok()?;
    (!text.chars().any(char::is_control)).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_repeated_parameter_is_known_and_an_empty_one_is_none() {
        let sent = Parameters::parse("a=1&b=2&a=3&b=4&c=&c=5&d&&=x&e=%C3%A9+%2B");
        assert_eq!(
            (sent.get("a"), sent.get("c"), sent.get("d"), sent.get("e")),
            (Some("1"), Some("5"), None, Some("é +"))
        );
        assert!(sent.is_faulty("a") && sent.is_faulty("b") && !sent.is_faulty("c"));
    }

    #[test]
    fn what_is_no_text_or_has_control_characters_cannot_be_had() {
        for text in ["a=x%00", "a=%ff", "a=%0Ax", "a=\u{7f}", "a=%C2%80"] {
            let sent = Parameters::parse(text);
            assert_eq!((sent.get("a"), sent.malformed()), (None, Some("a")), "{text:?}");
        }
        assert!(Parameters::of_form(b"a=\xff").is_none());
    }

    proptest! {
        #[test]
        fn a_value_comes_back_byte_for_byte(value in "[^\\p{Cc}]{1,20}") {
            let text = form_urlencoded::Serializer::new(String::new()).append_pair("a", &value).finish();
            let sent = Parameters::parse(&text);
            prop_assert_eq!(sent.get("a"), Some(value.as_str()));
        }
    }
}
