//! Calls whose answer waits until their usage record is on disk. Once permitted, such a call is seen to its end even if
//! its caller leaves, or may not go on: what the upstream did is recorded as it was, not guessed.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Body, Frame};
use tokio::time::timeout;

use super::admit::Admission;
use super::answer::Answer;
use super::forward::Permitted;
use super::masked::{Masking, Unshown};
use super::pipeline::Telling;
use super::recording::{Call, End, Recording, Told};
use super::upload::{Silence, Upload, UploadOutcome};
use super::watch::Watches;
use super::worker::Worker;
use super::{forward, masked, respond, standing};
use crate::domain::refusal::Refusal;
use crate::upstream::error::Broken;
use crate::upstream::exchange::Exchange;

/// How long an answer waits for a disk that neither takes its record nor fails.
const COMMIT_TIME: Duration = Duration::from_secs(10);

/// Sends a request on, in a task that outlives its caller, and gives the answer once its usage record is on disk. A caller that may
/// not go on is told so at once.
pub(super) async fn forward(
    worker: Rc<Worker>,
    recording: Recording,
    permitted: Permitted,
    told: Telling,
) -> Response<Answer> {
    let (request_id, upload) = (told.request_id.clone(), recording.call.upload.clone());
    let mut serving = worker.durable_calls.spawn_local(answer(worker.clone(), recording, permitted, told));
    let served = poll_fn(|context| match Pin::new(&mut serving).poll(context) {
        Poll::Ready(served) => Poll::Ready(served.map_err(|_| Refusal::Unrecorded)),
        Poll::Pending => upload.borrow_mut().farewell.poll(context).map(|ended| Err(Refusal::Ended(ended))),
    });
    served.await.unwrap_or_else(|refusal| refuse(&worker, &refusal, (&request_id, None)))
}

fn refuse(
    worker: &Worker,
    refusal: &Refusal,
    (request_id, admission): (&HeaderValue, Option<Admission>),
) -> Response<Answer> {
    let mut answer = respond::refuse(refusal, request_id, admission);
    worker.shared.challenges.add(answer.headers_mut(), refusal, &HeaderMap::new());
    answer
}

async fn answer(
    worker: Rc<Worker>,
    mut recording: Recording,
    Permitted { request, to, at }: Permitted,
    told: Telling,
) -> Response<Answer> {
    let (mut head, exchange) = match forward::send(&worker, &mut recording, request, (to, at)).await {
        Ok(answered) => answered,
        Err(refusal) => {
            let refusal = told_already(&recording.call).unwrap_or(refusal);
            return told.refuse_under_way(recording, &refusal);
        }
    };
    let silence = worker.shared.bounds.upstream_silence;
    let max = recording.call.meter().map_or(0, |meter| meter.max_capture);
    let masking = masked::begin(&recording.call, &mut head, &exchange);
    let mut held = hold(&worker, &mut recording, exchange, max).await;
    let masking = held.mask(masking).map_err(|why| masked::withhold(&worker, &recording.call, &head, why));
    let response = match record(&mut recording, held.end, masking).await {
        Ok(masking) => {
            recording.told(head.status.as_u16());
            return told.answer(head, release(recording, held, masking));
        }
        Err(refusal) => {
            worker.counters.refused(refusal.code());
            let mut answer = refuse(&worker, &refusal, (&told.request_id, told.admission));
            masked::pass_on(&refusal, &head.headers, answer.headers_mut());
            held.exchange.end(worker.shared.clock.monotonic(), silence);
            answer
        }
    };
    recording.told(response.status().as_u16());
    response
}

/// What the caller has been told already, if the call goes on without it.
fn told_already(call: &Call) -> Option<Refusal> {
    call.upload.borrow().farewell.said().cloned().map(Refusal::Ended)
}

/// What came of an answer while it was held back.
struct Held {
    bytes: Bytes,
    end: End,
    /// The exchange, in which the rest follows of an answer that is longer than the meter captures.
    exchange: Box<Exchange<Upload>>,
}

