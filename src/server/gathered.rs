//! Gathers what is written to a connection, so that the answers of many streams leave in one send.
//!
//! HTTP/2's library writes each answer by itself and flushes after it: a call of the system each, which is much of what an
//! answer costs. Here a write only appends to a buffer and wakes a task that does nothing but send. That task stands behind
//! all those that are ready to run, so what they write in this turn leaves with it; it waits for nothing else, and a flush
//! does not wait for it. A full buffer takes no more until some of it was sent. An error of the sender is told to whoever
//! reads or writes next, and is woken to do so; a shutdown sends what is left first.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::AbortHandle;

/// Bytes that are gathered at most.
const MOST: usize = 64 << 10;
/// Room that a buffer has at first: for the answers that leave at once, nearly always.
const ROOM: usize = 8 << 10;

/// A connection whose writes are gathered.
pub(super) struct Gathered<S>(Rc<RefCell<Gathering<S>>>);

/// Sends what is gathered, until it is dropped.
pub(super) struct Sending(AbortHandle);

struct Gathering<S> {
    stream: S,
    /// What was written, and how much of it was sent. No buffer is kept while there is nothing to send.
    written: Vec<u8>,
    sent: usize,
    is_flushed: bool,
    failure: Option<io::Error>,
    /// Of the task that sends.
    sender: Option<Waker>,
    /// Of the task that reads and writes.
    user: Option<Waker>,
    /// Whether that one waits for room.
    is_full: bool,
}

