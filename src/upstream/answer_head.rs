//! The head of an upstream's answer (RFC 9112): read, filtered of what is between two hops only (RFC 9110, section 7.6.1),
//! and with it where the body ends. Pure, but for taking its bytes out of the buffer.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, PROXY_AUTHENTICATE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::error::Broken;

/// Most fields of a head, or of trailers.
pub(super) const MAX_FIELDS: usize = 128;
/// An answer's head. Its fields are those that cross to the caller; `Content-Length` is one of them only if no body follows,
/// for then it tells of another (RFC 9110, section 8.6).
#[derive(Debug)]
pub struct AnswerHead {
    /// The status.
    pub status: StatusCode,
    /// The fields.
    pub headers: HeaderMap,
    /// How the body is framed.
    pub(super) framing: Framing,
    /// Whether another request may follow on the connection.
    pub(super) is_kept: bool,
}

impl AnswerHead {
    /// Whether what follows on the connection is not HTTP/1.1 any more.
    pub(super) fn switches_protocols(&self) -> bool {
        self.status == StatusCode::SWITCHING_PROTOCOLS
    }
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    Close,
}

/// Whether a field crosses from one hop to the next.
pub(super) enum Crossing {
    /// It does, by this name.
    Crosses(HeaderName),
    /// It says something of the connection.
    Ends(HeaderName),
}

/// Takes a head of up to `limit` bytes out of `read`; `None` if it is not whole yet. It may be an interim one.
pub(super) fn take(
    read: &mut BytesMut,
    is_for_head: bool,
    limit: usize,
) -> Result<Option<AnswerHead>, Broken> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    let parser = httparse::ParserConfig::default();
    let length = match parser.parse_response_with_uninit_headers(&mut parsed, read, &mut fields)? {
        httparse::Status::Complete(length) if length <= limit => length,
        httparse::Status::Partial if read.len() <= limit => return Ok(None),
        _ => return Err(Broken::HeadTooLong(limit)),
    };
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(Broken::Framing("its status is none"))?;
    let is_1_1 = parsed.version == Some(1);
    let mut found = Vec::with_capacity(parsed.headers.len());
    for field in parsed.headers.iter() {
        let at = field.value.as_ptr() as usize - read.as_ptr() as usize;
        found.push(Found { name: crossing(field.name)?, at, length: field.value.len() });
    }
    let head = read.split_to(length).freeze();
    Fields::sort(&head, found)?.finish(status, is_1_1, is_for_head).map(Some)
}

/// A field, and where in the head its value lies.
struct Found {
    name: Crossing,
    at: usize,
    length: usize,
}

/// What a head's fields say.
struct Fields {
    headers: HeaderMap,
    length: Option<HeaderValue>,
    coding: Option<HeaderValue>,
    nominated: Vec<HeaderName>,
    closes: bool,
    keeps: bool,
}

impl Fields {
    fn sort(head: &Bytes, found: Vec<Found>) -> Result<Self, Broken> {
        let mut fields = Self {
            // With room for what the gateway adds, so that the table does not grow.
            headers: HeaderMap::with_capacity(found.len() + 4),
            length: None,
            coding: None,
            nominated: Vec::new(),
            closes: false,
            keeps: false,
        };
        for Found { name, at, length } in found {
            let value = || shared(head, at, length);
            match name {
                Crossing::Crosses(name) => {
                    fields.headers.append(name, value()?);
                }
                Crossing::Ends(CONTENT_LENGTH) => fields.one_length(value()?)?,
                Crossing::Ends(TRANSFER_ENCODING) if fields.coding.is_some() => {
                    return Err(Broken::Framing("it has more than one Transfer-Encoding"));
                }
                Crossing::Ends(TRANSFER_ENCODING) => fields.coding = Some(value()?),
                Crossing::Ends(CONNECTION) => fields.connection(&value()?),
                Crossing::Ends(_) => {}
            }
        }
        for name in &fields.nominated {
            fields.headers.remove(name);
        }
        Ok(fields)
    }

