//! Header fields that cross the gateway: hop-by-hop ones end here (RFC 9110, section 7.6.1), credentials and
//! identity from outside are dropped, and the upstream learns who calls.

use std::borrow::Cow;
use std::net::IpAddr;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, EXPECT,
    HOST, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, PROXY_AUTHORIZATION, RANGE, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use crate::credential::cookie;
use crate::credential::directory::IdentityFields;
use crate::credential::message_signature::{SIGNATURE, SIGNATURE_INPUT};
use crate::domain::door::Door;
use crate::upstream::request::RequestHead;

/// Who calls, if it is an app.
pub const X_TOLLGATE_APP: HeaderName = HeaderName::from_static("x-tollgate-app");
/// On whose behalf.
pub const X_TOLLGATE_MERCHANT: HeaderName = HeaderName::from_static("x-tollgate-merchant");
/// What it may do.
pub const X_TOLLGATE_SCOPES: HeaderName = HeaderName::from_static("x-tollgate-scopes");
/// The request's id.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Where it comes from.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Whether it came by TLS.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What an upstream may answer with where it will be masked: in another form, such as one with the answer inside of another, no field
/// would be found where the policy says it is.
const MASKABLE: &[u8] = b"application/json, application/problem+json, application/x-ndjson;q=0.9";

/// What a connection adds to each of its requests.
#[derive(Debug)]
pub struct ConnectionFields {
    /// The client's address.
    pub forwarded_for: HeaderValue,
    /// `http` or `https`.
    pub forwarded_proto: HeaderValue,
    /// By which door it came, with the certificate that the client showed; upstreams are not told of it.
    pub door: Door,
}

impl ConnectionFields {
    /// Those of the client at `address` that speaks `scheme` and came by `door`.
    #[must_use]
    pub fn new(address: IpAddr, scheme: HeaderValue, door: Door) -> Self {
        let forwarded_for = HeaderValue::from_str(&address.to_string());
        Self {
            forwarded_for: forwarded_for.unwrap_or(HeaderValue::from_static("unknown")),
            forwarded_proto: scheme,
            door,
        }
    }
}

/// What an upstream learns of a call beside what the caller sent.
#[derive(Debug)]
pub struct Told<'a> {
    /// The authority that the caller named.
    pub authority: &'a str,
    /// The client.
    pub connection: &'a ConnectionFields,
    /// The request's id.
    pub request_id: &'a HeaderValue,
    /// The trace that begins with it.
    pub traceparent: &'a [u8],
    /// Who calls, if it is an app.
    pub identity: Option<&'a IdentityFields>,
    /// What the route sets.
    pub set: &'a [(HeaderName, HeaderValue)],
    /// Whether the answer will be read: then it must be whole, and not compressed.
    pub is_answer_read: bool,
    /// Whether what the caller has of earlier answers says nothing of this one.
    pub is_unconditional: bool,
    /// Whether the answer will be masked: then it must be of a form in which that can be done, whatever the caller would have.
    pub is_masked: bool,
    /// Whether the caller proved itself by a signature, which ends here as other credentials do.
    pub is_signed: bool,
}

impl Told<'_> {
    /// Whether a field that the caller sent gives way to one of these.
    fn replaces(&self, name: &HeaderName) -> bool {
        self.set.iter().any(|(set, _)| is_same(set.as_str(), name.as_str()))
            || (self.is_answer_read && matches!(*name, ACCEPT_ENCODING | RANGE | IF_RANGE))
            || (self.is_masked && (*name == ACCEPT || name.as_str() == "a-im"))
            || (self.is_unconditional && matches!(*name, IF_NONE_MATCH | IF_MODIFIED_SINCE))
            || (self.is_signed && (*name == SIGNATURE || *name == SIGNATURE_INPUT))
    }

    fn write(&self, to: &mut RequestHead) {
        to.field(&X_FORWARDED_FOR, self.connection.forwarded_for.as_bytes());
        to.field(&X_FORWARDED_PROTO, self.connection.forwarded_proto.as_bytes());
        to.field(&X_FORWARDED_HOST, self.authority.as_bytes());
        to.field(&X_REQUEST_ID, self.request_id.as_bytes());
        to.field(&TRACEPARENT, self.traceparent);
        if let Some(identity) = self.identity {
            to.field(&X_TOLLGATE_APP, identity.app.as_bytes());
            to.field(&X_TOLLGATE_SCOPES, identity.scopes.as_bytes());
            if let Some(merchant) = &identity.merchant {
                to.field(&X_TOLLGATE_MERCHANT, merchant.as_bytes());
            }
        }
        if self.is_answer_read && !self.set.iter().any(|(set, _)| set == ACCEPT_ENCODING) {
            to.field(&ACCEPT_ENCODING, b"identity");
        }
        if self.is_masked && !self.set.iter().any(|(set, _)| set == ACCEPT) {
            to.field(&ACCEPT, MASKABLE);
        }
        for (name, value) in self.set {
            to.field(name, value.as_bytes());
        }
    }
}

/// Writes a request's fields: of what the caller sent all that may reach the upstream, and what that is told. Nothing is
/// taken out of `sent`, since passing over a field costs nothing.
pub fn write_request(to: &mut RequestHead, sent: &HeaderMap, version: Version, told: &Told<'_>) {
    to.field(&HOST, told.authority.as_bytes());
    let nominated = nominated(sent);
    let mut has_cookies = false;
    for (name, value) in sent {
        if *name == COOKIE {
            has_cookies = true;
        } else if !is_dropped(name) && !told.replaces(name) && !nominated.contains(name) {
            to.field(name, value.as_bytes());
        }
    }
    if has_cookies && !told.replaces(&COOKIE) && !nominated.contains(&COOKIE) {
        write_cookies(to, sent, version);
    }
    told.write(to);
}