/// Reads an answer to its end, or to what the meter captures of it.
async fn hold(
    worker: &Worker,
    recording: &mut Recording,
    mut exchange: Box<Exchange<Upload>>,
    max: usize,
) -> Held {
    let waiting = (&worker.watches, worker.shared.bounds.upstream_silence);
    let mut bytes = Vec::new();
    while bytes.len() <= max {
        let next = next(&mut exchange, &recording.call.upload, waiting);
        let frame = match standing::unless_ended(worker, &recording.call, next).await {
            Ok(Ok(None)) => break,
            Ok(Ok(Some(frame))) => frame,
            Ok(Err(end)) => return Held { bytes: bytes.into(), end, exchange },
            // Its body ends with it, of which the upstream has not all.
            Err(ended) => {
                let end = End::from(&ended);
                recording.call.upload.borrow_mut().refusal = Some(Refusal::Ended(ended));
                return Held { bytes: bytes.into(), end, exchange };
            }
        };
        let Ok(data) = frame.into_data() else { continue };
        recording.saw(&data);
        bytes.extend_from_slice(&data);
    }
    if bytes.len() > max && !exchange.is_end_stream() {
        recording.saw_enough();
    }
    Held { bytes: bytes.into(), end: End::Whole, exchange }
}

impl Held {
    /// Masks what is held; gives what masks the rest. Of an answer that broke off nothing is sent, and in an empty one there is
    /// nothing to mask.
    fn mask(
        &mut self,
        masking: Result<Option<Box<Masking>>, Unshown>,
    ) -> Result<Option<Box<Masking>>, Unshown> {
        if self.end != End::Whole || self.bytes.is_empty() {
            return Ok(masking.unwrap_or(None));
        }
        let Some(mut masking) = masking? else { return Ok(None) };
        let bytes = std::mem::take(&mut self.bytes);
        self.bytes = masking.piece(bytes, self.exchange.is_end_stream())?;
        Ok(Some(masking))
    }
}

/// The next piece of an answer, or whose fault it is that none comes.
pub(super) async fn next(
    exchange: &mut Exchange<Upload>,
    upload: &RefCell<UploadOutcome>,
    (watches, silence): (&Rc<Watches>, Duration),
) -> Result<Option<Frame<Bytes>>, End> {
    let mut watch = None;
    poll_fn(|context| {
        match Pin::new(&mut *exchange).poll_frame(context) {
            Poll::Ready(None) => return Poll::Ready(Ok(None)),
            Poll::Ready(Some(Ok(frame))) => return Poll::Ready(Ok(Some(frame))),
            Poll::Ready(Some(Err(Broken::RequestBody))) => return Poll::Ready(Err(End::CallerLeft)),
            Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(End::UpstreamBroke)),
            Poll::Pending => {}
        }
        let watch = watch.get_or_insert_with(|| watches.watch());
        let mut time = silence;
        if watch.is_late() {
            let mut upload = upload.borrow_mut();
            match upload.silence(silence) {
                Silence::Allowed(left) => time = left,
                Silence::OfTheCaller => {
                    upload.refusal = Some(Refusal::BodyTooSlow);
                    return Poll::Ready(Err(End::CallerLeft));
                }
                Silence::OfTheUpstream => return Poll::Ready(Err(End::UpstreamBroke)),
            }
            watch.met();
        }
        watch.remember(context.waker());
        watch.expect(time);
        Poll::Pending
    })
    .await
}

/// Why an answer that ended so is none; `None` of one that is whole.
pub(super) fn broken(end: End, call: &Call) -> Option<Refusal> {
    match end {
        End::Whole | End::Cut | End::Unread => None,
        End::UpstreamBroke => Some(Refusal::UpstreamBroken),
        // It broke its own request off while the upstream answered.
        End::CallerLeft | End::Revoked | End::Stopped => {
            let refusal = call.upload.borrow_mut().refusal.take();
            Some(refusal.unwrap_or(Refusal::MessageMalformed("The body broke off or is not well framed.")))
        }
    }
}

/// Waits until the record of a call is on disk whose answer ended so; gives what came of masking it.
async fn record(
    recording: &mut Recording,
    end: End,
    masking: Result<Option<Box<Masking>>, Refusal>,
) -> Result<Option<Box<Masking>>, Refusal> {
    let masking = match told_already(&recording.call).or_else(|| broken(end, &recording.call)) {
        Some(refusal) => Err(refusal),
        None => masking,
    };
    let told = masking
        .as_ref()
        .err()
        .map(|refusal| Told { status: respond::status(refusal).as_u16(), code: refusal.code() });
    if let Some(committed) = recording.finish_durably(end, told).map_err(|_| Refusal::Unrecorded)? {
        let committed = timeout(COMMIT_TIME, committed).await.map_err(|_| Refusal::Unrecorded)?;
        committed.ok().and_then(Result::ok).ok_or(Refusal::Unrecorded)?;
    }
    masking
}