    /// The same length twice is one (RFC 9112, section 6.3); two lengths are none.
    fn one_length(&mut self, value: HeaderValue) -> Result<(), Broken> {
        if self.length.as_ref().is_some_and(|known| *known != value) {
            return Err(Broken::Framing("it has two lengths"));
        }
        self.length = Some(value);
        Ok(())
    }

    fn connection(&mut self, value: &HeaderValue) {
        for option in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if option.eq_ignore_ascii_case(b"close") {
                self.closes = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keeps = true;
            } else {
                self.nominated.extend(HeaderName::from_bytes(option).ok());
            }
        }
    }

    fn finish(mut self, status: StatusCode, is_1_1: bool, is_for_head: bool) -> Result<AnswerHead, Broken> {
        let has_no_body = is_for_head
            || status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let length = self.length.as_ref().map(length).transpose()?;
        let framing = match (&self.coding, length) {
            _ if has_no_body => Framing::Length(0),
            (Some(coding), _) if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
                return Err(Broken::Framing("its Transfer-Encoding is not chunked"));
            }
            (Some(_), _) => Framing::Chunked,
            (None, Some(length)) => Framing::Length(length),
            (None, None) => Framing::Close,
        };
        if has_no_body
            && status != StatusCode::NO_CONTENT
            && !status.is_informational()
            && let Some(length) = self.length.take()
        {
            self.headers.insert(CONTENT_LENGTH, length);
        }
        // Of two framings one is a lie, and so may be what follows (RFC 9112, section 6.1); so is one of a body that cannot be.
        let is_true = status != StatusCode::NO_CONTENT || (self.coding.is_none() && length.unwrap_or(0) == 0);
        let is_plain = is_true && (self.coding.is_none() || (is_1_1 && length.is_none()));
        let is_kept = framing != Framing::Close && !self.closes && (is_1_1 || self.keeps) && is_plain;
        Ok(AnswerHead { status, headers: self.headers, framing, is_kept })
    }
}

/// Digits only: what else `parse` would take, such as a sign, is none.
fn length(value: &HeaderValue) -> Result<u64, Broken> {
    let text = value.to_str().unwrap_or_default();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        .then(|| text.parse().ok())
        .flatten()
        .ok_or(Broken::Framing("its Content-Length is not a length"))
}

/// Whether a field of that name crosses.
pub(super) fn crossing(name: &str) -> Result<Crossing, Broken> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| httparse::Error::HeaderName)?;
    let ends = match name {
        CONNECTION | CONTENT_LENGTH | TRANSFER_ENCODING | UPGRADE | TRAILER | PROXY_AUTHENTICATE => true,
        _ => matches!(name.as_str(), "keep-alive" | "proxy-connection"),
    };
    Ok(if ends { Crossing::Ends(name) } else { Crossing::Crosses(name) })
}

fn shared(head: &Bytes, at: usize, length: usize) -> Result<HeaderValue, Broken> {
    let value = head.slice(at..at + length);
    HeaderValue::from_maybe_shared(value).map_err(|_| httparse::Error::HeaderValue.into())
}