impl<S: AsyncWrite + Unpin + 'static> Gathered<S> {
    /// Gathers what is written to `stream`; it is sent by a task on this core.
    #[must_use]
    pub(super) fn new(stream: S) -> (Self, Sending) {
        let gathering = Rc::new(RefCell::new(Gathering::new(stream)));
        let sender = gathering.clone();
        let sender = poll_fn(move |context| sender.borrow_mut().poll_sender(context));
        let sending = Sending(tokio::task::spawn_local(sender).abort_handle());
        (Self(gathering), sending)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<S: AsyncWrite + Unpin> Gathering<S> {
    fn new(stream: S) -> Self {
        let (written, sent, is_flushed, is_full) = (Vec::new(), 0, true, false);
        Self { stream, written, sent, is_flushed, failure: None, sender: None, user: None, is_full }
    }

    /// Sends what is there whenever it is woken; never ends.
    fn poll_sender(&mut self, context: &mut Context<'_>) -> Poll<()> {
        remember(&mut self.sender, context);
        if let Poll::Ready(Err(failure)) = self.poll_send(context) {
            self.forget();
            self.is_flushed = true;
            self.failure = Some(failure);
        }
        let has_room = self.is_full && self.written.len() < MOST;
        if has_room || self.failure.is_some() {
            self.is_full = false;
            self.user.iter().for_each(Waker::wake_by_ref);
        }
        Poll::Pending
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.written.len() {
            match Pin::new(&mut self.stream).poll_write(context, &self.written[self.sent..])? {
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(sent) => self.sent += sent,
                Poll::Pending => {
                    self.written.drain(..self.sent);
                    self.sent = 0;
                    return Poll::Pending;
                }
            }
        }
        self.forget();
        if !self.is_flushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn forget(&mut self) {
        (self.written, self.sent) = (Vec::new(), 0);
    }

    fn poll_gather(&mut self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.fail()?;
        remember(&mut self.user, context);
        if self.written.capacity() == 0 {
            self.written.reserve(ROOM);
        }
        let before = self.written.len();
        for part in parts {
            let room = MOST - self.written.len();
            self.written.extend_from_slice(&part[..part.len().min(room)]);
        }
        let taken = self.written.len() - before;
        if taken == 0 && before == MOST {
            self.is_full = true;
            return Poll::Pending;
        }
        if before == 0 {
            self.sender.iter().for_each(Waker::wake_by_ref);
        }
        self.is_flushed = false;
        Poll::Ready(Ok(taken))
    }

    fn fail(&mut self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }
}

fn remember(known: &mut Option<Waker>, context: &Context<'_>) {
    if !known.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
        *known = Some(context.waker().clone());
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let gathering = &mut *self.0.borrow_mut();
        gathering.fail()?;
        remember(&mut gathering.user, context);
        Pin::new(&mut gathering.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_gather(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_gather(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.borrow_mut().fail())
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let gathering = &mut *self.0.borrow_mut();
        gathering.fail()?;
        // The sender may take over what could not be sent: then it tells.
        remember(&mut gathering.user, context);
        gathering.is_full = true;
        ready!(gathering.poll_send(context))?;
        Pin::new(&mut gathering.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Takes so many bytes at each write, again and again; none at all for 0.
    struct Peer {
        takes: Vec<usize>,
        writes: usize,
        taken: Rc<RefCell<Vec<u8>>>,
        is_broken: bool,
    }

    impl Peer {
        fn new(takes: Vec<usize>) -> (Self, Rc<RefCell<Vec<u8>>>) {
            let taken = Rc::<RefCell<Vec<u8>>>::default();
            (Self { takes, writes: 0, taken: taken.clone(), is_broken: false }, taken)
        }
    }

    impl AsyncWrite for Peer {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            if self.is_broken {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let takes = self.takes[self.writes % self.takes.len()].min(bytes.len());
            self.writes += 1;
            if takes == 0 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.taken.borrow_mut().extend_from_slice(&bytes[..takes]);
            Poll::Ready(Ok(takes))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn run<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, future)
    }

    #[test]
    fn what_is_written_in_one_turn_leaves_in_one_send() {
        run(async {
            let (peer, taken) = Peer::new(vec![MOST]);
            let (mut gathered, _sending) = Gathered::new(peer);
            tokio::task::yield_now().await;
            for answer in [&b"one "[..], b"two ", b"three"] {
                gathered.write_all(answer).await.unwrap();
                gathered.flush().await.unwrap();
            }
            assert!(taken.borrow().is_empty());
            tokio::task::yield_now().await;
            assert_eq!(&*taken.borrow(), b"one two three");
            assert_eq!(gathered.0.borrow().stream.writes, 1);
            assert_eq!(gathered.0.borrow().written.capacity(), 0);
        });
    }

    #[test]
    fn an_error_of_the_sender_is_told_once() {
        run(async {
            let (mut peer, _taken) = Peer::new(vec![1]);
            peer.is_broken = true;
            let (mut gathered, _sending) = Gathered::new(peer);
            gathered.write_all(b"lost").await.unwrap();
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            assert_eq!(gathered.flush().await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            gathered.write_all(b"lost").await.unwrap();
            assert_eq!(gathered.shutdown().await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        });
    }

    proptest! {
        #[test]
        fn any_writes_and_flushes_arrive_in_order_and_within_the_bound(
            writes in prop::collection::vec((0_usize..100_000, any::<bool>()), 1..12),
            takes in prop::collection::vec(0_usize..30_000, 0..6),
        ) {
            let takes: Vec<usize> = takes.into_iter().chain([7_000]).collect();
            run(async {
                let (peer, taken) = Peer::new(takes);
                let (mut gathered, _sending) = Gathered::new(peer);
                let (mut written, mut number) = (Vec::new(), 0_usize);
                for (length, is_flushed) in writes {
                    let bytes: Vec<u8> = (0..length).map(|at| ((number + at) % 251) as u8).collect();
                    number += length;
                    gathered.write_all(&bytes).await.unwrap();
                    written.extend(bytes);
                    assert!(written.len() - taken.borrow().len() <= MOST);
                    if is_flushed {
                        gathered.flush().await.unwrap();
                        tokio::task::yield_now().await;
                    }
                }
                gathered.shutdown().await.unwrap();
                assert!(*taken.borrow() == written);
            });
        }
    }
}
