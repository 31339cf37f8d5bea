//! What a call is worth to the books by how it ended: read from what went by, or for someone to look at where not all of it was seen
//! that money may depend on.

use super::recording::{Call, End, Target};
use super::seen::Seen;
use crate::domain::principal::Principal;
use crate::domain::usage::Evidence;
use crate::metering::evidence::{self, CallFacts};

/// The worth of a call whose answer nobody saw: if the upstream may have it, money may have moved, and it is not for the
/// gateway to guess.
pub(super) fn unseen(call: &Call) -> Evidence {
    let moves_money = call.meter().is_some_and(|meter| meter.transaction.is_some());
    // An upstream that saw a part of the request knows that it is not the whole.
    if moves_money && !call.method.is_safe() && call.upload.borrow().is_whole() {
        Evidence::Exception { reason: "the upstream's answer was not seen".to_owned() }
    } else {
        Evidence::Free
    }
}

/// The worth of a call whose caller left before the answer. Who leaves decides when, so what the upstream did is not free for that.
pub(super) fn left(call: &Call) -> Evidence {
    if call.meter().is_some() && !call.method.is_safe() && call.upload.borrow().is_whole() {
        Evidence::Exception { reason: "the caller left before the upstream's answer".to_owned() }
    } else {
        Evidence::Free
    }
}

/// The worth of a call whose answer ended so.
pub(super) fn of_answer(call: &Call, seen: &Seen, end: End) -> Evidence {
    let (Some(meter), Some(identity)) = (call.meter(), &call.identity) else { return Evidence::Free };
    let is_platforms = matches!(end, End::UpstreamBroke | End::Stopped);
    let is_needed = meter.bodies.response.is_any() || (is_platforms && meter.transaction.is_some());
    if end != End::Whole && is_needed && (200..300).contains(&seen.status) {
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
    let empty = Target { path: String::new(), params: Vec::new(), query: None };
    let target = call.target.as_ref().unwrap_or(&empty);
    let upload = call.upload.borrow();
    evidence::read(
        meter,
        &CallFacts {
            method: call.method.as_str(),
            path: &target.path,
            params: &target.params,
            query: target.query.as_deref(),
            status: seen.status,
            principal: &Principal::App(identity.caller.clone()),
            request: &upload.capture,
            request_coding: call.request_coding.as_deref(),
            response: &seen.capture,
            response_coding: seen.coding.as_deref(),
            response_headers: seen.headers.as_deref(),
        },
    )
}
