//! Answers with personal data that is not for every caller: it leaves masked, and an answer in which it cannot be masked does not
//! leave. Whoever has the scopes gets the answer as it came.

use std::borrow::Cow;
use std::fmt::Display;
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, ALLOW, CONTENT_LENGTH, CONTENT_RANGE, ETAG, LAST_MODIFIED, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::timeout;
use uuid::Uuid;

use super::answer::Answer;
use super::fields::{DIGESTS, remove_where};
use super::intermediaries::keep_to_caller;
use super::maskable::form;
use super::pipeline::Telling;
use super::recording::{CUT, Call, End, Recording};
use super::upload::Upload;
use super::view::View;
use super::worker::Worker;
use super::{durable, standing};
use crate::credential::message_signature::{SIGNATURE, SIGNATURE_INPUT};
use crate::domain::refusal::Refusal;
use crate::domain::scope::ScopeSet;
use crate::masking::fields::Rules;
use crate::masking::masker::Masker;
use crate::masking::unmaskable::Unmaskable;
use crate::policy::mask::Mask;
use crate::policy::snapshot::Route;
use crate::upstream::answer_head::AnswerHead;
use crate::upstream::error::Broken;
use crate::upstream::exchange::Exchange;

/// What an upstream that refuses says beside a body that is not shown.
const PASSED_ON: [HeaderName; 3] = [ALLOW, RETRY_AFTER, WWW_AUTHENTICATE];
/// How much of an answer that is not shown is read, so that its connection need not be closed, unless the meter reads more.
const REST: usize = 64 << 10;
/// How soon it must have come: the caller waits.
const REST_TIME: Duration = Duration::from_secs(1);

/// The rules by which the answer of a call is masked.
pub(super) fn rules(call: &Call) -> Rules {
    let mask = call.route().and_then(|route| route.mask.as_ref());
    mask.map_or(Rules::NONE, |mask| mask.rules_for(scopes(call)))
}

/// Whether something of the answer of a call is not for its caller.
pub(super) fn withholds(call: &Call) -> bool {
    let mask = call.route().and_then(|route| route.mask.as_ref());
    mask.is_some_and(|mask| mask.withheld_from(scopes(call)).next().is_some())
}

/// What the caller may see.
fn scopes(call: &Call) -> &ScopeSet {
    static NONE: LazyLock<ScopeSet> = LazyLock::new(ScopeSet::none);
    call.identity.as_ref().map_or(&*NONE, |identity| &identity.caller.scopes)
}

/// The scopes by which personal data left in an answer of the upstream's of which so many bytes left, and the fields of its head unless
/// the call was refused, with a blank between two. What is not looked at cannot be known: whoever has a scope is taken to have got
/// what it lets through.
pub(super) fn disclosed<'c>(call: &'c Call, bytes: u64, refusal: Option<&str>) -> Cow<'c, str> {
    let has_left = |mask: &&Mask| bytes > 0 || (refusal.is_none() && mask.has_headers());
    let mask = call.route().and_then(|route| route.mask.as_ref()).filter(has_left);
    match (mask, &call.identity) {
        (Some(mask), Some(identity)) => mask.lifted_by(&identity.caller.scopes),
        (None, _) | (_, None) => Cow::Borrowed(""),
    }
}

/// Masks the body of an answer.
pub struct Masking {
    masker: Masker,
    view: Rc<View>,
    route: usize,
    call: Uuid,
}

impl Masking {
    /// What may leave of the next piece of the body, which may be its last; it may be nothing.
    ///
    /// # Errors
    /// [`Unmaskable`]: nothing more may leave.
    pub fn piece(&mut self, piece: Bytes, is_last: bool) -> Result<Bytes, Unmaskable> {
        let Self { masker, view, route, .. } = self;
        let Some(mask) = view.snapshot.routes.get(*route).and_then(|route| route.mask.as_ref()) else {
            return Err(Unmaskable::Incomplete);
        };
        let left = masker.mask(&mask.fields, &mut view.learned(*route), piece)?;
        if is_last {
            masker.end()?;
        }
        Ok(left)
    }

