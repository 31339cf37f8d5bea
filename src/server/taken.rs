//! The body of an HTTP/2 answer. A peer that opens no window takes nothing, however many streams it has open: then its
//! connection is closed, and so is one on which no stream is open for too long.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::client_stream::Shared;
use crate::gateway::answer::{Answer, CutShort};
use crate::gateway::watch::Watch;
use crate::gateway::worker::Worker;

/// A stream of a connection, open until it is dropped.
pub(super) struct Stream {
    worker: Rc<Worker>,
    connection: Rc<Shared>,
}

impl Stream {
    /// A stream opens.
    pub(super) fn open(worker: Rc<Worker>, connection: Rc<Shared>) -> Self {
        connection.streams.set(connection.streams.get() + 1);
        connection.watch.met();
        Self { worker, connection }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let left = self.connection.streams.get().saturating_sub(1);
        self.connection.streams.set(left);
        if left == 0 {
            self.connection.watch.expect(self.worker.shared.bounds.head_time);
        }
    }
}

/// The body of an answer on a stream.
pub(super) struct Taken {
    answer: Answer,
    stream: Stream,
    /// Of the peer, from the first frame on that is not the last.
    watch: Option<Watch>,
}

impl Taken {
    /// The body of an answer on `stream`.
    pub(super) fn new(answer: Answer, stream: Stream) -> Self {
        Self { answer, stream, watch: None }
    }
}

impl Body for Taken {
    type Data = Bytes;
    type Error = CutShort;

    /// Asked for the next frame once the peer has taken the last.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        if let Some(watch) = &self.watch {
            watch.met();
        }
        let frame = Pin::new(&mut self.answer).poll_frame(context);
        if matches!(frame, Poll::Ready(Some(Ok(_)))) && !self.answer.is_end_stream() {
            let Self { stream, watch, .. } = &mut *self;
            let watch = watch.get_or_insert_with(|| {
                let watch = stream.worker.watches.watch();
                watch.or_else(&stream.connection.stalled);
                watch
            });
            watch.expect(stream.worker.shared.bounds.write_stall);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.answer.size_hint()
    }
}
