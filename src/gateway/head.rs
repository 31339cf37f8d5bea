//! A request head that can be read in one way only: host, target and framing checked, before anything looks at it.
//!
//! hyper takes some messages that RFC 9110 and 9112 call malformed; an upstream might read those otherwise than
//! this gateway does, so they end here. Every forwarded request is framed afresh in any case.

use std::borrow::Cow;

use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Method, Version, request};
use memchr::memchr;

use super::raw_head::Unseen;
use super::target;
use crate::credential::message_signature::SIGNATURE_INPUT;
use crate::credential::presented::{Once, Shown, X_API_KEY};
use crate::domain::refusal::Refusal;

/// Longest `Connection`, in bytes: each field is compared with each name in it.
const MAX_NOMINATIONS: usize = 512;

/// What is known of a request head that passed.
#[derive(Debug)]
pub struct Head<'r> {
    /// The authority that it names, as it came.
    pub authority: &'r str,
    /// The host without port, in lower case.
    pub host: Cow<'r, str>,
    /// The path in its one form.
    pub path: Cow<'r, str>,
    /// The fields that can carry a credential.
    pub shown: Shown<'r>,
}

/// Checks a head of up to `limit` bytes, of which `unseen` was told before hyper took it out.
///
/// # Errors
/// The first rule that the head breaks.
pub fn check(parts: &request::Parts, unseen: Unseen, limit: usize) -> Result<Head<'_>, Refusal> {
    let seen = Seen::of(&parts.headers);
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target + seen.bytes > limit {
        return Err(Refusal::HeadersTooLarge { limit });
    }
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(Refusal::MethodNotServed);
    }
    if unseen.has_fragment {
        return Err(Refusal::MessageMalformed("The target has a fragment (#)."));
    }
    if seen.nominations > MAX_NOMINATIONS {
        return Err(Refusal::MessageMalformed("Connection names more fields than any message has."));
    }
    check_framing(&seen, unseen.has_length)?;
    // Anything else may be passed over (RFC 9110, section 7.8), but who asks for this has no use for a plain answer.
    if seen.wants_websocket {
        return Err(Refusal::UpgradeUnsupported);
    }
    let authority = authority(parts, seen.host)?;
    let (host, path) = (host_of(authority)?, target::normalise(parts.uri.path())?);
    Ok(Head { authority, host, path, shown: seen.shown })
}

/// What one look at each field finds, for a search for each costs more.
#[derive(Default)]
struct Seen<'r> {
    bytes: usize,
    host: Once<'r>,
    coding: Once<'r>,
    has_length: bool,
    wants_websocket: bool,
    /// Bytes of `Connection`.
    nominations: usize,
    shown: Shown<'r>,
}

impl<'r> Seen<'r> {
    fn of(headers: &'r HeaderMap) -> Self {
        let mut seen = Self::default();
        for (name, value) in headers {
            seen.bytes += name.as_str().len() + value.len() + 4;
            match *name {
                HOST => seen.host.see(value),
                TRANSFER_ENCODING => seen.coding.see(value),
                CONTENT_LENGTH => seen.has_length = true,
                UPGRADE => seen.wants_websocket |= value.as_bytes().eq_ignore_ascii_case(b"websocket"),
                CONNECTION => seen.nominations += value.len(),
                AUTHORIZATION => seen.shown.authorization.see(value),
                _ if *name == X_API_KEY => seen.shown.api_key.see(value),
                _ if *name == SIGNATURE_INPUT => seen.shown.is_signed = true,
                _ => {}
            }
        }
        seen
    }
}

fn check_framing(seen: &Seen<'_>, has_length: bool) -> Result<(), Refusal> {
    let Some(coding) = seen.coding.first else { return Ok(()) };
    if has_length || seen.has_length {
        return Err(Refusal::MessageMalformed("The message has Transfer-Encoding and Content-Length."));
    }
    if seen.coding.is_repeated {
        return Err(Refusal::MessageMalformed("The message has more than one Transfer-Encoding."));
    }
    if coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    Err(Refusal::TransferCodingUnsupported)
}

/// The one authority that a request names: `Host`, the target's, or both if they are equal.
fn authority<'r>(parts: &'r request::Parts, host: Once<'r>) -> Result<&'r str, Refusal> {
    if host.is_repeated {
        return Err(Refusal::MessageMalformed("The message has more than one Host."));
    }
    let host = host.first.map(|host| host.to_str()).transpose();
    let host = host.map_err(|_| Refusal::MessageMalformed("Host has bytes that no host can have."))?;
    match (parts.uri.authority(), host) {
        (Some(target), Some(host)) if !target.as_str().eq_ignore_ascii_case(host) => {
            Err(Refusal::MessageMalformed("Host differs from the target's authority."))
        }
        (Some(target), _) if parts.version == Version::HTTP_2 => Ok(target.as_str()),
        (_, Some(host)) => Ok(host),
        (_, None) => Err(Refusal::MessageMalformed("The message has no Host.")),
    }
}

