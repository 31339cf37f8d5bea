//! Redirect URIs: compared as exact strings (RFC 9700, section 4.1.3), but for the port of a loopback address, which
//! a native app cannot know beforehand (RFC 8252, section 7.3).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether `uri` is one that the app registered.
#[must_use]
pub fn is_registered(registered: &[String], uri: &str) -> bool {
    registered.iter().any(|known| known == uri || is_same_loopback(known, uri))
}

fn is_same_loopback(known: &str, uri: &str) -> bool {
    match (split_loopback(known), split_loopback(uri)) {
        (Some(known), Some(uri)) => known == uri,
        _ => false,
    }
}

/// Host and what follows the port of a loopback URI; `None` for any other.
fn split_loopback(uri: &str) -> Option<(&'static str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let (host, rest) =
        [("127.0.0.1"), ("[::1]")].into_iter().find_map(|host| Some((host, rest.strip_prefix(host)?)))?;
    let path = match rest.strip_prefix(':') {
        Some(rest) => {
            let end = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
            rest[..end].parse::<u16>().ok()?;
            &rest[end..]
        }
        None => rest,
    };
    (path.is_empty() || path.starts_with('/')).then_some((host, path))
}

/// `uri` with parameters added to its query.
#[must_use]
pub fn with_parameters(uri: &str, parameters: &[(&str, &str)]) -> String {
    let mut location = uri.to_owned();
    for (name, value) in parameters {
        location.push(if location.contains('?') { '&' } else { '?' });
        location.push_str(name);
        location.push('=');
        location.extend(utf8_percent_encode(value, UNRESERVED));
    }
    location
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_registered_uri_passes_but_for_a_loopback_port() {
        let registered = ["https://app.example/cb".to_owned(), "http://127.0.0.1:9999/cb".to_owned()];
        for uri in [
            "https://app.example/cb",
            "http://127.0.0.1:9999/cb",
            "http://127.0.0.1:1/cb",
            "http://127.0.0.1/cb",
        ] {
            assert!(is_registered(&registered, uri), "{uri}");
        }
        for uri in [
            "https://app.example/cb/",
            "https://app.example/cb?x=1",
            "https://APP.example/cb",
            "https://app.example:443/cb",
            "http://app.example/cb",
            "https://sub.app.example/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:9@evil/cb",
            "http://127.0.0.1.evil/cb",
            "http://127.0.0.1:9999/cb2",
            "http://localhost:9999/cb",
            "http://[::1]:9999/cb",
            "",
        ] {
            assert!(!is_registered(&registered, uri), "{uri} was taken");
        }
    }

    #[test]
    fn values_are_encoded_so_that_they_come_back_byte_for_byte() {
        let location = with_parameters("https://a/cb?x=1", &[("state", "a+b c&=é%")]);
        assert_eq!(location, "https://a/cb?x=1&state=a%2Bb%20c%26%3D%C3%A9%25");
    }
}
