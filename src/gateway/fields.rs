//! Header fields that cross the gateway: hop-by-hop ones end here (RFC 9110, section 7.6.1), credentials and
//! identity from outside are dropped, and the upstream learns who calls.

use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, IF_RANGE, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, RANGE, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use crate::credential::cookie;
use crate::credential::directory::IdentityFields;

/// Who calls, if it is an app.
pub const X_TOLLGATE_APP: HeaderName = HeaderName::from_static("x-tollgate-app");
/// On whose behalf.
pub const X_TOLLGATE_MERCHANT: HeaderName = HeaderName::from_static("x-tollgate-merchant");
/// What it may do.
pub const X_TOLLGATE_SCOPES: HeaderName = HeaderName::from_static("x-tollgate-scopes");
/// The request's id.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What a connection adds to each of its requests.
#[derive(Debug)]
pub struct ConnectionFields {
    /// The client's address.
    pub forwarded_for: HeaderValue,
    /// `http` or `https`.
    pub forwarded_proto: HeaderValue,
}

/// Takes out of a request what must not reach the upstream.
pub fn clean_request(headers: &mut HeaderMap, version: Version) {
    remove_nominated(headers);
    remove_where(headers, is_dropped);
    if version == Version::HTTP_2 {
        join_cookies(headers);
    }
    drop_own_cookies(headers);
}

/// Removes the fields whose names are so. One look at each name is cheaper than a search for each that might be there.
fn remove_where(headers: &mut HeaderMap, is_so: impl Fn(&HeaderName) -> bool) {
    const AT_ONCE: usize = 8;
    loop {
        let mut names: [Option<HeaderName>; AT_ONCE] = Default::default();
        let mut count = 0;
        for (place, name) in names.iter_mut().zip(headers.keys().filter(|name| is_so(name))) {
            *place = Some(name.clone());
            count += 1;
        }
        for name in names.into_iter().flatten() {
            headers.remove(name);
        }
        if count < AT_ONCE {
            return;
        }
    }
}

/// Whether a request field from outside ends at the gateway. `Host` stays: there is one at most, and it was checked.
fn is_dropped(name: &HeaderName) -> bool {
    match *name {
        CONNECTION | TE | TRAILER | TRANSFER_ENCODING | UPGRADE | CONTENT_LENGTH | AUTHORIZATION
        | PROXY_AUTHORIZATION => true,
        // Answered by this hop: the body is sent on as it comes.
        EXPECT => true,
        _ => is_dropped_by_name(name.as_str()),
    }
}

fn is_dropped_by_name(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(b'x') => is_ours(name),
        Some(b'f') => name == "forwarded",
        Some(b'h') => name == "http2-settings",
        Some(b'k') => name == "keep-alive",
        // `Proxy` would become the variable HTTP_PROXY behind CGI (CVE-2016-5385).
        Some(b'p') => name == "proxy-connection" || name == "proxy",
        Some(b't') => name == "traceparent" || name == "tracestate",
        _ => false,
    }
}

/// Names that only the gateway sets, also as an upstream behind CGI would read them (`X_Tollgate_App`).
fn is_ours(name: &str) -> bool {
    const OURS: [&str; 5] = ["x-tollgate-", "x-forwarded-", "x-request-id", "x-api-key", "x-real-ip"];
    OURS.iter().any(|ours| {
        name.len() >= ours.len()
            && name
                .bytes()
                .zip(ours.bytes())
                .all(|(byte, wanted)| byte == wanted || (byte == b'_' && wanted == b'-'))
    })
}

/// Asks the upstream for an answer that the meter can read: whole, and not compressed.
pub fn ask_for_whole_answer(headers: &mut HeaderMap) {
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.remove(RANGE);
    headers.remove(IF_RANGE);
}

/// Removes the fields that `Connection` nominates. What the gateway itself sets comes later.
fn remove_nominated(headers: &mut HeaderMap) {
    if !headers.contains_key(CONNECTION) {
        return;
    }
    let nominated: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect();
    for name in nominated {
        headers.remove(name);
    }
    headers.remove(CONNECTION);
}

/// HTTP/2 splits cookies into crumbs; HTTP/1.1 has one `Cookie` (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() < 2 {
        return;
    }
    if let Ok(cookie) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(COOKIE, cookie);
    }
}

/// Takes the gateway's own cookies out of a request; other cookies stay as they are.
fn drop_own_cookies(headers: &mut HeaderMap) {
    let has_own = |value: &HeaderValue| pairs(value).any(|pair| cookie::is_own(cookie_name(pair)));
    if !headers.get_all(COOKIE).iter().any(has_own) {
        return;
    }
    let without_own = |value: &HeaderValue| {
        let kept: Vec<&[u8]> = pairs(value).filter(|pair| !cookie::is_own(cookie_name(pair))).collect();
        HeaderValue::from_bytes(&kept.join(&b"; "[..])).ok().filter(|value| !value.is_empty())
    };
    let kept: Vec<HeaderValue> = headers.get_all(COOKIE).iter().filter_map(without_own).collect();
    headers.remove(COOKIE);
    for value in kept {
        headers.append(COOKIE, value);
    }
}

