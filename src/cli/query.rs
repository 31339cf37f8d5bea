//! Paths and queries of admin API requests, with what people typed encoded.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in a path segment (RFC 3986, section 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One segment of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A path with the parameters that have a value.
pub(super) fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() {
        path.to_owned()
    } else {
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("{path}{separator}{query}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_cannot_change_the_request() {
        assert_eq!(segment("../policy?x"), "..%2Fpolicy%3Fx");
        assert_eq!(with_query("/a", &[("b", Some("c&d=e")), ("f", None)]), "/a?b=c%26d%3De");
        assert_eq!(with_query("/a?x=1", &[("b", Some("c"))]), "/a?x=1&b=c");
        assert_eq!(with_query("/a", &[]), "/a");
    }
}
