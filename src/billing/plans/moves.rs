//! What subscriptions stand at once a version has come into force to which existing ones move. It holds for their calls at once; a
//! while later it is written down, and recorded, once for each, by whichever node comes first.

use std::time::Duration;

use serde_json::json;

use super::keep::{Changed, keep_due, next_after};
use crate::domain::action::Action;
use crate::domain::audit::{Actor, Change, Subject};
use crate::domain::id::{NodeId, PlanName};
use crate::domain::identity::Subscription;
use crate::domain::plan::Plan;
use crate::domain::time::Timestamp;
use crate::policy::snapshot::Snapshot;
use crate::store::{Store, StoreError};

/// For how long a version is in force before it is written down who moved to it: so far another node's clock may be behind, by
/// which it would not be in force yet.
const BEHIND: Duration = Duration::from_secs(60);

/// How many subscriptions are written down at a time.
const AT_ONCE: u32 = 100;

/// The version of its plan that holds for `subscription` at `now`, or held when it ended. Of what the policies do not have, the one
/// that is written down.
#[must_use]
pub fn holding(snapshot: &Snapshot, subscription: &Subscription, now: Timestamp) -> Option<u32> {
    let at = subscription.until.map_or(now, |end| end.min(now));
    let plan = snapshot.plans.get(&subscription.plan);
    let found = plan.and_then(|plan| plan.version_for(subscription.version, at));
    found.map(|version| version.reference.version).or(subscription.version)
}

/// Writes down which subscriptions moved by `now` to a version of `snapshot`, or stand at the first that came into force since they
/// were made, and gives how many did that were not written down yet. The versions are kept before that; nobody moves to one that is
/// another to the books than to `snapshot`. It rests behind each few: what is written down is loaded anew by every node.
///
/// # Errors
/// [`StoreError`]; some may be written down then.
pub async fn write_down(
    store: &Store,
    snapshot: &Snapshot,
    (node, now): (&NodeId, Timestamp),
    rest: Duration,
) -> Result<usize, StoreError> {
    let changed = keep_due(store, snapshot, now).await?;
    let mut moved: usize = 0;
    for plan in snapshot.plans.values() {
        for (own, to) in outdated(plan, now.minus(BEHIND)) {
            if is_among(&changed, (&plan.name, to)) {
                continue;
            }
            loop {
                let some = move_some(store, (&plan.name, own, to), (node, now)).await?;
                moved = moved.saturating_add(some);
                if some == 0 {
                    break;
                }
                tokio::time::sleep(rest).await;
            }
        }
    }
    Ok(moved)
}

fn is_among(changed: &[Changed], (plan, version): (&PlanName, u32)) -> bool {
    changed.iter().any(|changed| changed.plan.name == *plan && changed.plan.version == version)
}

/// When there may next be something to write down, if the policies stay as they are.
#[must_use]
pub fn next_due(snapshot: &Snapshot, now: Timestamp) -> Option<Timestamp> {
    next_after(snapshot, now.minus(BEHIND)).map(|from| from.plus(BEHIND))
}

/// What subscriptions may stand at and no longer do at `at`, each with the version that holds for them. Who stands at one that came into
/// force behind that stays there.
fn outdated(plan: &Plan, at: Timestamp) -> Vec<(Option<u32>, u32)> {
    let in_force = plan.versions.iter().filter(|version| version.effective_from <= at);
    let numbers = in_force.map(|version| Some(version.reference.version));
    let holds = |own: Option<u32>| Some((own, plan.version_for(own, at)?.reference.version));
    std::iter::once(None).chain(numbers).filter_map(holds).filter(|(own, to)| *own != Some(*to)).collect()
}

/// Writes some of them down, each with its record; gives how many.
async fn move_some(
    store: &Store,
    (plan, own, to): (&PlanName, Option<u32>, u32),
    (node, now): (&NodeId, Timestamp),
) -> Result<usize, StoreError> {
    let subscriptions = store.subscriptions_at((plan, own), now, AT_ONCE).await?;
    if subscriptions.is_empty() {
        return Ok(0);
    }
    let told = |version: Option<u32>| Some(json!({ "plan": plan.as_str(), "version": version }).to_string());
    let mut transaction = store.begin().await?;
    let mut moved: usize = 0;
    for id in &subscriptions {
        // Another node may have been first.
        let found = transaction.lock_subscription(id).await?;
        let Some(found) = found.filter(|found| found.version == own) else { continue };
        transaction.move_subscription(id, to, now).await?;
        let change = Change {
            at: now,
            actor: Actor::Node(node.clone()),
            credential: None,
            address: None,
            request_id: None,
            action: Action::SubscriptionMove,
            subject: Subject::new(id.as_str()).about(found.app.as_str()),
            before: told(own),
            after: told(Some(to)),
        };
        transaction.record(&change).await?;
        moved = moved.saturating_add(1);
    }
    transaction.commit().await?;
    Ok(moved)
}