    /// Some of the answer has left, and the rest does not.
    pub fn cut(&self, worker: &Worker, why: Unmaskable) {
        worker.counters.refused(CUT);
        if let Some(route) = self.view.snapshot.routes.get(self.route) {
            tell(worker, (&self.view, route), &self.call, &why);
        }
    }
}

/// Why nothing of an answer may leave.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(super) enum Unshown {
    /// By its head it can be anything.
    #[error("{0}")]
    Head(&'static str),
    /// It is not what its head says.
    #[error("{0}")]
    Body(#[from] Unmaskable),
}

/// The refusal of an answer with that head of which nothing may leave.
pub(super) fn withhold(worker: &Worker, call: &Call, head: &AnswerHead, why: Unshown) -> Refusal {
    if let Some(route) = call.route() {
        tell(worker, (&call.view, route), &call.id, &why);
    }
    let why = match why {
        Unshown::Head(why) => why,
        Unshown::Body(_) => "the upstream's answer is not well-formed JSON",
    };
    match head.status.is_client_error() || head.status.is_server_error() {
        true => Refusal::AnswerWithheld { status: head.status.as_u16(), why },
        false => Refusal::AnswerUnmaskable(why),
    }
}

/// Adds what the upstream said beside a body that is not shown.
pub(super) fn pass_on(refusal: &Refusal, said: &HeaderMap, to: &mut HeaderMap) {
    let Refusal::AnswerWithheld { .. } = refusal else { return };
    for name in PASSED_ON {
        to.extend(said.get_all(&name).iter().map(|value| (name.clone(), value.clone())));
    }
}

/// For the platform to mend: each is counted, and the log warns of a few.
fn tell(worker: &Worker, (view, route): (&View, &Route), request_id: &Uuid, why: &dyn Display) {
    view.counters(route, &worker.counters).withheld.add(1);
    let (name, now) = (&route.name, worker.shared.clock.monotonic());
    match worker.warnings.next(name, now) {
        Some(left_out) => tracing::warn!(
            route = %name, %request_id, %why, left_out,
            "an answer cannot be masked and is not let through"
        ),
        None => {
            tracing::debug!(route = %name, %request_id, %why, "an answer cannot be masked and is not let through");
        }
    }
}

/// Prepares an answer whose route masks some of it: its fields no longer speak of bytes that do not leave.
///
/// # Errors
/// [`Unshown`]: if it has a body, that cannot be masked.
pub(super) fn begin(
    call: &Call,
    head: &mut AnswerHead,
    exchange: &Exchange<Upload>,
) -> Result<Option<Box<Masking>>, Unshown> {
    let Some((route, mask)) = call.route().and_then(|route| Some((route, route.mask.as_ref()?))) else {
        return Ok(None);
    };
    keep_to_caller(&mut head.headers);
    let scopes = scopes(call);
    if mask.has_headers() {
        remove_where(&mut head.headers, |name| mask.withholds_header(name, scopes));
    }
    let rules = mask.rules_for(scopes);
    if rules.is_empty() {
        return Ok(None);
    }
    let form = form(head);
    remove_where(&mut head.headers, is_of_other_bytes);
    if exchange.is_end_stream() {
        return Ok(None);
    }
    let form = form.map_err(Unshown::Head)?;
    let (masker, view) = (Masker::new(rules, form), call.view.clone());
    Ok(Some(Box::new(Masking { masker, view, route: route.index, call: call.id })))
}

/// Gives the answer to a call of a route that masks, once the first of it is masked: what turns out to be no JSON right away is
/// refused.
pub(super) async fn answer(
    mut recording: Recording,
    told: Telling,
    (mut head, mut exchange): (AnswerHead, Box<Exchange<Upload>>),
) -> Response<Answer> {
    let why = match begin(&recording.call, &mut head, &exchange) {
        Ok(None) => return told.answer(head, Answer::relay(exchange, recording)),
        Ok(Some(mut masking)) => match first(&mut recording, &mut exchange, &mut masking).await {
            Ok(ahead) => {
                return told.answer(head, Answer::relay_masked(exchange, recording, (ahead, masking)));
            }
            Err(no_first) => no_first,
        },
        Err(why) => NoFirst::Unmaskable(why),
    };
    let end = match why {
        NoFirst::Broken(end) => end,
        NoFirst::Unmaskable(_) => read_out(&mut recording, exchange).await,
    };
    if end == End::Whole && recording.saw_nothing() {
        recording.finish(end);
        return told.answer(head, Answer::Own(None));
    }
    recording.withheld(end);
    let refusal = match (durable::broken(end, &recording.call), why) {
        // What the upstream said of the call stands, whether the rest came or not.
        (_, NoFirst::Unmaskable(why)) if end == End::UpstreamBroke => {
            withhold(&recording.worker(), &recording.call, &head, why)
        }
        (Some(refusal), _) => refusal,
        (None, NoFirst::Unmaskable(why)) => withhold(&recording.worker(), &recording.call, &head, why),
        (None, NoFirst::Broken(_)) => Refusal::UpstreamBroken,
    };
    let mut answer = told.refuse_under_way(recording, &refusal);
    pass_on(&refusal, &head.headers, answer.headers_mut());
    answer
}

/// Why there is no first piece of an answer.
enum NoFirst {
    /// It ended so before.
    Broken(End),
    /// It cannot be masked.
    Unmaskable(Unshown),
}

/// Reads a body until something of it may leave, or it has ended.
async fn first(
    recording: &mut Recording,
    exchange: &mut Exchange<Upload>,
    masking: &mut Masking,
) -> Result<Bytes, NoFirst> {
    let worker = recording.worker();
    let waiting = (&worker.watches, worker.shared.bounds.upstream_silence);
    loop {
        let next = durable::next(exchange, &recording.call.upload, waiting);
        let frame = standing::unless_ended(&worker, &recording.call, next).await.unwrap_or_else(|ended| {
            let end = End::from(&ended);
            recording.call.upload.borrow_mut().refusal = Some(Refusal::Ended(ended));
            Err(end)
        });
        let (data, is_over) = match frame.map_err(NoFirst::Broken)? {
            Some(frame) => (frame.into_data().unwrap_or_default(), exchange.is_end_stream()),
            None => (Bytes::new(), true),
        };
        recording.saw(&data);
        let left = masking.piece(data, is_over).map_err(|why| NoFirst::Unmaskable(why.into()))?;
        if is_over || !left.is_empty() {
            return Ok(left);
        }
    }
}

/// Reads the rest of an answer that is not shown, if it is short and comes soon: so the meter sees all of it, and another call can have
/// the connection. Gives how it ended.
async fn read_out(recording: &mut Recording, mut exchange: Box<Exchange<Upload>>) -> End {
    let worker = recording.worker();
    let most = recording.call.meter().map_or(REST, |meter| meter.max_capture.max(REST));
    let reading = async {
        let mut length = 0;
        while length <= most {
            match exchange.frame().await {
                None => return End::Whole,
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    recording.saw(&data);
                    length += data.len();
                }
                Some(Err(Broken::RequestBody)) => return End::CallerLeft,
                Some(Err(_)) => return End::UpstreamBroke,
            }
        }
        End::Unread
    };
    let end = timeout(REST_TIME, reading).await.unwrap_or(End::Unread);
    // It is kept if it can be.
    exchange.end(worker.shared.clock.monotonic(), worker.shared.bounds.upstream_silence);
    end
}

/// Whether a field speaks of the body as it was: of its bytes, or of when they are the same again. By such a field a caller that
/// gets more scopes would take what it has for up to date.
fn is_of_other_bytes(name: &HeaderName) -> bool {
    match *name {
        ACCEPT_RANGES | CONTENT_LENGTH | CONTENT_RANGE | ETAG | LAST_MODIFIED => true,
        _ => DIGESTS.contains(name) || *name == SIGNATURE || *name == SIGNATURE_INPUT,
    }
}
