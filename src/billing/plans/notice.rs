//! Subscriptions move to another version of their plan only with notice: its prices and its date are known for as long as it says
//! before it comes into force. When they became known is kept once, by whichever node had them first.

use std::time::Duration;

use super::keep::Occasion;
use crate::domain::location::Location;
use crate::domain::plan::{Existing, PlanRef, PlanVersion};
use crate::domain::time::Timestamp;
use crate::policy::snapshot::Snapshot;
use crate::store::plan_announcement::Announcement;
use crate::store::subscription::InUse;
use crate::store::{Store, StoreError, Transaction};

/// How often a version is announced anew while other nodes announce it, too.
const ATTEMPTS: usize = 8;

/// A plan version that comes into force too soon for subscriptions that move to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{place}: subscriptions move to plan {plan} {} after it became known with these prices and this date, and its notice is {}: \
     have it apply from {earliest} on, or let them stay (`existing: stay`)",
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

/// Notes of every plan version of `snapshot` to which subscriptions move that its prices and its date are known `now`, and gives the
/// first that comes too soon for some that there are. Of what is in force already nothing is asked.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn give(
    (store, transaction): (&Store, &mut Transaction),
    snapshot: &Snapshot,
    (now, occasion): (Timestamp, Occasion),
) -> Result<Option<TooSoon>, StoreError> {
    let mut moving: Vec<(&PlanVersion, Duration)> = snapshot
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
    // Nodes that note several at once wait for each other in one order.
    moving.sort_by(|(one, _), (other, _)| one.reference.cmp(&other.reference));
    let used = store.subscribed(now).await?;
    for (version, notice) in moving {
        let plan = &version.reference;
        let is_awaited = used.iter().any(|used| moves(used, plan));
        if transaction.plan_version(plan).await?.is_some() {
            continue;
        }
        let since = known_since(transaction, version, (now, occasion)).await?;
        let earliest = since.plus(notice);
        if version.effective_from < earliest && is_awaited {
            let after = version.effective_from.max(since).since(since);
            let (plan, place) = (plan.clone(), version.source.clone());
            return Ok(Some(TooSoon { plan, place, after, notice, earliest }));
        }
    }
    Ok(None)
}

/// Since when `version` is known as it is: from `now` on, if that was not told.
async fn known_since(
    transaction: &mut Transaction,
    version: &PlanVersion,
    (now, occasion): (Timestamp, Occasion),
) -> Result<Timestamp, StoreError> {
    for _ in 0..ATTEMPTS {
        let told = transaction.announcements(&version.reference).await?;
        let found = as_it_is(&told, version, occasion);
        let since = found.map_or(now, |found| found.told_at);
        let is_told = found.is_some_and(|found| found.terms.is_some());
        if is_told || transaction.announce(version, told.len(), since).await? {
            return Ok(since);
        }
    }
    Err(StoreError::Unavailable { reason: format!("other nodes keep announcing plan {}", version.reference) })
}

/// The announcement of `version` with the prices and the date that it has. What was changed and is changed back was not told all the
/// while, and is told anew. A node that starts with files of before goes on by what was told of these.
fn as_it_is<'t>(
    told: &'t [Announcement],
    version: &PlanVersion,
    occasion: Occasion,
) -> Option<&'t Announcement> {
    let is_of = |told: &&Announcement| {
        let terms = told.terms.as_ref();
        terms.is_some_and(|(tariff, from)| {
            *from == Some(version.effective_from) && tariff.prices_like(&version.tariff)
        })
    };
    let last = told.last()?;
    match occasion {
        // An older program noted that it was known, and not as what.
        Occasion::Start | Occasion::Reload if last.terms.is_none() => Some(last),
        Occasion::Reload => Some(last).filter(is_of),
        Occasion::Start => told.iter().rev().find(is_of),
    }
}

/// Whether subscriptions stand at a version before that one.
fn moves(used: &InUse, to: &PlanRef) -> bool {
    used.plan == to.name && used.version.is_none_or(|own| own < to.version)
}
