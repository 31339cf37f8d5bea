//! The body of an answer: bytes of the gateway's own, or the upstream's as they stream by.
//!
//! An enum, not a box: it costs nothing on the path. Whatever happens to a streamed answer, its end is told
//! exactly once to the [`Recording`], and only a wholly read one gives its connection back. The recording sees what the
//! upstream sent, also where the caller gets it masked.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::masked::{self, Masking};
use super::recording::{End, Recording};
use super::standing;
use super::upload::{Silence, Upload, UploadOutcome};
use super::watch::Watch;
use super::worker::Worker;
use crate::domain::ended::Ended;
use crate::masking::unmaskable::Unmaskable;
use crate::upstream::error::Broken;
use crate::upstream::exchange::Exchange;

/// The body of an answer.
pub enum Answer {
    /// The gateway's own.
    Own(Option<Bytes>),
    /// The upstream's.
    Relayed(Box<Relay>),
}

/// An upstream's body as it streams by.
pub struct Relay {
    exchange: Option<Box<Exchange<Upload>>>,
    /// The call, until its answer has ended; it may have been recorded before.
    recording: Option<Recording>,
    /// What becomes of the request's body meanwhile.
    upload: Rc<RefCell<UploadOutcome>>,
    worker: Rc<Worker>,
    /// Of the upstream's silence, once it had to be waited for.
    watch: Option<Watch>,
    /// Bytes that were read ahead of the caller, to be sent first.
    ahead: Option<Bytes>,
    /// Masks the rest for a caller who may not see all of it.
    masking: Option<Box<Masking>>,
}