/// Takes what would set one of the gateway's own cookies out of a response.
fn drop_own_set_cookies(headers: &mut HeaderMap) {
    // A cookie without a name, `=a=b`, comes back as if it had one (RFC 6265bis, section 5.6).
    let is_own = |value: &HeaderValue| {
        let text = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        let named = text.iter().position(|byte| !matches!(byte, b'=' | b' ' | b'\t')).unwrap_or(text.len());
        cookie::is_own(cookie_name(&text[named..]))
    };
    if !headers.get_all(SET_COOKIE).iter().any(is_own) {
        return;
    }
    let kept: Vec<HeaderValue> =
        headers.get_all(SET_COOKIE).iter().filter(|value| !is_own(value)).cloned().collect();
    headers.remove(SET_COOKIE);
    for value in kept {
        headers.append(SET_COOKIE, value);
    }
}

/// The pairs of a `Cookie` field.
fn pairs(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii)
}

fn cookie_name(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii()
}

/// Prepares a request to the gateway's own endpoints: they learn the client's address, and nothing forged.
pub fn set_own(headers: &mut HeaderMap, connection: &ConnectionFields, request_id: &HeaderValue) {
    remove_where(headers, |name| is_ours(name.as_str()));
    headers.insert(X_FORWARDED_FOR, connection.forwarded_for.clone());
    headers.insert(X_FORWARDED_PROTO, connection.forwarded_proto.clone());
    headers.insert(X_REQUEST_ID, request_id.clone());
}

/// Sets what the upstream learns of the call.
pub fn set_request(
    headers: &mut HeaderMap,
    connection: &ConnectionFields,
    host: Option<HeaderValue>,
    request_id: &HeaderValue,
    traceparent: HeaderValue,
    identity: Option<&IdentityFields>,
) {
    // At once: growing by one field after the other hashes all of them twice.
    headers.reserve(8);
    headers.insert(X_FORWARDED_FOR, connection.forwarded_for.clone());
    headers.insert(X_FORWARDED_PROTO, connection.forwarded_proto.clone());
    if let Some(host) = host {
        headers.insert(X_FORWARDED_HOST, host);
    }
    headers.insert(X_REQUEST_ID, request_id.clone());
    headers.insert(TRACEPARENT, traceparent);
    if let Some(identity) = identity {
        headers.insert(X_TOLLGATE_APP, identity.app.clone());
        headers.insert(X_TOLLGATE_SCOPES, identity.scopes.clone());
        if let Some(merchant) = &identity.merchant {
            headers.insert(X_TOLLGATE_MERCHANT, merchant.clone());
        }
    }
}

/// Takes out of a response what is between the gateway and the upstream only. The length is framed afresh, but
/// for answers without a body, whose `Content-Length` tells of another (RFC 9110, section 8.6).
pub fn clean_response(headers: &mut HeaderMap, has_body: bool) {
    remove_nominated(headers);
    remove_where(headers, |name| match *name {
        TRANSFER_ENCODING | UPGRADE | TRAILER | PROXY_AUTHENTICATE => true,
        CONTENT_LENGTH => has_body,
        _ => matches!(name.as_str(), "keep-alive" | "proxy-connection"),
    });
    drop_own_set_cookies(headers);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn what_is_ours_or_between_two_hops_does_not_cross() {
        let mut sent = headers(&[
            ("accept", "*/*"),
            ("connection", "close, X-Secret"),
            ("x-secret", "1"),
            ("x-tollgate-app", "forged"),
            ("x_tollgate_app", "forged"),
            ("x-tollgate_merchant", "forged"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-real-ip", "1.2.3.4"),
            ("authorization", "Bearer t"),
            ("x-api-key", "tg_live_x"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABk"),
            ("te", "trailers"),
            ("traceparent", "00-0-0-0"),
            ("content-length", "5"),
            ("x-custom", "kept"),
        ]);
        clean_request(&mut sent, Version::HTTP_11);
        let mut left: Vec<&str> = sent.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "x-custom"]);
    }

    #[test]
    fn the_gateways_own_cookies_never_reach_an_upstream() {
        for (sent, left) in [
            (&["tollgate=secret"][..], &[][..]),
            (&["a=1; tollgate=secret; b=2"], &["a=1; b=2"]),
            (&["__Host-tollgate=s;c=3", "tollgate-login=l", "d=4"], &["c=3", "d=4"]),
            (&["a=1;b=2", "tollgates=mine; x-tollgate=y"], &["a=1;b=2", "tollgates=mine; x-tollgate=y"]),
            (&[" tollgate = spaced "], &[]),
        ] {
            let mut fields = HeaderMap::new();
            for value in sent {
                fields.append(COOKIE, HeaderValue::from_static(value));
            }
            clean_request(&mut fields, Version::HTTP_11);
            assert_eq!(fields.get_all(COOKIE).iter().collect::<Vec<_>>(), left, "{sent:?}");
        }
    }

    #[test]
    fn no_upstream_sets_one_of_the_gateways_own_cookies() {
        let mut answer = headers(&[
            ("set-cookie", "basket=1; Path=/"),
            ("set-cookie", "tollgate=forged; Path=/"),
            ("set-cookie", "__Host-tollgate=forged; Secure; Path=/"),
            ("set-cookie", "=tollgate=forged"),
            ("set-cookie", " tollgate-login =forged"),
            ("set-cookie", "tollgate2=theirs"),
        ]);
        clean_response(&mut answer, true);
        let left: Vec<_> = answer.get_all(SET_COOKIE).iter().collect();
        assert_eq!(left, ["basket=1; Path=/", "tollgate2=theirs"]);
    }

    #[test]
    fn cookie_crumbs_become_one_cookie() {
        let mut sent = headers(&[("cookie", "a=1"), ("cookie", "b=2")]);
        clean_request(&mut sent, Version::HTTP_2);
        assert_eq!(sent.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }
}
