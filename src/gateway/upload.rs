//! The request body on its way to the upstream: counted, bounded, paced and, if the route's meter reads it, copied; of a signed
//! request, checked against its digest.
//!
//! Trailers of requests end here: nothing on this path needs them, and they could smuggle identity fields.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::body_room::Held;
use super::fingerprint::Fingerprint;
use super::raw_head::RawHead;
use super::standing::Farewell;
use crate::credential::content_digest::{Checking, ContentDigest};
use crate::domain::refusal::Refusal;
use crate::domain::signature_mistake::{SignatureError, SignatureMistake};
use crate::domain::usage::Idempotency;
use crate::metering::capture::Capture;

/// Bounds of a request body.
#[derive(Debug, Clone, Copy)]
pub struct UploadBounds {
    /// Longest body, in bytes.
    pub max: u64,
    /// In each such span there must be `progress` bytes, or the end.
    pub time: Duration,
    /// Bytes of progress.
    pub progress: u64,
}

/// What became of a request body; shared between the body, which the upstream's connection owns, and the pipeline.
#[derive(Debug, Default)]
pub struct UploadOutcome {
    /// Bytes that came.
    pub bytes: u64,
    /// Why it was cut off.
    pub refusal: Option<Refusal>,
    /// When the last of them came.
    pub moved_at: Option<Instant>,
    /// Whether the upstream may have the request: it was given to a connection.
    pub is_handed_over: bool,
    /// Whether some of the body has not gone on yet.
    pub is_under_way: bool,
    /// Whether the client is what it waits for.
    pub is_awaited: bool,
    /// What is kept for the meter.
    pub capture: Capture,
    /// What tells whether the call is another one again, if it can be one.
    pub fingerprint: Option<Box<Fingerprint>>,
    /// What the caller of a durable call is told that goes on without it.
    pub farewell: Farewell,
    /// Whether something of it does not go on.
    pub is_cut: bool,
}

/// What it means that an upstream says nothing while its request may still be on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// Nothing yet: it may be silent for so long.
    Allowed(Duration),
    /// The caller is silent, of whose request the upstream has not all.
    OfTheCaller,
    /// The upstream is.
    OfTheUpstream,
}

impl UploadOutcome {
    /// Has the meter see more of the body.
    pub(super) fn see(&mut self, data: &[u8]) {
        self.capture.push(data);
        if let Some(fingerprint) = &mut self.fingerprint {
            fingerprint.push(data);
        }
    }

    /// What tells whether the call is another one again, if all of its body went on.
    pub(super) fn idempotency(&mut self) -> Option<Idempotency> {
        let is_whole = self.is_whole();
        self.fingerprint.take().filter(|_| is_whole)?.end()
    }

    /// Whether the upstream has all of the request, or will have.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_handed_over && !self.is_under_way
    }

    /// What is left of `time` since the body moved: an upstream that is still being told something need not answer.
    #[must_use]
    pub fn left_of(&self, time: Duration) -> Duration {
        self.moved_at.map_or(Duration::ZERO, |at| time.saturating_sub(at.elapsed()))
    }

    /// Whose silence it is that the upstream said nothing for `time`.
    #[must_use]
    pub fn silence(&self, time: Duration) -> Silence {
        match self.left_of(time) {
            Duration::ZERO if self.is_under_way && self.is_awaited => Silence::OfTheCaller,
            Duration::ZERO => Silence::OfTheUpstream,
            left => Silence::Allowed(left),
        }
    }
}

/// A body to an upstream.
pub enum Upload {
    /// None at all.
    Empty,
    /// Streamed from the client.
    Streaming(Box<Streaming>),
    /// All of it, read before. Boxed, for it would make the request of every call larger, which is moved more than once.
    Whole(Box<Bytes>),
}

