//! A request as it goes to an upstream: its head is written field by field, its body follows as it comes.

use std::io::{IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::{HeaderName, Method};
use http_body::Body;

/// The head of a request under construction: one allocation, written once.
#[derive(Debug, Clone)]
pub struct RequestHead(Vec<u8>);

/// The target has bytes that none can have.
#[derive(Debug, thiserror::Error)]
#[error("the target has bytes that no request line can have")]
pub struct InvalidTarget;

impl RequestHead {
    /// Begins with a request line of `method` and `target`, a path whose pieces follow on each other.
    ///
    /// # Errors
    /// [`InvalidTarget`]: such bytes would end the request line, and what follows would be another request.
    pub fn begin<'t>(
        method: &Method,
        target: impl IntoIterator<Item = &'t str>,
    ) -> Result<Self, InvalidTarget> {
        let mut head = Vec::with_capacity(1024);
        head.extend_from_slice(method.as_str().as_bytes());
        head.push(b' ');
        let start = head.len();
        for piece in target {
            head.extend_from_slice(piece.as_bytes());
        }
        let is_bad = |byte: &u8| *byte <= b' ' || *byte == 0x7f || *byte == b'#';
        if head.get(start) != Some(&b'/') || head[start..].iter().any(is_bad) {
            return Err(InvalidTarget);
        }
        head.extend_from_slice(b" HTTP/1.1\r\n");
        Ok(Self(head))
    }

    /// Adds a field. `value` is a [`http::HeaderValue`]'s, or made of such.
    pub fn field(&mut self, name: &HeaderName, value: &[u8]) {
        self.0.extend_from_slice(name.as_str().as_bytes());
        self.0.extend_from_slice(b": ");
        self.0.extend_from_slice(value);
        self.0.extend_from_slice(b"\r\n");
    }

    /// What has been written of it.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// Ends the head, framed for `body`.
    pub fn end<B: Body>(mut self, method: &Method, body: B) -> Request<B> {
        let length = body.size_hint().exact();
        let coding = match length {
            // Nothing is said of a body that nobody expects (RFC 9110, section 8.6).
            Some(0) if !matches!(*method, Method::POST | Method::PUT | Method::PATCH) => Coding::Plain,
            Some(length) => {
                self.0.extend_from_slice(b"content-length: ");
                self.0.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
                self.0.extend_from_slice(b"\r\n");
                Coding::Plain
            }
            None => {
                self.0.extend_from_slice(b"transfer-encoding: chunked\r\n");
                Coding::Chunked { is_first: true }
            }
        };
        self.0.extend_from_slice(b"\r\n");
        let (is_for_head, body) = (*method == Method::HEAD, Some(body).filter(|_| length != Some(0)));
        // A second try may be made of a request that changes nothing and of which all is at hand. One that is only idempotent
        // (PUT, DELETE) changes something, and between two tries another may have changed it again.
        let is_repeatable = method.is_safe() && body.is_none();
        let out = Out { head_length: self.0.len(), bytes: self.0, at: 0, data: Bytes::new() };
        let left = length.unwrap_or(u64::MAX);
        Request { out, body, left, coding, is_for_head, is_repeatable, writes: 0 }
    }
}

/// A request, and how far it has been sent.
#[derive(Debug)]
pub struct Request<B> {
    out: Out,
    /// What has not been read of the body yet.
    body: Option<B>,
    /// Bytes that are left of a body of a stated length.
    left: u64,
    coding: Coding,
    /// Whether it is a `HEAD`, whose answer has no body.
    pub(super) is_for_head: bool,
    is_repeatable: bool,
    /// How many times the connection took some of it.
    writes: u64,
}

/// How a body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// By its length, or all that was to be said of its end has been.
    Plain,
    /// By chunks, of which this is the first or not.
    Chunked { is_first: bool },
}

/// Bytes on their way: what frames, then data.
#[derive(Debug)]
struct Out {
    bytes: Vec<u8>,
    at: usize,
    data: Bytes,
    head_length: usize,
}

/// Longest piece of a body that is copied behind the head, so that both leave as one.
const COPIED: usize = 4096;

/// Why a request could not be sent on.
#[derive(Debug)]
pub(super) enum SendError {
    /// The connection does not take it.
    Io(std::io::Error),
    /// Its body broke off.
    Body,
}