/// A value that does not hold on to the buffer.
pub(super) fn copied(value: &[u8]) -> Result<HeaderValue, Broken> {
    HeaderValue::from_bytes(value).map_err(|_| httparse::Error::HeaderValue.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(text: &str) -> Result<Option<AnswerHead>, Broken> {
        take(&mut BytesMut::from(text), false, 1000)
    }

    #[track_caller]
    fn framed(fields: &str) -> (Framing, bool) {
        let head = head(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).unwrap().unwrap();
        (head.framing, head.is_kept)
    }

    #[test]
    fn a_body_ends_where_its_head_says() {
        assert_eq!(framed("Content-Length: 5\r\n"), (Framing::Length(5), true));
        assert_eq!(framed("Content-Length: 5\r\nContent-Length: 5\r\n"), (Framing::Length(5), true));
        assert_eq!(framed("Transfer-Encoding: Chunked\r\n"), (Framing::Chunked, true));
        assert_eq!(framed("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), (Framing::Chunked, false));
        assert_eq!(framed("Content-Length: 5\r\nConnection: x, Close\r\n"), (Framing::Length(5), false));
        assert_eq!(framed(""), (Framing::Close, false));
        let old = head("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n").unwrap().unwrap();
        assert_eq!((old.framing, old.is_kept), (Framing::Length(1), false));
        for (fields, is_kept) in [
            ("", true),
            ("Content-Length: 0\r\n", true),
            ("Content-Length: 5\r\n", false),
            ("Transfer-Encoding: chunked\r\n", false),
        ] {
            let empty = head(&format!("HTTP/1.1 204 x\r\n{fields}\r\n")).unwrap().unwrap();
            assert_eq!(
                (empty.framing, empty.is_kept, empty.headers.len()),
                (Framing::Length(0), is_kept, 0),
                "{fields}"
            );
        }
        let kept = head("HTTP/1.0 200\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n");
        assert!(kept.unwrap().unwrap().is_kept);
        let none = head("HTTP/1.1 304 x\r\nContent-Length: 7\r\n\r\n").unwrap().unwrap();
        assert_eq!(
            (none.framing, none.headers["content-length"].to_str().unwrap()),
            (Framing::Length(0), "7")
        );
        let mut to_head = BytesMut::from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(take(&mut to_head, true, 1000).unwrap().unwrap().framing, Framing::Length(0));
    }

    #[test]
    fn an_ambiguous_or_broken_head_is_refused() {
        for fields in [
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: \r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "no colon\r\n",
            "a b: c\r\n",
            "a: b\r\n c\r\n",
            "a: \0\r\n",
        ] {
            let told = head(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"));
            assert!(told.is_err(), "{fields:?}: {told:?}");
        }
        let long = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(1000));
        assert!(matches!(head(&long), Err(Broken::HeadTooLong(1000))));
        assert!(head("HTTP/1.1 200 OK\r\na: b\r\n").unwrap().is_none());
    }

    #[test]
    fn what_is_between_two_hops_does_not_cross() {
        let mut read = BytesMut::from(
            "HTTP/1.1 201 Made\r\nConnection: X-Hop, keep-alive\r\nx-hop: 1\r\nKeep-Alive: 5\r\n\
             Trailer: a\r\nUpgrade: b\r\nProxy-Connection: c\r\nProxy-Authenticate: d\r\nContent-Length: 2\r\nX-A: 1\r\n\
             x-a: 2\r\n\r\nok",
        );
        let head = take(&mut read, false, 1000).unwrap().unwrap();
        assert_eq!(head.status, StatusCode::CREATED);
        let fields: Vec<_> =
            head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(fields, [("x-a", b"1".as_slice()), ("x-a", b"2")]);
        assert_eq!(&read[..], b"ok");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_head_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = take(&mut BytesMut::from(&bytes[..]), false, 200);
            let begun = [b"HTTP/1.1 200 OK\r\n".as_slice(), &bytes, b"\r\n\r\n"].concat();
            let _ = take(&mut BytesMut::from(&begun[..]), false, 200);
        }

        #[test]
        fn where_the_bytes_are_cut_makes_no_difference(cut in 0_usize..60) {
            let text = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Some-Field: value\r\n\r\n";
            let cut = cut.min(text.len());
            let mut read = BytesMut::from(&text[..cut]);
            let early = take(&mut read, false, 1000).unwrap();
            prop_assert_eq!(early.is_some(), cut == text.len());
            read.extend_from_slice(&text[cut..]);
            if early.is_none() {
                let head = take(&mut read, false, 1000).unwrap().unwrap();
                prop_assert_eq!((head.framing, head.headers.len()), (Framing::Length(5), 1));
            }
        }
    }
}
