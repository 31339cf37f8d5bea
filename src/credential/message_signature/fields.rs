//! The values of fields as a signature covers them (RFC 9421, section 2.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::COOKIE;
use http::{HeaderMap, HeaderName, Version};
use sfv::{Dictionary, FieldType, Item, List, ListEntry, ListSerializer, Parser};

use super::component::Form;

/// Fields that are known to be dictionaries (RFC 9651, section 3.2): of those `sf` can be written.
const DICTIONARIES: [&str; 8] = [
    "accept-signature",
    "content-digest",
    "priority",
    "repr-digest",
    "signature",
    "signature-input",
    "want-content-digest",
    "want-repr-digest",
];
/// Fields that are known to be lists.
const LISTS: [&str; 3] = ["accept-ch", "cache-status", "client-cert-chain"];
/// Fields that are known to be items.
const ITEMS: [&str; 2] = ["client-cert", "idempotency-key"];

/// The value of a field, if the request has it and it has one of that form.
pub(super) fn value(
    (headers, version): (&HeaderMap, Version),
    name: &HeaderName,
    form: &Form,
) -> Option<String> {
    match form {
        Form::Plain => {
            // HTTP/2 splits it, and whoever reads it puts it together again (RFC 9113, section 8.2.3).
            let between = if *name == COOKIE && version == Version::HTTP_2 { "; " } else { ", " };
            combined(headers, name, between)
        }
        Form::Structured => structured(name.as_str(), &combined(headers, name, ", ")?),
        Form::Bytes => {
            let lines = headers.get_all(name).iter().map(|line| line.as_bytes().trim_ascii());
            let lines: Vec<String> = lines.map(|line| format!(":{}:", STANDARD.encode(line))).collect();
            (!lines.is_empty()).then(|| lines.join(", "))
        }
        Form::Member(member) => {
            let dictionary: Dictionary = Parser::new(&combined(headers, name, ", ")?).parse().ok()?;
            Some(entry(dictionary.get(member.as_str())?))
        }
    }
}

/// The lines of a field as one value (section 2.1); `None` also if it is not ASCII, which a signature base is.
pub(super) fn combined(headers: &HeaderMap, name: &HeaderName, between: &str) -> Option<String> {
    let mut combined: Option<String> = None;
    for line in headers.get_all(name) {
        let line = line.to_str().ok()?.trim_matches([' ', '\t']);
        match &mut combined {
            Some(value) => {
                value.push_str(between);
                value.push_str(line);
            }
            None => combined = Some(line.to_owned()),
        }
    }
    combined
}

fn structured(name: &str, value: &str) -> Option<String> {
    match name {
        name if DICTIONARIES.contains(&name) => Parser::new(value).parse::<Dictionary>().ok()?.serialize(),
        name if LISTS.contains(&name) => Parser::new(value).parse::<List>().ok()?.serialize(),
        name if ITEMS.contains(&name) => Some(Parser::new(value).parse::<Item>().ok()?.serialize()),
        _ => None,
    }
}

/// A member as it is written by itself (section 2.1.2).
pub(super) fn entry(entry: &ListEntry) -> String {
    let mut one = ListSerializer::new();
    one.members([entry]);
    one.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn value_of(lines: &[(&'static str, &'static str)], name: &'static str, form: &Form) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        value((&headers, Version::HTTP_11), &HeaderName::from_static(name), form)
    }

    /// The examples of the RFC, sections 2.1 to 2.1.3.
    #[test]
    fn fields_have_the_values_of_the_rfc() {
        let lines = [
            ("cache-control", "max-age=60"),
            ("cache-control", "   must-revalidate"),
            ("x-empty-header", ""),
            ("x-ows-header", "  Leading and trailing whitespace.   "),
            ("example-dict", "  a=1, b=2;x=1;y=2, c=(a   b   c), d"),
            ("example-header", "value, with, lots"),
            ("example-header", "of, commas"),
        ];
        let plain = |name| value_of(&lines, name, &Form::Plain);
        assert_eq!(plain("cache-control").as_deref(), Some("max-age=60, must-revalidate"));
        assert_eq!(plain("x-empty-header").as_deref(), Some(""));
        assert_eq!(plain("x-ows-header").as_deref(), Some("Leading and trailing whitespace."));
        let member = |key: &str| value_of(&lines, "example-dict", &Form::Member(key.to_owned()));
        for (key, value) in [("a", "1"), ("b", "2;x=1;y=2"), ("c", "(a b c)"), ("d", "?1")] {
            assert_eq!(member(key).as_deref(), Some(value), "{key}");
        }
        assert_eq!(
            value_of(&lines, "example-header", &Form::Bytes).as_deref(),
            Some(":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:")
        );
        let digest = [("content-digest", "sha-256=:AAAA:  ,sha-512=:BBBB:")];
        let written = value_of(&digest, "content-digest", &Form::Structured);
        assert_eq!(written.as_deref(), Some("sha-256=:AAAA:, sha-512=:BBBB:"));
    }

    #[test]
    fn what_is_not_there_or_cannot_be_written_has_no_value() {
        let lines = [("x-text", "caf\u{e9}"), ("x-dict", "a=1"), ("priority", "u=")];
        for (name, form) in [
            ("x-none", Form::Plain),
            ("x-none", Form::Bytes),
            ("x-text", Form::Plain),
            ("x-text", Form::Member("a".to_owned())),
            ("x-dict", Form::Structured),
            ("x-dict", Form::Member("b".to_owned())),
            ("priority", Form::Structured),
        ] {
            assert_eq!(value_of(&lines, name, &form), None, "{name} {form:?}");
        }
        assert!(value_of(&lines, "x-text", &Form::Bytes).is_some());
    }

    #[test]
    fn cookies_that_http_2_split_are_one() {
        let mut headers = HeaderMap::new();
        for crumb in ["a=1", "b=2"] {
            headers.append(COOKIE, HeaderValue::from_static(crumb));
        }
        let joined = |version| value((&headers, version), &COOKIE, &Form::Plain);
        assert_eq!(joined(Version::HTTP_2).as_deref(), Some("a=1; b=2"));
        assert_eq!(joined(Version::HTTP_11).as_deref(), Some("a=1, b=2"));
    }
}
