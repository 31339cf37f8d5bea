//! A connection to an endpoint: the socket, and what has been read of it and not been taken yet.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio_util::io::poll_read_buf;

use super::request::Sink;

/// Bytes that are read at once; a body that comes faster is read by ever more, up to [`MOST`].
const LEAST: usize = 8 * 1024;
/// Most bytes that are read at once: what a transfer holds at most. 256 KiB: a mebibyte takes some five reads.
const MOST: usize = 256 * 1024;

/// A connection to an endpoint.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// What has been read.
    pub(super) read: BytesMut,
    at_once: usize,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, read: BytesMut::new(), at_once: LEAST }
    }

    /// Reads more; ready with 0 at the end.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // What has been handed on holds on to its memory until it is sent: little is left for little that comes.
        if self.read.capacity() - self.read.len() < self.at_once / 2 {
            self.read.reserve(self.at_once);
        }
        let length = ready!(poll_read_buf(Pin::new(&mut self.stream), context, &mut self.read))?;
        if length >= self.at_once / 2 {
            self.at_once = (self.at_once * 2).min(MOST);
        } else if length < self.at_once / 4 {
            self.at_once = (self.at_once / 2).max(LEAST);
        }
        Poll::Ready(Ok(length))
    }

    /// A body of `length` bytes follows. If what came with its head fills what was read at once, the rest is on its way: it is
    /// read by as much at once as it has.
    pub(super) fn expect(&mut self, length: u64) {
        if self.read.len() >= LEAST / 2 {
            let length = usize::try_from(length).unwrap_or(MOST);
            self.at_once = length.clamp(LEAST, MOST);
        }
    }

    /// A transfer is over: the next one begins with little.
    pub(super) fn rest(&mut self) {
        self.at_once = LEAST;
        if self.read.capacity() > LEAST {
            self.read = BytesMut::new();
        }
    }

    /// Whether nothing has come on an idle connection, neither bytes nor its end. Asks the kernel only if something has.
    pub(super) fn is_quiet(&self) -> bool {
        let read = self.stream.try_read(&mut [0; 1]);
        self.read.is_empty() && matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl Sink for Connection {
    fn poll_send(&mut self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match parts {
            [part, rest] if rest.is_empty() => Pin::new(&mut self.stream).poll_write(context, part),
            _ => Pin::new(&mut self.stream).poll_write_vectored(context, parts),
        }
    }
}
