//! Plan versions are kept when they come into force: from then on neither price nor date changes under what is used by them, and none
//! lets its apps use less than it did then. Until then they may still be changed.

use super::announced;
use super::notice::{self, TooSoon};
use super::sets::keep_set;
use super::subscribed::{Lacking, lacking};
use crate::domain::allowed::Allowed;
use crate::domain::audit::Change;
use crate::domain::location::Location;
use crate::domain::plan::{PlanRef, PlanVersion};
use crate::domain::time::Timestamp;
use crate::policy::compare::announced::Unannounced;
use crate::policy::live::Coming;
use crate::policy::snapshot::Snapshot;
use crate::store::plan_version::KeptVersion;
use crate::store::transaction::Exclusive;
use crate::store::{Store, StoreError, Transaction};

/// A plan version that was in force, or was told last to subscriptions that move to it, is another now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{place}: plan {plan} was in force, or told to subscriptions, with other prices, from another time, with another `existing` or \
     with more to use; leave it as it was and add the next version"
)]
pub struct Changed {
    /// The plan version.
    pub plan: PlanRef,
    /// Where it stands.
    pub place: Location,
}

/// Why a snapshot's plans cannot take effect.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A version that was in force is another now.
    #[error(transparent)]
    Changed(#[from] Changed),
    /// A version to which subscriptions move comes into force too soon.
    #[error(transparent)]
    TooSoon(#[from] TooSoon),
    /// What may be worse for those who call was not announced in time.
    #[error(transparent)]
    Unannounced(#[from] Unannounced),
    /// Subscriptions use what the snapshot lacks.
    #[error(transparent)]
    Lacking(#[from] Lacking),
    /// The store cannot be used.
    #[error("the plans cannot be kept")]
    Store(#[from] StoreError),
}

/// When a snapshot is to take effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// A node starts, by files that may be of before.
    Start,
    /// A node starts by other files than those by which it ran last, since then: somebody has changed them.
    Changed(Timestamp),
    /// A running node has read its policies anew.
    Reload,
}

impl Occasion {
    /// Whether the files are of after what was told then.
    pub(super) fn is_after(self, told_at: Timestamp) -> bool {
        match self {
            Self::Start => false,
            Self::Changed(ran_since) => told_at <= ran_since,
            Self::Reload => true,
        }
    }
}

/// [`admit_after`] no set in force.
///
/// # Errors
/// Those of [`admit_after`].
pub async fn admit(
    store: &Store,
    snapshot: &Snapshot,
    when: (Timestamp, Occasion),
    changes: &[Change],
) -> Result<(), PlanError> {
    admit_after(store, Coming { before: None, snapshot }, when, changes).await
}

/// Lets a snapshot take effect: its plan versions and files are kept, what it announces is noted and `changes` are recorded, or nothing. At
/// a start, what subscriptions use and it lacks is told and no more: a node that does not run serves nobody.
///
/// # Errors
/// [`PlanError::Lacking`] at a reload; [`PlanError::Changed`] if a version that is kept is another in the snapshot;
/// [`PlanError::TooSoon`] if subscriptions would move to a version without its notice; [`PlanError::Unannounced`] if it changes what has to
/// be announced before; [`PlanError::Store`]. Nothing is kept then, so that a set that never took effect may still be corrected.
pub async fn admit_after(
    store: &Store,
    coming: Coming<'_>,
    (now, occasion): (Timestamp, Occasion),
    changes: &[Change],
) -> Result<(), PlanError> {
    let snapshot = coming.snapshot;
    match (lacking(store, snapshot, now).await?, occasion) {
        (None, _) => {}
        (Some(lacking), Occasion::Reload) => return Err(lacking.into()),
        (Some(lacking), Occasion::Start | Occasion::Changed(_)) => {
            tracing::error!(
                "apps are subscribed to what the policies do not have; their calls are refused or not charged:\n{lacking}"
            );
        }
    }
    let is_done = is_done(store, snapshot, now).await??;
    let mut transaction = store.begin().await?;
    if let Some(too_soon) = notice::give((store, &mut transaction), snapshot, (now, occasion)).await? {
        return Err(too_soon.into());
    }
    if let Some(unannounced) = announced::give(&mut transaction, coming, (now, occasion)).await? {
        return Err(unannounced.into());
    }
    if !is_done {
        register(&mut transaction, snapshot, now).await?;
    }
    keep_set(&mut transaction, snapshot, now).await?;
    for change in changes {
        transaction.record(change).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Keeps every plan version of `snapshot` that is in force `now` or was before.
async fn register(
    transaction: &mut Transaction,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<(), PlanError> {
    // Another node may be keeping the same versions with other prices.
    transaction.hold(Exclusive::Billing).await?;
    for version in versions(snapshot) {
        keep(transaction, version, now).await??;
    }
    Ok(())
}

/// Keeps every plan version of a snapshot in effect that has come into force since, and logs and gives those that are kept as
/// others already, or were told to subscriptions as others: they hold back none of the rest.
///
/// # Errors
/// [`StoreError`]; then none is kept.
pub async fn keep_due(
    store: &Store,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Vec<Changed>, StoreError> {
    if is_done(store, snapshot, now).await? == Ok(true) {
        return Ok(Vec::new());
    }
    let mut transaction = store.begin().await?;
    transaction.hold(Exclusive::Billing).await?;
    let mut changed = Vec::new();
    for version in versions(snapshot) {
        changed.extend(keep(&mut transaction, version, now).await?.err());
    }
    transaction.commit().await?;
    for changed in &changed {
        tracing::error!(%changed, "a plan version came into force, and is not what it is on another node");
    }
    Ok(changed)
}

/// When the next plan version of `snapshot` comes into force, if one does.
#[must_use]
pub fn next_after(snapshot: &Snapshot, now: Timestamp) -> Option<Timestamp> {
    let versions = snapshot.plans.values().flat_map(|plan| &plan.versions);
    versions.map(|version| version.effective_from).filter(|from| *from > now).min()
}

/// The plan versions of `snapshot` that are in force `now` or were before.
pub fn in_force(snapshot: &Snapshot, now: Timestamp) -> impl Iterator<Item = &PlanVersion> {
    versions(snapshot).into_iter().filter(move |version| version.effective_from <= now)
}

fn versions(snapshot: &Snapshot) -> Vec<&PlanVersion> {
    let mut versions: Vec<&PlanVersion> = snapshot.plans.values().flat_map(|plan| &plan.versions).collect();
    versions.sort_by(|one, other| one.reference.cmp(&other.reference));
    versions
}

/// Whether nothing is to be done, as is mostly so: then the books need not wait.
async fn is_done(
    store: &Store,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Result<bool, Changed>, StoreError> {
    let mut is_done = true;
    for version in versions(snapshot) {
        match step(version, store.plan_version(&version.reference).await?.as_ref(), now) {
            Ok(step) => is_done &= step == Step::None,
            Err(changed) => return Ok(Err(changed)),
        }
    }
    Ok(Ok(is_done))
}

/// What is to be done about a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing: it is kept as it is, or is not in force yet.
    None,
    /// Keep it.
    Keep,
    /// It is kept without a date, which it has now.
    Date,
    /// It is kept without a date, as another; and it is not in force yet.
    Replace,
    /// An older program kept it, which did not say whether subscriptions move to it.
    Moves,
    /// An older program kept it, which did not say what it lets its apps use.
    Allow,
}

fn step(version: &PlanVersion, kept: Option<&KeptVersion>, now: Timestamp) -> Result<Step, Changed> {
    let is_due = version.effective_from <= now;
    let Some(kept) = kept else { return Ok(if is_due { Step::Keep } else { Step::None }) };
    let moves_alike = kept.moves.is_none_or(|moves| moves == version.existing.moves());
    let allows_enough = kept.allowed.as_ref().is_none_or(|kept| Allowed::by(version).is_no_less_than(kept));
    let is_same = kept.tariff.prices_like(&version.tariff) && moves_alike && allows_enough;
    match (kept.effective_from, is_same) {
        (Some(from), true) if from == version.effective_from => Ok(match (kept.moves, &kept.allowed) {
            (Some(_), Some(_)) => Step::None,
            (None, _) => Step::Moves,
            (Some(_), None) => Step::Allow,
        }),
        (None, true) => Ok(if is_due { Step::Date } else { Step::None }),
        (None, false) if !is_due => Ok(Step::Replace),
        (Some(_), _) | (None, false) => Err(changed(version)),
    }
}

fn changed(version: &PlanVersion) -> Changed {
    Changed { plan: version.reference.clone(), place: version.source.clone() }
}

async fn keep(
    transaction: &mut Transaction,
    version: &PlanVersion,
    now: Timestamp,
) -> Result<Result<(), Changed>, StoreError> {
    let PlanVersion { reference, tariff, effective_from, existing, .. } = version;
    let dated = (*effective_from, *existing);
    let kept = transaction.plan_version(reference).await?;
    match step(version, kept.as_ref(), now) {
        Ok(Step::None) => return Ok(Ok(())),
        Ok(Step::Allow) => {}
        Ok(Step::Keep) if !notice::stands(transaction, version).await? => return Ok(Err(changed(version))),
        Ok(Step::Keep) => transaction.keep_plan_version(reference, tariff, dated).await?,
        Ok(Step::Date) => transaction.date_plan_version(reference, dated).await?,
        Ok(Step::Moves) => transaction.say_who_moved(reference, *existing).await?,
        Ok(Step::Replace) => {
            if !transaction.replace_plan_version(reference, tariff, *existing).await? {
                return Ok(Err(changed(version)));
            }
        }
        Err(changed) => return Ok(Err(changed)),
    }
    if *effective_from <= now {
        transaction.keep_allowed(reference, &Allowed::by(version)).await?;
    }
    Ok(Ok(()))
}