/// The body of a recorded answer. Of one beyond what the meter captures the rest follows as it comes.
fn release(recording: Recording, held: Held, masking: Option<Box<Masking>>) -> Answer {
    let bytes = held.bytes;
    if !held.exchange.is_end_stream() {
        return Answer::relay_rest(held.exchange, recording, (bytes, masking));
    }
    let worker = recording.worker();
    held.exchange.end(worker.shared.clock.monotonic(), worker.shared.bounds.upstream_silence);
    Answer::Own((!bytes.is_empty()).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use http::Method;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::policy::snapshot::Endpoint;
    use crate::upstream::pool::{Pool, PoolBounds};
    use crate::upstream::request::RequestHead;

    const SILENCE: Duration = Duration::from_secs(1);

    /// An exchange whose upstream has begun its answer and says no more; it stays as long as its socket.
    async fn silent() -> (Exchange<Upload>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let bounds = PoolBounds { idle: 1, idle_time: SILENCE, head_bytes: 1000 };
        let pool = Rc::new(Pool::new(Endpoint { host: "127.0.0.1".to_owned(), port }, bounds));
        let lease = pool.connect(SILENCE).await.unwrap();
        let (mut upstream, _) = listener.accept().await.unwrap();
        upstream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n").await.unwrap();
        let head = RequestHead::begin(&Method::POST, ["/"]).unwrap();
        let mut exchange = Exchange::new(lease, head.end(&Method::POST, Upload::Empty));
        poll_fn(|context| exchange.poll_head(context)).await.unwrap();
        (exchange, upstream)
    }

    /// What comes of waiting, while a core sweeps.
    async fn swept<T>(wait: impl AsyncFnOnce(Rc<Watches>) -> T) -> T {
        let (watches, begun) = (Rc::<Watches>::default(), Instant::now());
        let mut waiting = pin!(wait(watches.clone()));
        loop {
            match timeout(Duration::from_millis(20), waiting.as_mut()).await {
                Ok(came) => return came,
                Err(_) => watches.sweep(begun.elapsed()),
            }
        }
    }

    #[tokio::test]
    async fn an_upstream_may_be_silent_while_the_caller_still_uploads() {
        let (mut exchange, _upstream) = silent().await;
        let upload = RefCell::new(UploadOutcome { is_under_way: true, ..UploadOutcome::default() });
        let (begun, slowly) = (Instant::now(), Duration::from_millis(250));
        let uploading = async {
            for _ in 0..10 {
                sleep(slowly).await;
                upload.borrow_mut().moved_at = Some(Instant::now());
            }
            upload.borrow_mut().is_under_way = false;
        };
        let waiting = swept(async |watches| next(&mut exchange, &upload, (&watches, SILENCE)).await);
        let (end, ()) = tokio::join!(waiting, uploading);
        assert_eq!(end.unwrap_err(), End::UpstreamBroke);
        assert!(begun.elapsed() >= 10 * slowly + SILENCE, "given up after {:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_caller_that_stops_uploading_is_the_one_that_left() {
        let (mut exchange, _upstream) = silent().await;
        let awaited = UploadOutcome { is_under_way: true, is_awaited: true, ..UploadOutcome::default() };
        let upload = RefCell::new(awaited);
        let end = swept(async |watches| next(&mut exchange, &upload, (&watches, SILENCE)).await).await;
        assert_eq!(end.unwrap_err(), End::CallerLeft);
        assert_eq!(upload.borrow().refusal, Some(Refusal::BodyTooSlow));
    }

    #[tokio::test]
    async fn an_upstream_that_takes_no_more_of_the_upload_and_says_nothing_broke_off() {
        let (mut exchange, _upstream) = silent().await;
        let upload = RefCell::new(UploadOutcome { is_under_way: true, ..UploadOutcome::default() });
        let end = swept(async |watches| next(&mut exchange, &upload, (&watches, SILENCE)).await).await;
        assert_eq!(end.unwrap_err(), End::UpstreamBroke);
    }
}
