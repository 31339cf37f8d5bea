//! A request head that can be read in one way only: host, target and framing checked, before anything looks at it.
//!
//! hyper takes some messages that RFC 9110 and 9112 call malformed; an upstream might read those otherwise than
//! this gateway does, so they end here. Every forwarded request is framed afresh in any case.

use std::borrow::Cow;

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Version, request};

use super::raw_head::Unseen;
use super::target;
use crate::domain::refusal::Refusal;

/// What is known of a request head that passed.
#[derive(Debug)]
pub struct Head<'r> {
    /// The host without port, in lower case.
    pub host: Cow<'r, str>,
    /// The path in its one form.
    pub path: Cow<'r, str>,
}

/// Checks a head of up to `limit` bytes, of which `unseen` was told before hyper took it out.
///
/// # Errors
/// The first rule that the head breaks.
pub fn check(parts: &request::Parts, unseen: Unseen, limit: usize) -> Result<Head<'_>, Refusal> {
    check_size(parts, limit)?;
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(Refusal::MethodNotServed);
    }
    if unseen.has_fragment {
        return Err(Refusal::MessageMalformed("The target has a fragment (#)."));
    }
    check_framing(&parts.headers, unseen.has_length)?;
    let authority = authority(parts)?;
    Ok(Head { host: host_of(authority)?, path: target::normalise(parts.uri.path())? })
}

fn check_size(parts: &request::Parts, limit: usize) -> Result<(), Refusal> {
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let fields: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if target + fields > limit {
        return Err(Refusal::HeadersTooLarge { limit });
    }
    Ok(())
}

fn check_framing(headers: &HeaderMap, has_length: bool) -> Result<(), Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    if has_length || headers.contains_key(CONTENT_LENGTH) {
        return Err(Refusal::MessageMalformed("The message has Transfer-Encoding and Content-Length."));
    }
    if codings.next().is_some() {
        return Err(Refusal::MessageMalformed("The message has more than one Transfer-Encoding."));
    }
    if coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    Err(Refusal::TransferCodingUnsupported)
}

/// The one authority that a request names: `Host`, the target's, or both if they are equal.
fn authority(parts: &request::Parts) -> Result<&str, Refusal> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Refusal::MessageMalformed("The message has more than one Host."));
    }
    let host = host.map(|host| host.to_str()).transpose();
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
    let bad = Refusal::MessageMalformed("Host is not a host name with an optional port.");
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some((_, "")) => (authority, ""),
            Some((v6, port)) if port.starts_with(':') => (&authority[..v6.len() + 2], &port[1..]),
            _ => return Err(bad),
        },
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let is_host_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'[' | b']' | b':');
    if host.is_empty() || !host.bytes().all(is_host_byte) || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad);
    }
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Ok(Cow::Owned(host.to_ascii_lowercase()));
    }
    Ok(Cow::Borrowed(host))
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
        for host in ["", "a b", "user@a", "a,b", "a:b", "[::1", "a/b", ":80"] {
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
    fn a_head_has_a_bound() {
        let long = "x".repeat(990);
        assert_eq!(refused(Version::HTTP_11, "/", &[("host", "a"), ("x", &long)]), "headers_too_large");
    }
}
