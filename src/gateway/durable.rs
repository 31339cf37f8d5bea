//! Calls whose answer waits until their usage record is on disk. Once permitted, such a call is seen to its end even if
//! its caller leaves: what the upstream did is recorded as it was, not guessed.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::answer::Answer;
use super::pipeline::Telling;
use super::recording::{End, Recording, Told};
use super::upload::Upload;
use super::worker::Worker;
use super::{forward, respond};
use crate::domain::refusal::Refusal;
use crate::upstream::error::Broken;
use crate::upstream::exchange::Exchange;
use crate::upstream::request::Request;

/// How long an answer waits for a disk that neither takes its record nor fails.
const COMMIT_TIME: Duration = Duration::from_secs(10);

/// Sends a request on, in a task that outlives its caller, and gives the answer once its usage record is on disk.
pub(super) async fn forward(
    worker: Rc<Worker>,
    recording: Recording,
    request: Request<Upload>,
    told: Telling,
) -> Response<Answer> {
    let request_id = told.request_id.clone();
    let calls = worker.durable_calls.clone();
    let serving = calls.spawn_local(answer(worker, recording, request, told));
    serving.await.unwrap_or_else(|_| respond::refuse(&Refusal::Unrecorded, &request_id, None))
}

async fn answer(
    worker: Rc<Worker>,
    mut recording: Recording,
    request: Request<Upload>,
    told: Telling,
) -> Response<Answer> {
    let (head, exchange) = match forward::send(&worker, &mut recording, request).await {
        Ok(answered) => answered,
        Err(refusal) => return told.refuse(recording, &refusal),
    };
    let silence = worker.shared.bounds.upstream_silence;
    let max = recording.call.meter().map_or(0, |meter| meter.max_capture);
    let held = hold(&mut recording, exchange, (max, silence)).await;
    let response = match record(&mut recording, &held).await {
        Ok(()) => told.answer(head, release(&worker, held)),
        Err(refusal) => {
            worker.counters.refused(refusal.code());
            respond::refuse(&refusal, &told.request_id, told.admission.as_ref())
        }
    };
    recording.told(response.status().as_u16());
    response
}

/// What came of an answer while it was held back.
struct Held {
    bytes: Vec<u8>,
    end: End,
    /// The exchange, in which the rest follows of an answer that is longer than the meter captures.
    exchange: Box<Exchange<Upload>>,
}

/// Reads an answer to its end, or to what the meter captures of it.
async fn hold(
    recording: &mut Recording,
    mut exchange: Box<Exchange<Upload>>,
    (max, silence): (usize, Duration),
) -> Held {
    let mut bytes = Vec::new();
    while bytes.len() <= max {
        let frame = match timeout(silence, exchange.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(Broken::RequestBody))) => return Held { bytes, end: End::CallerLeft, exchange },
            Ok(Some(Err(_))) | Err(_) => return Held { bytes, end: End::UpstreamBroke, exchange },
        };
        let Ok(data) = frame.into_data() else { continue };
        recording.saw(&data);
        bytes.extend_from_slice(&data);
    }
    Held { bytes, end: End::Whole, exchange }
}

/// Waits until the call's record is on disk.
async fn record(recording: &mut Recording, held: &Held) -> Result<(), Refusal> {
    let broken = match held.end {
        End::Whole => None,
        End::UpstreamBroke => Some(Refusal::UpstreamBroken),
        // It broke its own request off while the upstream answered.
        End::CallerLeft => {
            let refusal = recording.call.upload.borrow_mut().refusal.take();
            Some(refusal.unwrap_or(Refusal::MessageMalformed("The body broke off or is not well framed.")))
        }
    };
    let told = broken
        .as_ref()
        .map(|refusal| Told { status: respond::status(refusal).as_u16(), code: refusal.code() });
    if let Some(committed) = recording.finish_durably(held.end, told).map_err(|_| Refusal::Unrecorded)? {
        let committed = timeout(COMMIT_TIME, committed).await.map_err(|_| Refusal::Unrecorded)?;
        committed.ok().and_then(Result::ok).ok_or(Refusal::Unrecorded)?;
    }
    broken.map_or(Ok(()), Err)
}

/// The body of a recorded answer. Of one beyond what the meter captures the rest follows as it comes.
fn release(worker: &Rc<Worker>, held: Held) -> Answer {
    let bytes = Bytes::from(held.bytes);
    if !held.exchange.is_end_stream() {
        return Answer::relay_rest(held.exchange, bytes, worker.clone());
    }
    held.exchange.end(worker.shared.clock.monotonic());
    Answer::Own((!bytes.is_empty()).then_some(bytes))
}
