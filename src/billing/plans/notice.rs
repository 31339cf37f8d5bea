//! Subscriptions move to another version of their plan only with notice: its prices, its date and what it lets its apps use, or less than
//! that, are known for as long as it says before it comes into force. When they became known is kept once, by whichever node had them
//! first; and so is that they stay, as whoever was told that since must be given notice anew.

use std::time::Duration;

use super::keep::Occasion;
use crate::domain::allowed::Allowed;
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
    "{place}: subscriptions move to plan {plan} {} after it became known with these prices, this date and no more to use, and its \
     notice is {}: have it apply from {earliest} on, or let them stay (`existing: stay`)",
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

/// Notes of every plan version of `snapshot` that is not kept what is told `now`: that subscriptions move to it, as it is and from its date
/// on; or, as long as it is not in force, that they stay. Gives the first that comes too soon for some that there were before it was
/// told: whoever subscribes later knows of it.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn give(
    (store, transaction): (&Store, &mut Transaction),
    snapshot: &Snapshot,
    (now, occasion): (Timestamp, Occasion),
) -> Result<Option<TooSoon>, StoreError> {
    take_back(transaction, snapshot, (now, occasion)).await?;
    let versions = snapshot.plans.values().flat_map(|plan| &plan.versions);
    let mut told: Vec<&PlanVersion> =
        versions.filter(|version| version.existing.moves() || version.effective_from > now).collect();
    if told.is_empty() {
        return Ok(None);
    }
    // Nodes that note several at once wait for each other in one order.
    told.sort_by(|one, other| one.reference.cmp(&other.reference));
    let used = store.subscribed(now).await?;
    for version in told {
        if transaction.plan_version(&version.reference).await?.is_some() {
            continue;
        }
        let comes_too_soon = |since: Timestamp| too_soon(version, &used, since);
        let may_be_told = comes_too_soon(now).is_none();
        let since = known_since(transaction, version, (now, occasion), may_be_told).await?;
        if let Some(too_soon) = since.and_then(comes_too_soon) {
            return Ok(Some(too_soon));
        }
    }
    Ok(None)
}

/// That `version`, known since then, comes too soon for some of those that are `used`, if it does.
fn too_soon(version: &PlanVersion, used: &[InUse], since: Timestamp) -> Option<TooSoon> {
    let PlanVersion { reference: plan, source: place, effective_from, existing, .. } = version;
    let Existing::Move { notice } = *existing else { return None };
    let is_awaited = used.iter().any(|used| moves(used, plan) && used.first <= since);
    let earliest = since.plus(notice);
    (is_awaited && *effective_from < earliest).then(|| {
        let after = (*effective_from).max(since).since(since);
        TooSoon { plan: plan.clone(), place: place.clone(), after, notice, earliest }
    })
}

/// Notes of what was told of versions that the files no longer have that nobody moves to them.
async fn take_back(
    transaction: &mut Transaction,
    snapshot: &Snapshot,
    (now, occasion): (Timestamp, Occasion),
) -> Result<(), StoreError> {
    if occasion == Occasion::Start {
        return Ok(());
    }
    for plan in transaction.announced_versions().await? {
        let versions = snapshot.plans.get(&plan.name).map_or(&[][..], |plan| plan.versions.as_slice());
        if versions.iter().any(|version| version.reference == plan) {
            continue;
        }
        let told = transaction.announcements(&plan).await?;
        let last = told.last().filter(|last| occasion.is_after(last.told_at));
        if last.and_then(|last| last.terms.as_ref()).is_some_and(|(_, from)| from.is_some()) {
            transaction.take_back(&plan, told.len(), now).await?;
        }
    }
    Ok(())
}

/// Since when `version` is known as it is: from `now` on, if that is not what was told last. What was changed and is changed back was not
/// told all the while. None of files of before, with which a node starts: as long as the version is not in force, what was told since
/// stands, and it is not kept as it is. So it is of files that were changed back and may not be told anew, as that is too late: no node
/// fails to start by what was told before.
async fn known_since(
    transaction: &mut Transaction,
    version: &PlanVersion,
    (now, occasion): (Timestamp, Occasion),
    may_be_told: bool,
) -> Result<Option<Timestamp>, StoreError> {
    for _ in 0..ATTEMPTS {
        let told = transaction.announcements(&version.reference).await?;
        let found = told.last().filter(|last| is_said(version, last));
        let was_told = |one: &Announcement| one.terms.is_some() && is_said(version, one);
        let starts = occasion != Occasion::Reload;
        let is_of_before = |last: &Announcement| !occasion.is_after(last.told_at) || (starts && !may_be_told);
        let may_be_of_before = version.effective_from > now && told.last().is_some_and(is_of_before);
        if found.is_none() && may_be_of_before && told.iter().any(was_told) {
            let (plan, place) = (&version.reference, &version.source);
            tracing::warn!(
                %plan,
                %place,
                "a plan version was told to subscriptions otherwise since: it will not be kept as it is. If these are the files that are to \
                 hold, change one of them, if only a comment, while the node runs: then it is told anew"
            );
            return Ok(None);
        }
        let since = found.map_or(now, |found| found.told_at);
        let is_told = found.is_some_and(|found| found.terms.is_some() && found.allowed.is_some());
        if is_told || transaction.announce(version, told.len(), since).await? {
            return Ok(Some(since));
        }
    }
    Err(StoreError::Unavailable { reason: format!("other nodes keep announcing plan {}", version.reference) })
}

/// Whether `version` has the prices and the date that were told, and lets nobody use less; what an older program noted is of whatever is
/// seen next.
fn is_as_told(version: &PlanVersion, told: &Announcement) -> bool {
    let Announcement { terms, allowed, .. } = told;
    let has_terms = terms.as_ref().is_none_or(|(tariff, from)| {
        *from == Some(version.effective_from) && tariff.prices_like(&version.tariff)
    });
    has_terms && allowed.as_ref().is_none_or(|told| Allowed::by(version).is_no_less_than(told))
}

/// Whether `version` may be kept as it is: nothing else was told of it since.
pub(super) async fn stands(transaction: &mut Transaction, version: &PlanVersion) -> Result<bool, StoreError> {
    let told = transaction.announcements(&version.reference).await?;
    Ok(told.last().is_none_or(|last| last.terms.is_none() || is_said(version, last)))
}

/// Whether `version` says what was told: that subscriptions move to it as it is, or that they stay, whatever its prices are then.
fn is_said(version: &PlanVersion, told: &Announcement) -> bool {
    match version.existing {
        Existing::Move { .. } => is_as_told(version, told),
        Existing::Stay => told.terms.as_ref().is_some_and(|(_, from)| from.is_none()),
    }
}

/// Whether subscriptions stand at a version before that one.
fn moves(used: &InUse, to: &PlanRef) -> bool {
    used.plan == to.name && used.version.is_none_or(|own| own < to.version)
}