/// The answer was cut short: what the caller has is not the whole.
#[derive(Debug, thiserror::Error)]
pub enum CutShort {
    /// The upstream broke off.
    #[error("the upstream broke off within its answer")]
    Broken(#[source] Broken),
    /// The upstream was silent for too long.
    #[error("the upstream was silent for too long within its answer")]
    Silent,
    /// More of it may not be let through.
    #[error("the rest of the upstream's answer cannot be masked")]
    Unmaskable(#[source] Unmaskable),
    /// The call may not go on.
    #[error("{}", .0.title())]
    Ended(Ended),
}

impl Answer {
    /// Relays the answer of `exchange`; its end is told to `recording`.
    pub fn relay(exchange: Box<Exchange<Upload>>, recording: Recording) -> Self {
        let worker = recording.worker();
        if exchange.is_end_stream() {
            exchange.end(recording.finish(End::Whole), worker.shared.bounds.upstream_silence);
            return Self::Own(None);
        }
        let upload = recording.call.upload.clone();
        let (exchange, recording) = (Some(exchange), Some(recording));
        Self::Relayed(Box::new(Relay {
            exchange,
            recording,
            upload,
            worker,
            watch: None,
            ahead: None,
            masking: None,
        }))
    }

    /// Relays an answer masked, of which `ahead` has been read and masked already.
    pub fn relay_masked(
        exchange: Box<Exchange<Upload>>,
        recording: Recording,
        (ahead, masking): (Bytes, Box<Masking>),
    ) -> Self {
        if exchange.is_end_stream() {
            return match Self::relay(exchange, recording) {
                Self::Own(_) => Self::Own((!ahead.is_empty()).then_some(ahead)),
                relayed @ Self::Relayed(_) => relayed,
            };
        }
        let (worker, upload) = (recording.worker(), recording.call.upload.clone());
        let (exchange, recording, masking) = (Some(exchange), Some(recording), Some(masking));
        let ahead = Some(ahead).filter(|ahead| !ahead.is_empty());
        Self::Relayed(Box::new(Relay { exchange, recording, upload, worker, watch: None, ahead, masking }))
    }

    /// Relays the rest of an answer after `ahead`, which was read already; the call has been recorded.
    pub fn relay_rest(
        exchange: Box<Exchange<Upload>>,
        recording: Recording,
        (ahead, masking): (Bytes, Option<Box<Masking>>),
    ) -> Self {
        let (worker, upload) = (recording.worker(), recording.call.upload.clone());
        let (exchange, ahead) = (Some(exchange), Some(ahead).filter(|ahead| !ahead.is_empty()));
        Self::Relayed(Box::new(Relay {
            exchange,
            recording: Some(recording),
            upload,
            worker,
            watch: None,
            ahead,
            masking,
        }))
    }
}

impl Relay {
    fn finish(&mut self, end: End) {
        let recorded = self.recording.take().map(|recording| recording.finish(end));
        if let (End::Whole, Some(exchange)) = (end, self.exchange.take()) {
            let now = recorded.unwrap_or_else(|| self.worker.shared.clock.monotonic());
            exchange.end(now, self.worker.shared.bounds.upstream_silence);
        }
    }

    /// Lets nothing more of it through.
    fn cut(&mut self, ended: Ended) -> CutShort {
        (self.exchange, self.ahead) = (None, None);
        if let Some(recording) = self.recording.take() {
            recording.cut(&ended);
        }
        CutShort::Ended(ended)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        if let Some(recording) = &self.recording
            && recording.call.standing.is_to_be_asked(&self.worker)
            && let Poll::Ready(Err(ended)) = standing::poll(&self.worker, &recording.call, context)
        {
            return Poll::Ready(Some(Err(self.cut(ended))));
        }
        if let Some(ahead) = self.ahead.take() {
            return Poll::Ready(Some(Ok(Frame::data(ahead))));
        }
        loop {
            let Some(exchange) = &mut self.exchange else { return Poll::Ready(None) };
            let frame = Pin::new(&mut **exchange).poll_frame(context);
            let is_over = exchange.is_end_stream();
            let frame = match frame {
                Poll::Ready(Some(Ok(frame))) => Some(frame),
                Poll::Ready(None) => None,
                Poll::Ready(Some(Err(error))) => {
                    // Whose body broke off: it is not for a caller to make its call free.
                    let is_callers = matches!(error, Broken::RequestBody);
                    self.finish(if is_callers { End::CallerLeft } else { End::UpstreamBroke });
                    return Poll::Ready(Some(Err(CutShort::Broken(error))));
                }
                Poll::Pending => return self.wait(context),
            };
            if let Some(watch) = &self.watch {
                watch.met();
            }
            if let (Some(data), Some(recording)) =
                (frame.as_ref().and_then(Frame::data_ref), &mut self.recording)
            {
                recording.saw(data);
            }
            let is_over = is_over || frame.is_none();
            match self.masked(frame, is_over) {
                Ok(left) => {
                    if is_over {
                        self.finish(End::Whole);
                    }
                    if left.is_some() || is_over {
                        return Poll::Ready(left.map(Ok));
                    }
                }
                Err(unmaskable) => {
                    if let Some(masking) = &self.masking {
                        masking.cut(&self.worker, unmaskable);
                    }
                    self.exchange = None;
                    self.finish(End::Cut);
                    return Poll::Ready(Some(Err(CutShort::Unmaskable(unmaskable))));
                }
            }
        }
    }

    /// What leaves of a frame. Where something is withheld, that is data alone: trailers may speak of other bytes, or have what the
    /// head may not.
    fn masked(
        &mut self,
        frame: Option<Frame<Bytes>>,
        is_over: bool,
    ) -> Result<Option<Frame<Bytes>>, Unmaskable> {
        let Some(masking) = &mut self.masking else {
            return Ok(frame.filter(|frame| frame.is_data() || !self.is_withheld_from()));
        };
        let data = frame.and_then(|frame| frame.into_data().ok()).unwrap_or_default();
        let left = masking.piece(data, is_over)?;
        Ok((!left.is_empty()).then(|| Frame::data(left)))
    }

    /// Whether there is something that its caller may not see.
    fn is_withheld_from(&self) -> bool {
        self.recording.as_ref().is_some_and(|recording| masked::withholds(&recording.call))
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        let watch = self.watch.get_or_insert_with(|| self.worker.watches.watch_call());
        let mut time = self.worker.shared.bounds.upstream_silence;
        if watch.is_late() {
            let silence = self.upload.borrow().silence(time);
            match silence {
                Silence::Allowed(left) => time = left,
                Silence::OfTheCaller => {
                    self.finish(End::CallerLeft);
                    return Poll::Ready(Some(Err(CutShort::Broken(Broken::RequestBody))));
                }
                Silence::OfTheUpstream => {
                    self.finish(End::UpstreamBroke);
                    return Poll::Ready(Some(Err(CutShort::Silent)));
                }
            }
            watch.met();
        }
        watch.remember(context.waker());
        watch.expect(time);
        Poll::Pending
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
            Self::Relayed(relay) => {
                relay.ahead.is_none()
                    && relay.exchange.as_ref().is_none_or(|exchange| exchange.is_end_stream())
            }
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
    if relay.masking.is_some() {
        return SizeHint::default();
    }
    let ahead = relay.ahead.as_ref().map_or(0, |bytes| bytes.len() as u64);
    let rest = relay.exchange.as_ref().map_or(SizeHint::with_exact(0), |exchange| exchange.size_hint());
    match rest.exact().and_then(|rest| rest.checked_add(ahead)) {
        Some(exact) => SizeHint::with_exact(exact),
        None => SizeHint::default(),
    }
}
