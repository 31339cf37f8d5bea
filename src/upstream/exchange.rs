//! One request and its answer on a connection. Both go on at once: an upstream may answer before it has read all of the
//! request, and what it answers counts even if it reads no further. The request goes on while the answer is read.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::timeout;

use super::answer_head::{self, AnswerHead, Framing};
use super::chunked::{Chunked, Piece};
use super::connection::Connection;
use super::error::{Broken, UpstreamError};
use super::pool::Lease;
use super::request::{Request, SendError};

/// Interim answers (1xx) before one that counts.
const MAX_INTERIM: u8 = 16;

/// A request under way; once its answer's head has come, a body that can be read.
pub struct Exchange<B> {
    lease: Lease,
    request: Request<B>,
    answer: Answer,
    /// Why the request cannot be sent on; the answer may be on its way nevertheless.
    unsent: Option<std::io::Error>,
    /// Interim answers that have come.
    interim: u8,
    /// Whether another request may follow.
    is_kept: bool,
}

/// How far the answer has come.
enum Answer {
    /// Its head is awaited.
    Head,
    /// So many bytes of its body are left.
    Length(u64),
    /// Its body comes in chunks.
    Chunked(Chunked),
    /// Its body ends with the connection.
    UntilClose,
    /// It has ended.
    Ended,
}

impl<B: Body<Data = Bytes> + Unpin> Exchange<B> {
    /// Begins to send `request` on a connection.
    #[must_use]
    pub fn new(lease: Lease, request: Request<B>) -> Self {
        Self { lease, request, answer: Answer::Head, unsent: None, interim: 0, is_kept: false }
    }

    /// The head of the answer.
    ///
    /// # Errors
    /// [`UpstreamError::Closed`], [`UpstreamError::Broken`], [`UpstreamError::Interim`] and [`UpstreamError::Body`].
    pub fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<AnswerHead, UpstreamError>> {
        if self.poll_request(context).is_err() {
            return Poll::Ready(Err(UpstreamError::Body));
        }
        let limit = self.lease.head_bytes();
        let is_for_head = self.request.is_for_head;
        let Some(connection) = self.lease.connection() else {
            return Poll::Ready(Err(UpstreamError::Unready));
        };
        loop {
            if !connection.read.is_empty()
                && let Some(head) = answer_head::take(&mut connection.read, is_for_head, limit)
                    .map_err(UpstreamError::Broken)?
            {
                if head.status.is_informational() {
                    self.interim += 1;
                    if head.switches_protocols() || self.interim > MAX_INTERIM {
                        return Poll::Ready(Err(UpstreamError::Interim(head.status.as_u16())));
                    }
                    continue;
                }
                self.is_kept = head.is_kept;
                self.answer = match head.framing {
                    Framing::Length(0) => Answer::Ended,
                    Framing::Length(length) => {
                        connection.expect(length);
                        Answer::Length(length)
                    }
                    Framing::Chunked => Answer::Chunked(Chunked::Size),
                    Framing::Close => Answer::UntilClose,
                };
                return Poll::Ready(Ok(head));
            }
            let broken = match ready!(connection.poll_fill(context)) {
                Ok(0) => self.unsent.take().map_or(Broken::Incomplete, Broken::Io),
                Ok(_) => continue,
                Err(error) => Broken::Io(error),
            };
            let is_reset = |error: &std::io::Error| {
                use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
                matches!(error.kind(), ConnectionReset | BrokenPipe)
            };
            let is_closed = match &broken {
                Broken::Io(error) => is_reset(error),
                _ => true,
            };
            return Poll::Ready(Err(if is_closed && connection.read.is_empty() && self.interim == 0 {
                UpstreamError::Closed(broken)
            } else {
                UpstreamError::Broken(broken)
            }));
        }
    }

    /// Whether the upstream may have seen some of the request.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.request.has_begun()
    }

    /// The request for another connection, now that this one failed with `error`; `None` if it must not be sent again.
    #[must_use]
    pub fn again(self, error: &UpstreamError) -> Option<Request<B>> {
        let UpstreamError::Closed(_) = error else { return None };
        let may_repeat = self.lease.may_be_closing();
        self.request.again(may_repeat)
    }

    /// Sends what can be sent. Only the body's own end is an error here: what the connection does not take, it may answer.
    fn poll_request(&mut self, context: &mut Context<'_>) -> Result<(), BodyBroke> {
        if self.unsent.is_some() || self.request.is_sent() {
            return Ok(());
        }
        let Some(connection) = self.lease.connection() else { return Ok(()) };
        match self.request.poll_send(context, connection) {
            Poll::Pending | Poll::Ready(Ok(())) => Ok(()),
            Poll::Ready(Err(SendError::Io(error))) => {
                self.unsent = Some(error);
                Ok(())
            }
            Poll::Ready(Err(SendError::Body)) => Err(BodyBroke),
        }
    }

    /// Ends the exchange, whose answer has been read; the connection goes back to its pool if another request may follow on
    /// it. A request that the upstream has answered and still reads is sent to its end first; if nothing of it goes on for
    /// `silence`, the connection is closed.
    pub fn end(mut self: Box<Self>, now: Duration, silence: Duration)
    where
        B: 'static,
    {
        if !self.is_kept || !matches!(self.answer, Answer::Ended) {
            return;
        }
        if self.request.is_sent() {
            self.lease.give_back(now);
        } else if self.unsent.is_none() {
            tokio::task::spawn_local(async move {
                loop {
                    let before = self.request.writes();
                    let rest = timeout(silence, poll_fn(|context| self.poll_rest(context))).await;
                    match rest {
                        Ok(Ok(())) => return self.lease.give_back(now),
                        Err(_) if self.request.writes() != before => {}
                        Ok(Err(_)) | Err(_) => return,
                    }
                }
            });
        }
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let Some(connection) = self.lease.connection() else { return Poll::Ready(Ok(())) };
        self.request.poll_send(context, connection)
    }
}

