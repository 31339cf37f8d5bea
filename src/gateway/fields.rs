//! Header fields that cross the gateway: hop-by-hop ones end here (RFC 9110, section 7.6.1), credentials and
//! identity from outside are dropped, and the upstream learns who calls.

use std::borrow::Cow;
use std::net::IpAddr;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING,
    CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE,
    SET_COOKIE, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use crate::credential::cookie;
use crate::credential::directory::IdentityFields;
use crate::credential::message_signature::{SIGNATURE, SIGNATURE_INPUT};
use crate::domain::door::Door;
use crate::domain::field_name;
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
/// Forms of an answer that are told apart from others (RFC 3229).
const A_IM: HeaderName = HeaderName::from_static("a-im");
/// What is said of the bytes of a body.
pub(super) static DIGESTS: [HeaderName; 5] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("unencoded-digest"),
];
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
    /// Whether something of the body does not go on: then no digest of it is right.
    pub is_body_cut: bool,
}

impl Told<'_> {
    /// Whether a field that the caller sent gives way to one of these.
    fn replaces(&self, name: &HeaderName) -> bool {
        let is = |ours: &HeaderName| is_taken_for(name, ours);
        self.set.iter().any(|(set, _)| is(set))
            || (self.is_answer_read && (is(&ACCEPT_ENCODING) || is(&RANGE) || is(&IF_RANGE)))
            || (self.is_masked && (is(&ACCEPT) || is(&A_IM)))
            || (self.is_unconditional && (is(&IF_NONE_MATCH) || is(&IF_MODIFIED_SINCE)))
            || (self.is_signed && (is(&SIGNATURE) || is(&SIGNATURE_INPUT)))
            || (self.is_body_cut && DIGESTS.iter().any(is))
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
    let names: Vec<HeaderName> = headers.keys().filter(|name| is_so(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Whether a request field from outside ends at the gateway. `Host` is written afresh.
fn is_dropped(name: &HeaderName) -> bool {
    match *name {
        // What most calls have is told without a look at its letters.
        HOST | CONNECTION | CONTENT_LENGTH | TRANSFER_ENCODING | AUTHORIZATION => true,
        ACCEPT | ACCEPT_ENCODING | ACCEPT_LANGUAGE | CACHE_CONTROL | CONTENT_TYPE | USER_AGENT => false,
        _ => field_name::ends_here(name.as_str()),
    }
}

/// Whether an upstream may take a name for `ours`. Names are mostly of letters, digits and `-`, and then it is told apart at once.
fn is_taken_for(name: &HeaderName, ours: &HeaderName) -> bool {
    let is_odd = |name: &str| name.bytes().any(|byte| !byte.is_ascii_alphanumeric() && byte != b'-');
    let (sent, own) = (name.as_str(), ours.as_str());
    name == ours
        || (sent.as_bytes().first() == own.as_bytes().first()
            && (is_odd(sent) || is_odd(own))
            && field_name::has_letters_of(sent, own))
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
    remove_where(headers, |name| field_name::is_ours(name.as_str()));
    headers.insert(X_FORWARDED_FOR, connection.forwarded_for.clone());
    headers.insert(X_FORWARDED_PROTO, connection.forwarded_proto.clone());
    headers.insert(X_REQUEST_ID, request_id.clone());
}

#[cfg(test)]
mod tests;