/// Removes the fields whose names are so. One look at each name is cheaper than a search for each that might be there.
pub(super) fn remove_where(headers: &mut HeaderMap, is_so: impl Fn(&HeaderName) -> bool) {
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

/// Whether a request field from outside ends at the gateway. `Host` is written afresh.
fn is_dropped(name: &HeaderName) -> bool {
    match *name {
        HOST | CONNECTION | TE | TRAILER | TRANSFER_ENCODING | UPGRADE | CONTENT_LENGTH | AUTHORIZATION
        | PROXY_AUTHORIZATION => true,
        // Answered by this hop: the body is sent on as it comes.
        EXPECT => true,
        _ => is_dropped_by_name(name.as_str()),
    }
}

fn is_dropped_by_name(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(b'x') => is_ours(name),
        // A proof is of this hop, as its token is.
        Some(b'd') => name == "dpop",
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
    OURS.iter().any(|ours| name.get(..ours.len()).is_some_and(|start| is_same(ours, start)))
}

/// Whether a name is `ours`, also as an upstream behind CGI would read it.
fn is_same(ours: &str, name: &str) -> bool {
    let is_same = |(ours, byte): (u8, u8)| ours == byte || (ours == b'-' && byte == b'_');
    ours.len() == name.len() && ours.bytes().zip(name.bytes()).all(is_same)
}

/// The fields that `Connection` nominates beside those that end here anyway. What the gateway itself sets is none of them.
pub(super) fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    let values =
        headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    values
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.eq_ignore_ascii_case(b"keep-alive") && !name.eq_ignore_ascii_case(b"close"))
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .collect()
}

/// Writes the caller's cookies, but for the gateway's own. HTTP/2 splits them into crumbs; HTTP/1.1 has one `Cookie`
/// (RFC 9113, section 8.2.3).
fn write_cookies(to: &mut RequestHead, sent: &HeaderMap, version: Version) {
    let mut crumbs = Vec::new();
    for value in sent.get_all(COOKIE) {
        let is_own = |pair: &&[u8]| cookie::is_own(cookie_name(pair));
        let kept = if pairs(value).any(|pair| is_own(&pair)) {
            Cow::Owned(pairs(value).filter(|pair| !is_own(pair)).collect::<Vec<_>>().join(&b"; "[..]))
        } else {
            Cow::Borrowed(value.as_bytes())
        };
        match version {
            _ if kept.is_empty() => {}
            Version::HTTP_2 => crumbs.push(kept),
            _ => to.field(&COOKIE, &kept),
        }
    }
    if !crumbs.is_empty() {
        to.field(&COOKIE, &crumbs.join(&b"; "[..]));
    }
}

/// The codings of a body, in the order in which they were applied (RFC 9110, section 8.4).
#[must_use]
pub fn coding(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter().map(|value| value.to_str().unwrap_or("?"));
    let first = values.next()?.to_owned();
    Some(values.fold(first, |all, more| format!("{all}, {more}")))
}

/// Takes what would set one of the gateway's own cookies out of an answer.
pub fn drop_own_set_cookies(headers: &mut HeaderMap) {
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

    /// The lines that an upstream is sent of what a caller sent, but for those that it is always told.
    fn written(sent: &HeaderMap, version: Version) -> Vec<String> {
        let connection = ConnectionFields {
            forwarded_for: HeaderValue::from_static("192.0.2.1"),
            forwarded_proto: HeaderValue::from_static("http"),
            door: Door::Front,
        };
        let told = Told {
            authority: "a.example",
            connection: &connection,
            request_id: &HeaderValue::from_static("id"),
            traceparent: b"trace",
            identity: None,
            set: &[(HeaderName::from_static("x-set"), HeaderValue::from_static("1"))],
            is_answer_read: false,
            is_unconditional: false,
            is_masked: false,
            is_signed: false,
        };
        let mut head = RequestHead::begin(&http::Method::GET, ["/"]).unwrap();
        write_request(&mut head, sent, version, &told);
        let text = head.text();
        let (first, rest) = text.split_once("\r\n").unwrap();
        assert_eq!(first, "GET / HTTP/1.1");
        let always = "x-forwarded-for: 192.0.2.1\r\nx-forwarded-proto: http\r\nx-forwarded-host: a.example\r\n\
            x-request-id: id\r\ntraceparent: trace\r\nx-set: 1\r\n";
        let own =
            rest.strip_prefix("host: a.example\r\n").and_then(|rest| rest.strip_suffix(always)).unwrap();
        own.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_ours_or_between_two_hops_does_not_cross() {
        let sent = headers(&[
            ("host", "b.example"),
            ("x-set", "forged"),
            ("x_set", "forged"),
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
            ("dpop", "a.b.c"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABk"),
            ("te", "trailers"),
            ("traceparent", "00-0-0-0"),
            ("content-length", "5"),
            ("x-custom", "kept"),
        ]);
        assert_eq!(written(&sent, Version::HTTP_11), ["accept: */*", "x-custom: kept"]);
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
            let left: Vec<String> = left.iter().map(|cookie| format!("cookie: {cookie}")).collect();
            assert_eq!(written(&fields, Version::HTTP_11), left, "{sent:?}");
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
        drop_own_set_cookies(&mut answer);
        let left: Vec<_> = answer.get_all(SET_COOKIE).iter().collect();
        assert_eq!(left, ["basket=1; Path=/", "tollgate2=theirs"]);
    }

    #[test]
    fn cookie_crumbs_become_one_cookie() {
        let sent = headers(&[("cookie", "a=1"), ("cookie", "tollgate=secret"), ("cookie", "b=2")]);
        assert_eq!(written(&sent, Version::HTTP_2), ["cookie: a=1; b=2"]);
    }
}