/// A body that streams from the client.
pub struct Streaming {
    incoming: Incoming,
    bounds: UploadBounds,
    outcome: Rc<RefCell<UploadOutcome>>,
    raw_head: Rc<RawHead>,
    /// How long the body is, if that was said.
    length: Option<u64>,
    version: Version,
    pace: Option<Pace>,
    /// What the body must be, until its end has been checked.
    digest: Option<Checking>,
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.raw_head.body_is_left();
    }
}

/// How long the client was waited for since it last made progress; what the upstream takes its time for is not in it.
struct Pace {
    sleep: Pin<Box<Sleep>>,
    waiting_since: Option<Instant>,
    waited: Duration,
    bytes_before: u64,
}

/// The body was cut off; [`UploadOutcome::refusal`] says why.
#[derive(Debug, thiserror::Error)]
#[error("the request body was cut off")]
pub struct CutOff;

impl Upload {
    /// A body within bounds, whose fate is told in `outcome`.
    /// `raw_head` learns when it is read.
    pub fn new(
        (incoming, version): (Incoming, Version),
        bounds: UploadBounds,
        outcome: Rc<RefCell<UploadOutcome>>,
        raw_head: Rc<RawHead>,
    ) -> Self {
        if is_empty(&incoming) {
            return Self::Empty;
        }
        raw_head.body_opens();
        outcome.borrow_mut().is_under_way = true;
        let length = incoming.size_hint().exact();
        Self::Streaming(Box::new(Streaming {
            incoming,
            bounds,
            outcome,
            raw_head,
            length,
            version,
            pace: None,
            digest: None,
        }))
    }

    /// Has the body checked: the upstream gets its end only if it is the one that `digest` is of. One that is empty has been
    /// checked already.
    ///
    /// # Errors
    /// [`Refusal::SignatureInvalid`] for one that is at hand and another.
    pub fn check(&mut self, digest: ContentDigest) -> Result<(), Refusal> {
        let mut checking = digest.begin();
        match self {
            Self::Empty => Ok(()),
            Self::Whole(body) => {
                checking.update(body);
                if checking.matches() { Ok(()) } else { Err(another_body()) }
            }
            Self::Streaming(streaming) => {
                streaming.digest = Some(checking);
                Ok(())
            }
        }
    }

    /// Reads all of it, within its bounds and into room that is taken for it, before any of it goes on.
    ///
    /// # Errors
    /// Why it was cut off; [`Refusal::Unavailable`] without room.
    pub(super) async fn held(self, mut held: Held) -> Result<Held, Refusal> {
        match self {
            Self::Empty => {}
            Self::Whole(body) => held.push(&body, body.len())?,
            Self::Streaming(mut streaming) => {
                let most = streaming.length.unwrap_or(streaming.bounds.max).min(streaming.bounds.max);
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                while let Some(frame) = poll_fn(|context| streaming.poll_data(context)).await {
                    let Ok(frame) = frame else {
                        let refusal = streaming.outcome.borrow_mut().refusal.take();
                        return Err(refusal.unwrap_or(BROKEN_OFF));
                    };
                    held.push(&frame.into_data().unwrap_or_default(), most)?;
                }
            }
        }
        held.end();
        Ok(held)
    }
}

const BROKEN_OFF: Refusal = Refusal::MessageMalformed("The body broke off or is not well framed.");

/// Whether there is nothing to be sent on.
#[must_use]
pub fn is_empty(body: &Incoming) -> bool {
    body.is_end_stream() || body.size_hint().exact() == Some(0)
}

/// The refusal of a body that is not the one that was signed.
#[must_use]
pub fn another_body() -> Refusal {
    let detail = "the body is not the one whose digest was signed, and the upstream has not got all of it";
    SignatureError::new(SignatureMistake::DigestMismatch, detail).into()
}