struct BodyBroke;

impl Answer {
    /// The next piece of the body.
    fn poll_piece(
        &mut self,
        (connection, unsent): (&mut Connection, &mut Option<std::io::Error>),
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            match self.take(connection) {
                Ok(Taken::Frame(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(Taken::End) => return Poll::Ready(None),
                Ok(Taken::Nothing) => {}
                Err(broken) => return Poll::Ready(Some(Err(broken))),
            }
            match ready!(connection.poll_fill(context)) {
                // What could not be sent tells of a reset, which the socket tells once.
                Ok(0) if matches!(self, Self::UntilClose) => match unsent.take() {
                    Some(error) => return Poll::Ready(Some(Err(error.into()))),
                    None => *self = Self::Ended,
                },
                Ok(0) => return Poll::Ready(Some(Err(Broken::Incomplete))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    /// What has been read already of the body.
    fn take(&mut self, connection: &mut Connection) -> Result<Taken, Broken> {
        let read = &mut connection.read;
        match self {
            Self::Head | Self::Ended => Ok(Taken::End),
            Self::Length(_) | Self::UntilClose if read.is_empty() => Ok(Taken::Nothing),
            Self::UntilClose => Ok(Taken::Frame(Frame::data(read.split().freeze()))),
            Self::Length(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(read.len());
                *left -= length as u64;
                if *left == 0 {
                    *self = Self::Ended;
                }
                Ok(Taken::Frame(Frame::data(read.split_to(length).freeze())))
            }
            Self::Chunked(chunked) => match chunked.decode(read)? {
                Piece::Data(data) => Ok(Taken::Frame(Frame::data(data))),
                Piece::More => Ok(Taken::Nothing),
                Piece::End(trailers) => {
                    *self = Self::Ended;
                    Ok(if trailers.is_empty() { Taken::End } else { Taken::Frame(Frame::trailers(trailers)) })
                }
            },
        }
    }
}

enum Taken {
    Frame(Frame<Bytes>),
    Nothing,
    End,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Exchange<B> {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let exchange = self.get_mut();
        if exchange.poll_request(context).is_err() {
            return Poll::Ready(Some(Err(Broken::RequestBody)));
        }
        let Some(connection) = exchange.lease.connection() else { return Poll::Ready(None) };
        exchange.answer.poll_piece((connection, &mut exchange.unsent), context)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.answer, Answer::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match self.answer {
            Answer::Length(left) => SizeHint::with_exact(left),
            Answer::Ended => SizeHint::with_exact(0),
            Answer::Head | Answer::Chunked(_) | Answer::UntilClose => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use http::Method;
    use http_body_util::Full;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::task::LocalSet;
    use tokio::time::Instant;

    use super::*;
    use crate::policy::snapshot::Endpoint;
    use crate::upstream::pool::{Pool, PoolBounds};
    use crate::upstream::request::RequestHead;

    #[tokio::test]
    async fn a_request_that_is_answered_early_and_read_no_further_is_given_up() {
        let within = async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let endpoint =
                Endpoint { host: "127.0.0.1".to_owned(), port: listener.local_addr().unwrap().port() };
            let (second, silence) = (Duration::from_secs(1), Duration::from_millis(50));
            let bounds = PoolBounds { idle: 1, idle_time: second, head_bytes: 1000 };
            let pool = Rc::new(Pool::new(endpoint, bounds));
            let lease = pool.connect(second).await.unwrap();
            let (mut upstream, _) = listener.accept().await.unwrap();
            upstream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();

            let body = Full::new(Bytes::from(vec![0; 64 << 20]));
            let head = RequestHead::begin(&Method::POST, ["/"]).unwrap();
            let mut exchange = Box::new(Exchange::new(lease, head.end(&Method::POST, body)));
            poll_fn(|context| exchange.poll_head(context)).await.unwrap();
            exchange.end(second, silence);
            assert_eq!(pool.in_flight(), 1, "the request goes on");
            let since = Instant::now();
            while pool.in_flight() > 0 {
                assert!(since.elapsed() < 20 * second, "an upstream that reads no more is waited for");
                tokio::time::sleep(silence).await;
            }
            assert!(pool.idle(second).is_none(), "a request that was not sent whole keeps no connection");
        };
        LocalSet::new().run_until(within).await;
    }
}
