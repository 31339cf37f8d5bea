//! The body of an HTTP/1.1 answer, which tells when it is out.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::client_stream::Shared;
use crate::gateway::answer::{Answer, CutShort};

/// The body of an answer on a connection.
pub(super) struct Served {
    answer: Answer,
    connection: Rc<Shared>,
}

impl Served {
    /// The body of an answer on `connection`.
    #[must_use]
    pub(super) fn new(answer: Answer, connection: Rc<Shared>) -> Self {
        Self { answer, connection }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.connection.raw_head.answered();
    }
}

impl Body for Served {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        let frame = Pin::new(&mut self.answer).poll_frame(context);
        if let Poll::Ready(Some(Err(_))) = frame {
            self.connection.is_cut.set(true);
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
