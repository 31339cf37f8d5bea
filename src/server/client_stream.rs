//! A client's connection as hyper reads and writes it. It gives the bytes that were read to tell the protocol, has
//! request heads looked at as they come and awaited within a time, closes on a peer that takes nothing for too long, and
//! ends in order: what the peer still sends is read for a while, so that it does not lose the last answer to a reset.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::socket::Socket;
use crate::config::settings::Bounds;
use crate::gateway::raw_head::RawHead;
use crate::gateway::watch::{Alarm, Watch};

/// How long, and how much, a peer may send on after the last answer.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 16 << 20);

/// A client's connection.
pub(super) struct ClientStream {
    stream: Socket,
    opening: Bytes,
    shared: Rc<Shared>,
    head_time: Duration,
    ending: Option<Ending>,
}

/// What a connection's stream, its requests and its task have in common.
pub(super) struct Shared {
    /// Wakes the connection's task.
    pub(super) watch: Watch,
    /// Looks at heads.
    pub(super) raw_head: Rc<RawHead>,
    /// Raised when an HTTP/2 answer is not taken for too long.
    pub(super) stalled: Rc<Alarm>,
    /// HTTP/2 streams that are open.
    pub(super) streams: std::cell::Cell<usize>,
    /// Whether an answer was cut off: then the connection is reset, so that what the peer has never looks whole.
    pub(super) is_cut: std::cell::Cell<bool>,
}

struct Ending {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl ClientStream {
    /// A connection of which `opening` has been read already.
    #[must_use]
    pub(super) fn new(stream: Socket, opening: Bytes, shared: Rc<Shared>, bounds: &Bounds) -> Self {
        Self { stream, opening, shared, head_time: bounds.head_time, ending: None }
    }

    /// A peer that takes what it is sent is not late with its next head yet.
    fn wrote<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() && self.shared.raw_head.is_awaited() {
            self.shared.watch.met();
        }
        written
    }

    /// Reads what the peer still sends until it closes too, or has had its time.
    fn linger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(ending) = &mut self.ending else { return Poll::Ready(Ok(())) };
        let mut chunk = [0; 8192];
        while ending.left > 0 && ending.until.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut chunk);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    ending.left = ending.left.saturating_sub(buffer.filled().len());
                }
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.opening.is_empty() {
            let length = self.opening.len().min(buffer.remaining());
            self.shared.raw_head.see(&self.opening[..length]);
            buffer.put_slice(&self.opening[..length]);
            self.opening.advance(length);
            return Poll::Ready(Ok(()));
        }
        if self.shared.watch.is_late() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.shared.raw_head.see(&buffer.filled()[before..]);
        } else if self.shared.raw_head.is_awaited() {
            self.shared.watch.expect(self.head_time);
        }
        read
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ending.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            let (time, left) = LINGER;
            self.ending = Some(Ending { until: Box::pin(tokio::time::sleep(time)), left });
        }
        self.linger(context)
    }
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        if self.shared.is_cut.get() {
            // Best effort: without it the peer sees an end where there was none, but only if it speaks HTTP/1.0.
            let _ = SockRef::from(self.stream.tcp()).set_linger(Some(Duration::ZERO));
        }
    }
}