/// The host of `host[:port]`, in lower case (RFC 9110, section 4.2.3).
fn host_of(authority: &str) -> Result<Cow<'_, str>, Refusal> {
    let bytes = authority.as_bytes();
    let is_v6 = bytes.first() == Some(&b'[');
    let end = if is_v6 { memchr(b']', bytes).map(|at| at + 1) } else { memchr(b':', bytes) };
    let end = end.unwrap_or(if is_v6 { 0 } else { bytes.len() });
    let (host, port) = bytes.split_at(end);
    let is_port = |port: &[u8]| {
        port.split_first().is_none_or(|(colon, port)| *colon == b':' && port.iter().all(u8::is_ascii_digit))
    };
    let mut has_upper_case = false;
    let is_host = host.iter().all(|byte| {
        has_upper_case |= byte.is_ascii_uppercase();
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'-' | b'_')
            || (is_v6 && matches!(byte, b'[' | b']' | b':'))
    });
    if host.is_empty() || !is_host || !is_port(port) {
        return Err(Refusal::MessageMalformed("Host is not a host name with an optional port."));
    }
    let host = &authority[..end];
    Ok(if has_upper_case { Cow::Owned(host.to_ascii_lowercase()) } else { Cow::Borrowed(host) })
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[track_caller]
    fn refused(version: Version, target: &str, fields: &[(&str, &str)]) -> &'static str {
        let mut request = Request::builder().version(version).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        check(&parts, Unseen::default(), 1000).map_or_else(|refusal| refusal.code(), |_| "taken")
    }

    #[test]
    fn host_is_named_once_and_in_one_way() {
        let h1 = |target: &str, fields: &[(&str, &str)]| refused(Version::HTTP_11, target, fields);
        assert_eq!(h1("/", &[("host", "a")]), "taken");
        assert_eq!(h1("/", &[("host", "A.example:80")]), "taken");
        assert_eq!(h1("/", &[("host", "[::1]:80")]), "taken");
        assert_eq!(h1("/", &[]), "message_malformed");
        assert_eq!(h1("/", &[("host", "a"), ("host", "a")]), "message_malformed");
        assert_eq!(h1("http://a/", &[("host", "a")]), "taken");
        assert_eq!(h1("http://a/", &[("host", "b")]), "message_malformed");
        for host in
            ["", "a b", "user@a", "a,b", "a:b", "a:1:2", "a]", "[::1", "[::1]80", "[::1]x", "a/b", ":80"]
        {
            assert_eq!(h1("/", &[("host", host)]), "message_malformed", "{host:?}");
        }
        assert_eq!(refused(Version::HTTP_2, "http://a/", &[]), "taken");
        assert_eq!(refused(Version::HTTP_2, "http://user@a/", &[]), "message_malformed");
        assert_eq!(refused(Version::HTTP_2, "http://a/", &[("host", "b")]), "message_malformed");
    }

    #[test]
    fn framing_is_one_chunked_or_one_length() {
        let framed = |fields: &[(&str, &str)]| {
            let mut all = vec![("host", "a")];
            all.extend(fields);
            refused(Version::HTTP_11, "/", &all)
        };
        assert_eq!(framed(&[("transfer-encoding", "Chunked")]), "taken");
        assert_eq!(framed(&[("content-length", "5")]), "taken");
        for coding in ["gzip, chunked", ",chunked", "chunked, chunked", "chunked;q=1", "identity", ""] {
            assert_eq!(framed(&[("transfer-encoding", coding)]), "transfer_coding_unsupported", "{coding:?}");
        }
        let both = [("transfer-encoding", "chunked"), ("content-length", "5")];
        assert_eq!(framed(&both), "message_malformed");
        let twice = [("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")];
        assert_eq!(framed(&twice), "message_malformed");
    }

    #[test]
    fn a_websocket_is_refused_and_any_other_upgrade_is_passed_over() {
        let asked = |to: &str| {
            refused(Version::HTTP_11, "/", &[("host", "a"), ("connection", "Upgrade"), ("upgrade", to)])
        };
        assert_eq!((asked("WebSocket"), asked("h2c")), ("upgrade_unsupported", "taken"));
    }

    #[test]
    fn a_head_has_a_bound() {
        let long = "x".repeat(990);
        assert_eq!(refused(Version::HTTP_11, "/", &[("host", "a"), ("x", &long)]), "headers_too_large");
    }
}
