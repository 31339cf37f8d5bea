//! A connection whose peer must take what it is sent: one that takes nothing for too long is closed. The timer exists
//! only while a write has to wait.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use arrayvec::ArrayVec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// A paced connection.
pub(super) struct Paced {
    stream: TcpStream,
    patience: Duration,
    stall: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    /// A connection that is closed once the peer takes nothing for `patience`.
    #[must_use]
    pub(super) fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, patience, stall: None }
    }

    /// The connection itself.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    fn watch<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let patience = self.patience;
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match stall.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::from(io::ErrorKind::TimedOut))),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Bytes up to which parts are joined before they are sent: the kernel takes one part, by `send`, for less than it takes two,
/// by `writev`, and the copy costs less than that.
const JOINED: usize = 2048;

/// The parts as one, if they are short.
fn join<'b>(parts: &[io::IoSlice<'_>], room: &'b mut ArrayVec<u8, JOINED>) -> Option<&'b [u8]> {
    for part in parts {
        room.try_extend_from_slice(part).ok()?;
    }
    Some(room)
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut joined = ArrayVec::new();
        let written = match join(parts, &mut joined) {
            Some(bytes) => Pin::new(&mut self.stream).poll_write(context, bytes),
            None => Pin::new(&mut self.stream).poll_write_vectored(context, parts),
        };
        self.watch(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_parts_are_sent_as_one() {
        let joined = |lengths: &[usize]| {
            let parts: Vec<Vec<u8>> =
                lengths.iter().zip(1..).map(|(length, byte)| vec![byte; *length]).collect();
            let slices: Vec<io::IoSlice<'_>> = parts.iter().map(|part| io::IoSlice::new(part)).collect();
            join(&slices, &mut ArrayVec::new()).map(|bytes| bytes == parts.concat())
        };
        assert_eq!(joined(&[]), Some(true));
        assert_eq!(joined(&[300, 0, 512]), Some(true));
        assert_eq!(joined(&[300, JOINED - 300]), Some(true));
        assert_eq!(joined(&[300, JOINED - 299]), None);
    }
}
