//! The URL of a request in the one form in which it is compared (RFC 9449, section 4.3, which refers to RFC 3986, sections
//! 6.2.2 and 6.2.3), without query and fragment.

use http::Uri;

/// A URL in its one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(String);

impl Target {
    /// The one form of an absolute `http` or `https` URL; `None` for other text.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        let url = url.split(['?', '#']).next().unwrap_or_default();
        let uri: Uri = url.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        let own_port = match scheme {
            "https" => 443_u16,
            "http" => 80,
            _ => return None,
        };
        let host = authority.host();
        let port = match authority.as_str().strip_prefix(host)? {
            "" => own_port,
            port => port.strip_prefix(':')?.parse().ok()?,
        };
        if host.is_empty() {
            return None;
        }
        let mut form = format!("{scheme}://{}", host.to_ascii_lowercase());
        if port != own_port {
            form.push_str(&format!(":{port}"));
        }
        push_path(&mut form, uri.path())?;
        Some(Self(form))
    }
}

/// Appends a path: escapes of unreserved characters are undone, other escapes are in upper case.
fn push_path(form: &mut String, path: &str) -> Option<()> {
    if path.is_empty() {
        form.push('/');
    }
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        form.push_str(before);
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        match u8::from_str_radix(digits, 16).ok()? {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => form.push(char::from(byte)),
            byte => form.push_str(&format!("%{byte:02X}")),
        }
        rest = &after[2..];
    }
    form.push_str(rest);
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_that_mean_the_same_have_one_form() {
        for (url, form) in [
            ("https://api.example.com", "https://api.example.com/"),
            ("HTTPS://API.example.com:443/", "https://api.example.com/"),
            ("http://api.example.com:80/a", "http://api.example.com/a"),
            ("https://api.example.com:8443/a?b=c#d", "https://api.example.com:8443/a"),
            ("https://api.example.com/a#d?b", "https://api.example.com/a"),
            ("https://api.example.com/%7ea%2fb%e4", "https://api.example.com/~a%2Fb%E4"),
            ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        ] {
            assert_eq!(Target::of(url), Some(Target(form.to_owned())), "{url}");
        }
        assert_ne!(Target::of("https://a/b"), Target::of("https://a/B"));
        assert_ne!(Target::of("https://a/b"), Target::of("https://a/b/"));
        assert_ne!(Target::of("https://a/b"), Target::of("http://a/b"));
    }

    #[test]
    fn what_is_no_absolute_url_has_none() {
        for url in [
            "",
            "/a",
            "a",
            "api.example.com/a",
            "ftp://a/b",
            "https://",
            "https:///a",
            "https://user@a/b",
            "https://a:b/c",
            "https://a:99999/",
            "https://a/%",
            "https://a/%2",
            "https://a/%zz",
            "https://a b/",
        ] {
            assert_eq!(Target::of(url), None, "{url:?} was taken");
        }
    }

    proptest! {
        #[test]
        fn the_form_of_any_text_is_its_own_form(text in "(https?://[a-z.:\\[\\]@0-9]{0,12})?[ -~é]{0,30}") {
            if let Some(form) = Target::of(&text) {
                prop_assert_eq!(Target::of(&form.0), Some(form.clone()));
            }
        }
    }
}
