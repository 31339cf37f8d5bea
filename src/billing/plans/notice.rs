//! Subscriptions move to another version of their plan only with notice: it is known for as long as it says before it comes into
//! force. When it became known is kept once, by whichever node had it first.

use std::time::Duration;

use crate::domain::location::Location;
use crate::domain::plan::{Existing, PlanRef, PlanVersion};
use crate::domain::time::Timestamp;
use crate::policy::snapshot::Snapshot;
use crate::store::subscription::InUse;
use crate::store::{Store, StoreError, Transaction};

/// A plan version that comes into force too soon for subscriptions that move to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{place}: subscriptions move to plan {plan} {} after it became known, and its notice is {}: have it apply from {earliest} on, or \
     let them stay (`existing: stay`)",
    days(.after),
    days(.notice)
)]
pub struct TooSoon {
    /// The plan version.
    pub plan: PlanRef,
    /// Where it stands.
    pub place: Location,
    /// How long after it became known it comes into force.
    pub after: Duration,
    /// How long that must be at least.
    pub notice: Duration,
    /// From when on it may apply.
    pub earliest: Timestamp,
}

fn days(span: &Duration) -> String {
    let hours = span.as_secs() / 3_600;
    format!("{} days and {} hours", hours / 24, hours % 24)
}

/// Notes of every plan version of `snapshot` to which subscriptions move that it is known `now`, and gives the first that comes
/// into force too soon for some that there are. Of what is in force already nothing is asked.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn give(
    (store, transaction): (&Store, &mut Transaction),
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Option<TooSoon>, StoreError> {
    let moving: Vec<(&PlanVersion, Duration)> = snapshot
        .plans
        .values()
        .flat_map(|plan| &plan.versions)
        .filter_map(|version| match version.existing {
            Existing::Stay => None,
            Existing::Move { notice } => Some((version, notice)),
        })
        .collect();
    if moving.is_empty() {
        return Ok(None);
    }
    let used = store.subscribed(now).await?;
    for (version, notice) in moving {
        let plan = &version.reference;
        if transaction.plan_version(plan).await?.is_some() {
            continue;
        }
        let told = transaction.note_plan_version(plan, now).await?;
        let earliest = told.plus(notice);
        if version.effective_from < earliest && used.iter().any(|used| moves(used, plan)) {
            let after = version.effective_from.max(told).since(told);
            let (plan, place) = (plan.clone(), version.source.clone());
            return Ok(Some(TooSoon { plan, place, after, notice, earliest }));
        }
    }
    Ok(None)
}

/// Whether subscriptions stand at a version before that one.
fn moves(used: &InUse, to: &PlanRef) -> bool {
    used.plan == to.name && used.version.is_none_or(|own| own < to.version)
}
