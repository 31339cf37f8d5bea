//! What a call is worth to the books by how it ended: read from what went by, or for someone to look at where not all of it was seen
//! that money may depend on.

use super::recording::{Call, End, Target};
use super::seen::Seen;
use crate::domain::principal::Principal;
use crate::domain::usage::Evidence;
use crate::metering::capture::Capture;
use crate::metering::evidence::{self, CallFacts};
use crate::policy::snapshot::Meter;

/// The worth of a call whose answer nobody saw: if the upstream may have it, money may have moved, and it is not for the
/// gateway to guess.
pub(super) fn unseen(call: &Call) -> Evidence {
    let moves_money = call.meter().is_some_and(|meter| meter.transaction.is_some());
    if moves_money && may_have_acted(call) {
        Evidence::Exception { reason: "the upstream's answer was not seen".to_owned() }
    } else {
        Evidence::Free
    }
}

/// The worth of a call whose caller left before the answer. Who leaves decides when, so what the upstream did is not free for that.
pub(super) fn left(call: &Call) -> Evidence {
    if call.meter().is_some() && may_have_acted(call) {
        Evidence::Exception { reason: "the caller left before the upstream's answer".to_owned() }
    } else {
        Evidence::Free
    }
}

/// Whether the upstream may have done what costs something, if nobody saw its answer. One that saw a part of the request knows that it is
/// not the whole.
fn may_have_acted(call: &Call) -> bool {
    let is_whole = !call.method.is_safe() && call.upload.borrow().is_whole();
    is_whole && !is_free_by_request(call)
}

/// Whether a call is free by its request, whatever the upstream's answer is.
fn is_free_by_request(call: &Call) -> bool {
    of(call, None, evidence::is_free_by_request).unwrap_or(true)
}

/// The worth of a call whose answer ended so.
pub(super) fn of_answer(call: &Call, seen: &Seen, end: End) -> Evidence {
    let Some(meter) = call.meter() else { return Evidence::Free };
    let is_platforms = matches!(end, End::UpstreamBroke | End::Stopped);
    let is_needed = meter.bodies.response.is_any() || (is_platforms && meter.transaction.is_some());
    if end != End::Whole && is_needed && (200..300).contains(&seen.status) {
        if is_free_by_request(call) {
            return Evidence::Free;
        }
        let reason = match end {
            End::CallerLeft => "the caller left before the answer's end",
            End::Revoked => "the caller was cut off before the answer's end",
            End::Stopped => "the platform stopped it before the answer's end",
            End::Cut | End::Unread => "the upstream's answer cannot be masked, and was not read to its end",
            End::UpstreamBroke | End::Whole => "the upstream broke off within its answer",
        };
        return Evidence::Exception { reason: reason.to_owned() };
    }
    if is_platforms {
        return Evidence::Free;
    }
    let read = of(call, Some(seen), evidence::read).unwrap_or(Evidence::Free);
    if matches!(read, Evidence::Exception { .. }) {
        // What was seen and cannot be read is no answer that nobody saw: the same call again says nothing of it.
        call.upload.borrow_mut().fingerprint = None;
    }
    read
}

/// What `ask` says of a call by its meter, with what was seen of the answer; `None` if nothing of it is anybody's to pay.
fn of<T>(call: &Call, seen: Option<&Seen>, ask: impl FnOnce(&Meter, &CallFacts<'_>) -> T) -> Option<T> {
    let (meter, identity) = (call.meter()?, call.identity.as_ref()?);
    let empty = Target { path: String::new(), params: Vec::new(), query: Ok(String::new()) };
    let (target, nothing) = (call.target.as_ref().unwrap_or(&empty), Capture::nothing());
    let upload = call.upload.borrow();
    let facts = CallFacts {
        method: call.method.as_str(),
        path: &target.path,
        params: &target.params,
        query: target.query.as_deref().map_err(String::as_str),
        status: seen.map_or(0, |seen| seen.status),
        principal: &Principal::App(identity.caller.clone()),
        request: &upload.capture,
        request_coding: call.request_coding.as_deref(),
        response: seen.map_or(&nothing, |seen| &seen.capture),
        response_coding: seen.and_then(|seen| seen.coding.as_deref()),
        response_headers: seen.and_then(|seen| seen.headers.as_deref()),
    };
    Some(ask(meter, &facts))
}
