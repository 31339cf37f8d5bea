//! Upstreams' answers that a browser would show as pages of the host where merchants log in. A script in one could do there
//! what a merchant can, so such a page runs none and has an origin of its own (Content Security Policy 3, section 6.3.1).
//!
//! Whether a call had a credential does not matter: a cache may give its answer to a browser that has none.

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};

/// Keeps what may be a page in `headers` apart from the authorization server's own; leaves everything else as it is.
pub(super) fn keep_apart(headers: &mut HeaderMap) {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let is_plain = matches!((types.next(), types.next()), (Some(only), None) if is_plain(only.as_bytes()));
    if !is_plain {
        // Another policy that the upstream sent holds too: the stricter of each rule does.
        headers.append(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
}

/// What no browser runs scripts in. What else there is, browsers do not agree on (`text/xsl`, `text/rdf`), or guess.
const PLAIN: [&[u8]; 11] = [
    b"application/json",
    b"application/problem+json",
    b"application/x-ndjson",
    b"application/octet-stream",
    b"text/plain",
    b"text/csv",
    b"text/css",
    b"image/png",
    b"image/jpeg",
    b"image/gif",
    b"image/webp",
];

/// Of a list browsers take the last type, of two parameters who knows: a plain one has one parameter at most.
fn is_plain(media_type: &[u8]) -> bool {
    let (essence, parameter) = match media_type.iter().position(|byte| *byte == b';') {
        Some(end) => (&media_type[..end], &media_type[end + 1..]),
        None => (media_type, &b""[..]),
    };
    !parameter.iter().any(|byte| matches!(byte, b',' | b';'))
        && PLAIN.iter().any(|plain| plain.eq_ignore_ascii_case(essence.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept_apart(types: &[&'static str]) -> HeaderMap {
        let fields = types.iter().map(|media_type| (CONTENT_TYPE, HeaderValue::from_static(media_type)));
        let mut headers: HeaderMap = fields.collect();
        keep_apart(&mut headers);
        headers
    }

    #[test]
    fn what_a_browser_may_run_scripts_in_is_kept_apart() {
        for types in [
            &["text/html"] as &[_],
            &["Text/HTML; charset=utf-8"],
            &["application/xhtml+xml"],
            &["image/svg+xml"],
            &["text/xml"],
            &["multipart/x-mixed-replace; boundary=x"],
            &["unknown/unknown"],
            &["*/*"],
            &["nonsense"],
            &[""],
            &["application/json, text/html"],
            &["text/plain;, text/html"],
            &["application/json; charset=utf-8, text/html"],
            &["application/json; charset=utf-8; x"],
            &["text/xsl"],
            &["text/rdf"],
            &["application/pdf"],
            &["application/json", "text/html"],
            &[],
        ] {
            let headers = kept_apart(types);
            assert_eq!(headers[CONTENT_SECURITY_POLICY], "sandbox", "{types:?}");
            assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff", "{types:?}");
        }
    }

    #[test]
    fn what_is_no_page_is_left_as_it_is() {
        for media_type in [
            "application/json",
            "application/json; charset=utf-8",
            "application/problem+json",
            "text/plain",
            "text/csv",
            "image/png",
            "application/octet-stream",
            "Application/JSON;charset=UTF-8",
        ] {
            assert_eq!(kept_apart(&[media_type]).len(), 1, "{media_type}");
        }
    }

    #[test]
    fn a_policy_of_the_upstreams_own_holds_too() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'"));
        keep_apart(&mut headers);
        let policies: Vec<_> = headers.get_all(CONTENT_SECURITY_POLICY).iter().collect();
        assert_eq!(policies, ["default-src 'self'", "sandbox"]);
    }
}