/// What a request is written to.
pub(super) trait Sink {
    /// Writes some of these bytes.
    fn poll_send(&mut self, context: &mut Context<'_>, parts: &[IoSlice<'_>])
    -> Poll<std::io::Result<usize>>;
}

impl<B> Request<B> {
    /// The same request for another connection, if none of it was sent, or if it may be sent again.
    pub(super) fn again(mut self, may_repeat: bool) -> Option<Self> {
        let has_begun = self.has_begun();
        if has_begun {
            self.out.at = 0;
        }
        (!has_begun || (may_repeat && self.is_repeatable)).then_some(self)
    }

    /// Whether an upstream may have seen some of it.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.writes > 0
    }

    /// How many times the connection took some of it.
    pub(super) fn writes(&self) -> u64 {
        self.writes
    }

    /// Whether all of it has been sent.
    pub(super) fn is_sent(&self) -> bool {
        self.body.is_none() && self.coding == Coding::Plain && self.out.is_empty()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Request<B> {
    /// Sends what can be sent now; ready once all is.
    pub(super) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        sink: &mut impl Sink,
    ) -> Poll<Result<(), SendError>> {
        while !self.is_sent() {
            // The head waits for nothing, but what is there of the body leaves with it.
            let is_awaited = self.out.has_room() && self.poll_body(context)?.is_pending();
            if !self.out.is_empty() {
                ready!(self.out.poll_send(context, sink)).map_err(SendError::Io)?;
                self.writes = self.writes.saturating_add(1);
            } else if is_awaited {
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes the next piece of the body, or its end.
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let Some(body) = &mut self.body else {
            self.end();
            return Poll::Ready(Ok(()));
        };
        let frame =
            ready!(Pin::new(&mut *body).poll_frame(context)).transpose().map_err(|_| SendError::Body)?;
        let is_end = frame.is_none() || body.is_end_stream();
        // Trailers end here.
        if let Some(data) = frame.and_then(|frame| frame.into_data().ok()).filter(|data| !data.is_empty()) {
            self.left = self.left.checked_sub(data.len() as u64).ok_or(SendError::Body)?;
            self.stage(data);
        }
        // What is owed of a stated length would be taken from the next request on the connection.
        if is_end && self.left > 0 && self.coding == Coding::Plain {
            return Poll::Ready(Err(SendError::Body));
        }
        if is_end || self.left == 0 {
            self.body = None;
        }
        Poll::Ready(Ok(()))
    }

    fn stage(&mut self, data: Bytes) {
        self.out.forget_sent();
        if let Coding::Chunked { is_first } = &mut self.coding {
            let end = if std::mem::take(is_first) { "" } else { "\r\n" };
            // A vector takes all that is written.
            let _ = write!(self.out.bytes, "{end}{:x}\r\n", data.len());
        }
        if data.len() <= COPIED {
            self.out.bytes.extend_from_slice(&data);
        } else {
            self.out.data = data;
        }
    }

    /// The last chunk (RFC 9112, section 7.1), if the body is chunked.
    fn end(&mut self) {
        if let Coding::Chunked { is_first } = std::mem::replace(&mut self.coding, Coding::Plain) {
            self.out.forget_sent();
            self.out.bytes.extend_from_slice(if is_first { b"0\r\n\r\n" } else { b"\r\n0\r\n\r\n" });
        }
    }
}

impl Out {
    fn is_empty(&self) -> bool {
        self.at == self.bytes.len() && self.data.is_empty()
    }

    /// Whether more may be put behind what is there: nothing is, or only the head.
    fn has_room(&self) -> bool {
        self.is_empty() || (self.at == 0 && self.bytes.len() == self.head_length && self.data.is_empty())
    }

    /// A request without a body keeps its head, which may be sent again.
    fn forget_sent(&mut self) {
        if self.at == self.bytes.len() {
            self.bytes.clear();
            self.at = 0;
        }
    }

    fn poll_send(&mut self, context: &mut Context<'_>, sink: &mut impl Sink) -> Poll<std::io::Result<()>> {
        let framing = &self.bytes[self.at..];
        let sent = ready!(sink.poll_send(context, &[IoSlice::new(framing), IoSlice::new(&self.data)]))?;
        if sent == 0 {
            return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
        }
        let of_framing = sent.min(framing.len());
        self.at += of_framing;
        self.data.advance(sent - of_framing);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
