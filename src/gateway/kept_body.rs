//! A body that has to name the merchant is kept until all of it has come and was looked at: the upstream gets nothing of one that is
//! about another merchant. What was decided before is decided anew then, as much may have ended while it came.

use std::time::Duration;

use tokio::time::timeout;

use super::authorize::{Circumstances, Permit, authorize};
use super::body_room::{Held, PATIENCE};
use super::identify::{self, Asking};
use super::recording::Call;
use super::standing;
use super::upload::Upload;
use super::worker::Worker;
use crate::credential::refused::Refused;
use crate::domain::ended::Ended;
use crate::domain::refusal::Refusal;
use crate::policy::snapshot::Route;

/// Reads the body of a call that has a permit for now, if it has to name the merchant, and looks at it; gives the permit that the call
/// has then, and the body to be sent on.
///
/// # Errors
/// What the bounds of the body say; what is wrong with the credential or not permitted any more, [`Refusal::SwitchedOff`];
/// [`Refusal::MerchantMismatch`], [`Refusal::MerchantUnclear`]; [`Refusal::Unavailable`] without room for the body.
pub(super) async fn read<'s>(
    worker: &Worker,
    call: &mut Call,
    (route, permit): (&'s Route, Permit<'s>),
    (asking, circumstances): (Asking<'s>, &Circumstances<'_>),
    upload: Upload,
) -> Result<(Permit<'s>, Upload), Refused> {
    if permit.body.is_none() {
        return Ok((permit, upload));
    }
    let caller = call.identity.as_ref().map(|identity| &identity.caller);
    let (app, merchant) = (caller.map(|caller| &caller.app.id), caller.map(|caller| &caller.merchant));
    let held = Held::none(&worker.shared.body_room, &app, &(app, merchant));
    let reading = standing::unless_ended(worker, call, timeout(PATIENCE, upload.held(held)));
    let body = reading.await.map_err(Ended::before_it_was_sent)?.map_err(|_| Refusal::BodyTooSlow)??;
    let moment = worker.shared.clock.moment();
    let identity = identify::again(worker, Asking { moment, ..asking }).await?;
    if let Some(switch) = call.view.switched_off(route.index, &worker.shared.kill_switches) {
        return Err(Refusal::SwitchedOff(switch).into());
    }
    let circumstances = Circumstances { now: moment.now, ..*circumstances };
    let permit = authorize(asking.snapshot, route, identity.as_ref(), &circumstances)?;
    if let Some(names) = &permit.body {
        names.look_at(body.as_ref())?;
    }
    call.identity = identity;
    call.subscribed = permit.subscribed_by_name();
    Ok((permit, Upload::Whole(Box::new(body.into_bytes()))))
}

/// From when a call goes on whose body is this, in monotonic time.
pub(super) fn goes_on_at(worker: &Worker, call: &Call, upload: &Upload) -> Duration {
    match upload {
        Upload::Whole(_) => worker.shared.clock.monotonic(),
        Upload::Empty | Upload::Streaming(_) => call.started,
    }
}
