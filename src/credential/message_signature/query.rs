//! Parameters of a query as `@query-param` has them (RFC 9421, section 2.2.8).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is not written as it is: the `application/x-www-form-urlencoded` percent-encode set of the URL standard.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// The encoded value of the parameter whose encoded name is `name`; `None` if there is none, or more than one.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let mut values = form_urlencoded::parse(query.as_bytes())
        .filter(|(known, _)| encode(known) == name)
        .map(|(_, value)| encode(&value));
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the RFC, section 2.2.8.
    #[test]
    fn parameters_are_encoded_as_the_rfc_does() {
        let query = "param=value&foo=bar&baz=batman&qux=";
        for (name, value) in [("baz", "batman"), ("qux", ""), ("param", "value")] {
            assert_eq!(parameter(query, name).as_deref(), Some(value));
        }
        let query = "var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something";
        for (name, value) in [
            ("var", "this%20is%20a%20big%0Amultiline%20value"),
            ("bar", "with%20plus%20whitespace"),
            ("fa%C3%A7ade%22%3A%20", "something"),
        ] {
            assert_eq!(parameter(query, name).as_deref(), Some(value));
        }
    }

    #[test]
    fn what_is_not_there_or_there_twice_has_no_value() {
        for (query, name) in [("", "a"), ("b=1", "a"), ("a=1&a=1", "a"), ("a=1&%61=2", "a"), ("é=1", "é")] {
            assert_eq!(parameter(query, name), None, "{query}");
        }
    }
}
