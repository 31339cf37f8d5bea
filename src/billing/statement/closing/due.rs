//! Closing by the nodes themselves, where the policies leave it to them.

use serde_json::json;

use super::super::close::CloseEarly;
use super::super::error::StatementError;
use super::begin::{Terms, begin, earliest_open};
use crate::billing::books::believed::believed;
use crate::billing::plans::keep_due;
use crate::domain::action::Action;
use crate::domain::audit::{Actor, Change, Subject};
use crate::domain::id::NodeId;
use crate::domain::time::{Period, Timestamp};
use crate::policy::billing_terms::CloseRule;
use crate::policy::snapshot::{Platform, Snapshot};
use crate::store::Store;

/// Begins to close the first open period whose grace has ended, of which something is charged or due, if the policies say so. Gives which
/// that is; none, if there is none, or another node was first. What was closed stays closed: a clock that is ahead of the calls in the
/// books is not believed.
///
/// # Errors
/// [`StatementError`].
pub async fn close_due(
    store: &Store,
    snapshot: &Snapshot,
    (node, now): (&NodeId, Timestamp),
) -> Result<Option<Period>, StatementError> {
    let Platform { zone, billing, record_times, .. } = &snapshot.platform;
    if billing.close == CloseRule::ByHand {
        return Ok(None);
    }
    let now = believed(store, now, record_times).await?;
    keep_due(store, snapshot, now).await?;
    let mut transaction = store.begin_reading().await?;
    let closed = transaction.closed_periods().await?;
    // The first that may not be closed yet.
    let bound = Period::of(now.minus(billing.grace), zone);
    let due = earliest_open(&mut transaction, (bound, zone), &closed).await?;
    transaction.roll_back().await?;
    let Some(period) = due else { return Ok(None) };
    let change = Change {
        at: now,
        actor: Actor::Node(node.clone()),
        credential: None,
        address: None,
        request_id: None,
        action: Action::StatementClose,
        subject: Subject::new(&period.to_string()),
        before: None,
        after: Some(json!({ "early": false }).to_string()),
    };
    let terms = Terms { grace: billing.grace, early: CloseEarly::Refused };
    let was_closed = begin((store, &store.recording(change)), period, (zone, now), terms).await?;
    Ok((!was_closed).then_some(period))
}
