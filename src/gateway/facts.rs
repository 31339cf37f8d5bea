//! What the usage record of a call says, where it lies.

use std::time::Duration;

use super::recording::Call;
use super::worker::Worker;
use crate::domain::usage::Evidence;
use crate::metering::record::Facts;

/// What every usage record says of its call, which cost so much and had so long an answer; `None` of a call of nobody known. What only
/// some have to say beside is left out.
pub(super) fn of<'c>(
    worker: &'c Worker,
    call: &'c Call,
    (status, refusal): (u16, Option<&'static str>),
    (evidence, bytes_out): (&'c Evidence, u64),
    now: Duration,
) -> Option<Facts<'c>> {
    let caller = &call.identity.as_ref()?.caller;
    Some(Facts {
        id: call.id,
        at: call.at,
        node: &worker.shared.node,
        snapshot: &call.view.snapshot.hash,
        app: &caller.app.id,
        partner: &caller.app.partner,
        credential: caller.credential,
        credential_id: &caller.credential_id,
        merchant: caller.merchant.as_ref(),
        grant: caller.grant.as_ref(),
        route: call.route().map(|route| &route.name),
        subscribed: call.subscribed.as_ref(),
        method: call.method.as_str(),
        status,
        latency: now.saturating_sub(call.started),
        bytes_in: call.upload.borrow().bytes,
        bytes_out,
        refusal,
        disclosed: "",
        idempotency: None,
        held: 0,
        counted: None,
        held_of_cap: 0,
        evidence,
    })
}
