//! Usage records that the journal did not take: all are counted by app, and of each route one a minute is told, as a disk that hangs
//! may cost one of every call.

use std::error::Error;

use super::recording::Call;
use super::worker::Worker;
use crate::journal::error::JournalError;

/// Counts a record that is lost, and tells of it unless one of the route was told of lately.
pub(super) fn lost(worker: &Worker, call: &Call, error: &JournalError) {
    worker.counters.lost_records.add(1);
    if let Some(identity) = &call.identity {
        worker.omitted.borrow_mut().add(&identity.caller.app.id, call.at);
    }
    let now = worker.shared.clock.monotonic();
    let left_out = call.route().map_or(Some(0), |route| worker.losses.next(&route.name, now));
    if let Some(left_out) = left_out {
        let cause = error.source().map(ToString::to_string);
        tracing::error!(%error, cause, left_out, request_id = %call.id, "a usage record is lost");
    }
}
