//! A body that has to name the merchant is kept until all of it has come and was looked at: the upstream gets nothing of one that is
//! about another merchant. What was decided before is decided anew then, as much may have ended while it came.

use std::time::Duration;

use tokio::time::timeout;

use super::authorize::{Circumstances, Permit, authorize};
use super::body_room::Held;
use super::identify::{self, Asking};
use super::recording::Call;
use super::upload::Upload;
use super::worker::Worker;
use crate::credential::refused::Refused;
use crate::domain::refusal::Refusal;
use crate::policy::snapshot::Route;

/// How long such a body may take in all: it holds memory while it comes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads the body of a call that has a permit for now, if it has to name the merchant, and looks at it; gives the permit that the call
/// has then, and the body to be sent on.
///
/// # Errors
/// What the bounds of the body say; [`Refusal::MerchantMismatch`], [`Refusal::MerchantUnclear`]; what is wrong with the credential or
/// not permitted any more; [`Refusal::Unavailable`] without room for the body, or for the call's record.
pub(super) async fn read<'s>(
    worker: &Worker,
    call: &mut Call,
    (route, permit): (&'s Route, Permit<'s>),
    (asking, circumstances): (Asking<'s>, &Circumstances<'_>),
    upload: Upload,
) -> Result<(Permit<'s>, Upload), Refused> {
    let Some(names) = &permit.body else { return Ok((permit, upload)) };
    let app = call.identity.as_ref().map(|identity| &identity.caller.app.id);
    let held = Held::none(&worker.shared.body_room, &app);
    let body = timeout(PATIENCE, upload.whole(held)).await.map_err(|_| Refusal::BodyTooSlow)??;
    names.look_at(&body)?;
    let moment = worker.shared.clock.moment();
    let identity = identify::again(worker, Asking { moment, ..asking }).await?;
    let circumstances = Circumstances { now: moment.now, ..*circumstances };
    let permit = authorize(asking.snapshot, route, identity.as_ref(), &circumstances)?;
    call.identity = identity;
    call.subscribed = permit.subscribed_by_name();
    Ok((permit, Upload::Whole(Box::new(body))))
}

/// From when a call goes on whose body is this, in monotonic time.
pub(super) fn goes_on_at(worker: &Worker, call: &Call, upload: &Upload) -> Duration {
    match upload {
        Upload::Whole(_) => worker.shared.clock.monotonic(),
        Upload::Empty | Upload::Streaming(_) => call.started,
    }
}
