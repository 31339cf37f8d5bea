//! The body of an answer: bytes of the gateway's own, or the upstream's as they stream by.
//!
//! An enum, not a box: it costs nothing on the path. Whatever happens to a streamed answer, its end is told
//! exactly once to the [`Recording`], and only a wholly read one gives its connection back.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::recording::{End, Recording};
use super::upload::Upload;
use super::watch::Watch;
use super::worker::Worker;
use crate::upstream::pool::Lease;

/// The body of an answer.
pub enum Answer {
    /// The gateway's own.
    Own(Option<Bytes>),
    /// The upstream's.
    Relayed(Box<Relay>),
}

/// An upstream's body as it streams by.
pub struct Relay {
    incoming: Incoming,
    lease: Option<Lease<Upload>>,
    /// The call, unless it was recorded before its answer's end.
    recording: Option<Recording>,
    worker: Rc<Worker>,
    /// Of the upstream's silence, once it had to be waited for.
    watch: Option<Watch>,
    /// Bytes that were read ahead of the caller, to be sent first.
    ahead: Option<Bytes>,
}

/// The answer was cut short: what the caller has is not the whole.
#[derive(Debug, thiserror::Error)]
pub enum CutShort {
    /// The upstream broke off.
    #[error("the upstream broke off within its answer")]
    Broken(#[source] hyper::Error),
    /// The upstream was silent for too long.
    #[error("the upstream was silent for too long within its answer")]
    Silent,
}

impl Answer {
    /// Relays `incoming`; its end is told to `recording`.
    pub fn relay(incoming: Incoming, lease: Lease<Upload>, recording: Recording) -> Self {
        let (worker, lease, recording) = (recording.worker(), Some(lease), Some(recording));
        let mut relay = Relay { incoming, lease, recording, worker, watch: None, ahead: None };
        if relay.incoming.is_end_stream() {
            relay.finish(End::Whole);
            return Self::Own(None);
        }
        Self::Relayed(Box::new(relay))
    }

    /// Relays the rest of `incoming` after `ahead`, which was read already; the call has been recorded.
    pub fn relay_rest(incoming: Incoming, ahead: Bytes, lease: Lease<Upload>, worker: Rc<Worker>) -> Self {
        let (lease, ahead) = (Some(lease), Some(ahead));
        Self::Relayed(Box::new(Relay { incoming, lease, recording: None, worker, watch: None, ahead }))
    }
}

impl Relay {
    fn finish(&mut self, end: End) {
        let recorded = self.recording.take().map(|recording| recording.finish(end));
        if let (End::Whole, Some(lease)) = (end, self.lease.take()) {
            lease.give_back(recorded.unwrap_or_else(|| self.worker.shared.clock.monotonic()));
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        if let Some(ahead) = self.ahead.take() {
            return Poll::Ready(Some(Ok(Frame::data(ahead))));
        }
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(watch) = &self.watch {
                    watch.met();
                }
                if let (Some(data), Some(recording)) = (frame.data_ref(), &mut self.recording) {
                    recording.saw(data);
                }
                if self.incoming.is_end_stream() {
                    self.finish(End::Whole);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                self.finish(End::Whole);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => {
                self.finish(End::UpstreamBroke);
                Poll::Ready(Some(Err(CutShort::Broken(error))))
            }
            Poll::Pending => {
                let watch = self.watch.get_or_insert_with(|| self.worker.watches.watch());
                if watch.is_late() {
                    self.finish(End::UpstreamBroke);
                    return Poll::Ready(Some(Err(CutShort::Silent)));
                }
                watch.remember(context.waker());
                watch.expect(self.worker.shared.bounds.upstream_silence);
                Poll::Pending
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.finish(End::CallerLeft);
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        match self.get_mut() {
            Self::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Relayed(relay) => relay.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(bytes) => bytes.is_none(),
            Self::Relayed(relay) => relay.ahead.is_none() && relay.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Relayed(relay) => relay_size(relay),
        }
    }
}

fn relay_size(relay: &Relay) -> SizeHint {
    let ahead = relay.ahead.as_ref().map_or(0, |bytes| bytes.len() as u64);
    match relay.incoming.size_hint().exact().and_then(|rest| rest.checked_add(ahead)) {
        Some(exact) => SizeHint::with_exact(exact),
        None => SizeHint::default(),
    }
}
