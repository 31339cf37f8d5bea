//! What caches and proxies between the gateway and its callers are told of an answer that is masked for some: to keep none of it for
//! others, whatever the upstream tells them, and to put nothing else in its place. One rule, for all answers of a route that masks
//! and for whoever calls it.

use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::fields::remove_where;

/// What the answer depends on: by what a caller proves itself, so that no cache gives one's to another.
const BY_CREDENTIAL: HeaderValue = HeaderValue::from_static("authorization, x-api-key, signature-input");
/// For the caller's own cache, which asks each time whether it is still so.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");
/// For none at all, as the upstream has it.
const NO_STORE: HeaderValue = HeaderValue::from_static("private, no-store");

/// Has no cache that many share keep an answer: some do not look at `Vary`, and RFC 9111, section 3.5, is about `Authorization`
/// alone.
pub(super) fn keep_to_caller(headers: &mut HeaderMap) {
    let is_kept_by_none = |value: &HeaderValue| {
        value
            .to_str()
            .is_ok_and(|text| text.split(',').any(|part| part.trim().eq_ignore_ascii_case("no-store")))
    };
    let is_stored = !headers.get_all(CACHE_CONTROL).iter().any(is_kept_by_none);
    remove_where(headers, is_for_intermediaries);
    // In place of all that the upstream said: a cache may heed one part of it more than another.
    headers.insert(CACHE_CONTROL, if is_stored { PRIVATE } else { NO_STORE });
    headers.append(VARY, BY_CREDENTIAL);
}

/// Whether a field tells some caches or proxies alone what to do with the answer, in place of what `Cache-Control` tells all.
fn is_for_intermediaries(name: &HeaderName) -> bool {
    match name.as_str() {
        // Until when caches may keep it.
        "edge-control" | "expires" | "surrogate-control" | "x-accel-expires" => true,
        // Where else a proxy has the body from that it sends in its place: that would not be masked, nor be known to have been read.
        "x-accel-redirect" | "x-litespeed-location" | "x-lighttpd-send-file" => true,
        "x-reproxy-file" | "x-reproxy-url" | "x-sendfile" | "x-sendfile2" => true,
        // CDN-Cache-Control and its like, each for caches of its own (RFC 9213, section 2.2).
        name => name.ends_with("-cache-control"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    /// The fields of an answer, as `Name: value`, once they are for its caller alone.
    fn kept(sent: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        keep_to_caller(&mut headers);
        let mut kept: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        kept.sort_unstable();
        kept
    }

    #[test]
    fn what_the_upstream_tells_shared_caches_does_not_leave() {
        let vary = "vary: authorization, x-api-key, signature-input";
        for (sent, control) in [
            (&[][..], "private, no-cache"),
            (&["public, s-maxage=60"], "private, no-cache"),
            (&["public", "max-age=60"], "private, no-cache"),
            (&["no-storey"], "private, no-cache"),
            (&["no-store"], "private, no-store"),
            (&["public, s-maxage=60, No-Store"], "private, no-store"),
            (&["max-age=60", "private,no-store"], "private, no-store"),
        ] {
            let sent: Vec<_> = sent.iter().map(|value| ("cache-control", *value)).collect();
            assert_eq!(kept(&sent), [format!("cache-control: {control}"), vary.to_owned()], "{sent:?}");
        }
        for name in [
            "expires",
            "surrogate-control",
            "edge-control",
            "cdn-cache-control",
            "cloudflare-cdn-cache-control",
            "akamai-cache-control",
            "x-litespeed-cache-control",
            "x-accel-expires",
            "x-accel-redirect",
            "x-sendfile",
        ] {
            assert_eq!(kept(&[(name, "max-age=60")]), ["cache-control: private, no-cache", vary], "{name}");
        }
    }

    #[test]
    fn all_else_leaves_as_it_is() {
        let sent =
            [("vary", "accept"), ("x-accel-buffering", "no"), ("x-cache-controller", "x"), ("age", "1")];
        let left = kept(&sent);
        for (name, value) in sent {
            assert!(left.contains(&format!("{name}: {value}")), "{left:?}");
        }
        assert_eq!(left.len(), sent.len() + 2);
    }
}