impl Streaming {
    fn cut(&self, refusal: Refusal) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        self.outcome.borrow_mut().refusal = Some(refusal);
        Poll::Ready(Some(Err(CutOff)))
    }

    /// A client that makes too little progress is cut off. The timer exists only once the body had to be waited for.
    fn poll_pace(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let bytes = self.outcome.borrow().bytes;
        let UploadBounds { time, progress, .. } = self.bounds;
        let pace = self.pace.get_or_insert_with(|| Pace {
            sleep: Box::pin(tokio::time::sleep(time)),
            waiting_since: None,
            waited: Duration::ZERO,
            bytes_before: bytes,
        });
        if bytes.saturating_sub(pace.bytes_before) >= progress {
            (pace.waited, pace.bytes_before) = (Duration::ZERO, bytes);
        }
        if pace.waiting_since.is_none() {
            let now = Instant::now();
            pace.waiting_since = Some(now);
            self.outcome.borrow_mut().is_awaited = true;
            pace.sleep.as_mut().reset(now + time.saturating_sub(pace.waited));
        }
        ready!(pace.sleep.as_mut().poll(context));
        self.cut(Refusal::BodyTooSlow)
    }

    /// Whether there is less of it than was stated, or a reset in place of its end.
    fn is_short(&self) -> bool {
        let is_reset = self.version == Version::HTTP_2 && !self.incoming.is_end_stream();
        is_reset || self.length.is_some_and(|length| length != self.outcome.borrow().bytes)
    }

    /// Whether it was the body that it had to be, if it had to be a certain one; to be asked at its end.
    fn is_right(&mut self) -> bool {
        self.digest.take().is_none_or(Checking::matches)
    }

    /// All of it has come.
    fn end(&self) {
        self.raw_head.body_ends();
        self.outcome.borrow_mut().is_under_way = false;
    }

    /// The client has sent something.
    fn rest_pace(&mut self) {
        if let Some(pace) = &mut self.pace
            && let Some(since) = pace.waiting_since.take()
        {
            pace.waited += since.elapsed();
            self.outcome.borrow_mut().is_awaited = false;
        }
    }

    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        loop {
            let frame = match Pin::new(&mut self.incoming).poll_frame(context) {
                Poll::Pending => return self.poll_pace(context),
                // HTTP/2 may tell a stream that was reset as one that has ended.
                Poll::Ready(None) if self.is_short() => return self.cut(BROKEN_OFF),
                Poll::Ready(None) => {
                    self.end();
                    return if self.is_right() { Poll::Ready(None) } else { self.cut(another_body()) };
                }
                Poll::Ready(Some(Err(_))) => return self.cut(BROKEN_OFF),
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            self.rest_pace();
            if self.incoming.is_end_stream() {
                self.end();
            }
            let Ok(data) = frame.into_data() else { continue };
            let mut outcome = self.outcome.borrow_mut();
            outcome.bytes = outcome.bytes.saturating_add(data.len() as u64);
            if outcome.bytes > self.bounds.max {
                drop(outcome);
                return self.cut(Refusal::BodyTooLarge { limit: self.bounds.max });
            }
            // A body of a stated length is not asked for its end once so much of it is there, and of HTTP/2 that may come later.
            if self.length == Some(outcome.bytes) {
                outcome.is_under_way = false;
            }
            outcome.see(&data);
            outcome.moved_at = Some(Instant::now());
            let is_last = self.length == Some(outcome.bytes) || self.incoming.is_end_stream();
            drop(outcome);
            if let Some(digest) = &mut self.digest {
                digest.update(&data);
                // Without its last piece no upstream takes it for whole.
                if is_last && !self.is_right() {
                    return self.cut(another_body());
                }
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Streaming(streaming) => streaming.poll_data(context),
            Self::Whole(body) => {
                let body = std::mem::take(&mut **body);
                Poll::Ready((!body.is_empty()).then(|| Ok(Frame::data(body))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Streaming(streaming) => streaming.incoming.is_end_stream(),
            Self::Whole(body) => body.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Streaming(streaming) => streaming.incoming.size_hint(),
            Self::Whole(body) => SizeHint::with_exact(body.len() as u64),
        }
    }
}
