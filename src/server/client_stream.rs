//! A client's connection as hyper reads and writes it. It gives what was read before hyper had it, has request heads
//! looked at as they come and awaited within a time, closes on a peer that takes nothing for too long, and ends in order:
//! what the peer still sends is read for a while, so that it does not lose the last answer to a reset.
//!
//! It can also wait by itself, with neither hyper nor a buffer at hand: so a peer that sends nothing costs little memory.

use std::cell::Cell;
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
/// Bytes that are read at once before hyper reads: room for nearly any head, on the stack.
const FIRST_READ: usize = 4096;

/// A client's connection.
pub(super) struct ClientStream {
    stream: Socket,
    /// What was read before hyper has it; heads in it have been looked at.
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
    /// Whether it is of HTTP/2.
    pub(super) is_multiplexed: Cell<bool>,
    /// HTTP/2 streams that are open.
    pub(super) streams: Cell<usize>,
    /// Whether an answer was cut off: then the connection is reset, so that what the peer has never looks whole.
    pub(super) is_cut: Cell<bool>,
    /// Whether hyper has read all that the peer has sent.
    is_read: Cell<bool>,
    /// Whether the peer's system has been given all that hyper wrote.
    is_written: Cell<bool>,
}

impl Shared {
    /// Of a connection whose task `watch` wakes.
    #[must_use]
    pub(super) fn new(watch: Watch) -> Self {
        let (raw_head, stalled, streams) = (Rc::default(), Rc::default(), Cell::new(0));
        let (is_cut, is_read, is_written) = (Cell::new(false), Cell::new(false), Cell::new(true));
        let is_multiplexed = Cell::new(false);
        Self { watch, raw_head, stalled, is_multiplexed, streams, is_cut, is_read, is_written }
    }

    /// Whether nothing is under way but, at most, a head that has begun to come. This holds of a connection that hyper has
    /// just looked at.
    pub(super) fn is_at_rest(&self) -> bool {
        self.is_read.get() && self.is_written.get() && self.raw_head.is_awaited()
    }
}

struct Ending {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl ClientStream {
    /// A connection of which nothing has been read.
    #[must_use]
    pub(super) fn new(stream: Socket, shared: Rc<Shared>, bounds: &Bounds) -> Self {
        Self { stream, opening: Bytes::new(), shared, head_time: bounds.head_time, ending: None }
    }

    /// What was read before hyper has it.
    #[must_use]
    pub(super) fn opening(&self) -> &[u8] {
        &self.opening
    }

    /// Takes back what hyper read and did not use.
    pub(super) fn take_back(&mut self, unused: &[u8]) {
        // A copy: the original lies in a buffer that is much larger.
        self.opening = [unused, &self.opening].concat().into();
    }

    /// Waits for more to read, which `opening` has then. False if there is none: the peer left or is late, or the core stops.
    pub(super) async fn more(&mut self) -> bool {
        if std::future::poll_fn(|context| self.poll_more(context)).await {
            return true;
        }
        // In order, as hyper would: what the peer has under way is read, so that no reset takes its last answer away.
        let _ = std::future::poll_fn(|context| Pin::new(&mut *self).poll_shutdown(context)).await;
        false
    }

    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let watch = &self.shared.watch;
        watch.remember(context.waker());
        let mut chunk = [0; FIRST_READ];
        let mut buffer = ReadBuf::new(&mut chunk);
        match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                self.shared.raw_head.see(buffer.filled());
                self.opening = [&self.opening, buffer.filled()].concat().into();
                Poll::Ready(true)
            }
            Poll::Pending if !watch.is_late() && !watch.is_stopping() => {
                watch.expect(self.head_time);
                Poll::Pending
            }
            Poll::Pending | Poll::Ready(_) => Poll::Ready(false),
        }
    }

    /// A peer that takes what it is sent is not late with its next head yet.
    fn wrote<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let was_held_up = !self.shared.is_written.replace(written.is_ready());
        // Of HTTP/2 the streams may have ended while their last bytes still leave.
        if written.is_ready()
            && was_held_up
            && self.shared.is_multiplexed.get()
            && self.shared.streams.get() == 0
        {
            self.shared.watch.met();
            self.shared.watch.expect(self.head_time);
        }
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
            buffer.put_slice(&self.opening[..length]);
            self.opening.advance(length);
            return Poll::Ready(Ok(()));
        }
        if self.shared.watch.is_late() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.shared.is_read.set(read.is_pending());
        if read.is_ready() {
            self.shared.raw_head.see(&buffer.filled()[before..]);
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
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.shared.is_written.set(flushed.is_ready());
        // What TLS holds back is still being taken: the next head is not awaited yet.
        if flushed.is_pending() && self.shared.raw_head.is_awaited() {
            self.shared.watch.met();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ending.is_none() {
            // From now on this reads, and hyper has no more to ask.
            self.shared.is_read.set(false);
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
