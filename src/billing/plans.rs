//! Plan versions are kept when they come into force: from then on neither price nor date changes under what is used by
//! them. Until then they may still be changed.

use crate::domain::location::Location;
use crate::domain::plan::{PlanRef, PlanVersion, Tariff};
use crate::domain::time::Timestamp;
use crate::policy::snapshot::Snapshot;
use crate::store::plan_version::KeptVersion;
use crate::store::transaction::Exclusive;
use crate::store::{Store, StoreError};

/// Why a snapshot's plans cannot take effect.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A version that was in force is another now.
    #[error(
        "{place}: plan {plan} was in force with other prices or from another time; leave it as it was and add the next \
         version"
    )]
    Changed {
        /// The plan version.
        plan: PlanRef,
        /// Where it stands.
        place: Location,
    },
    /// The store cannot be used.
    #[error("the plans cannot be kept")]
    Store(#[from] StoreError),
}

/// Keeps every plan version of `snapshot` that is in force `now` or was before.
///
/// # Errors
/// [`PlanError::Changed`] if one that is kept is another in the snapshot; then none is kept.
pub async fn register(store: &Store, snapshot: &Snapshot, now: Timestamp) -> Result<(), PlanError> {
    let mut versions: Vec<&PlanVersion> = snapshot.plans.values().flat_map(|plan| &plan.versions).collect();
    versions.sort_by(|one, other| one.reference.cmp(&other.reference));
    let is_due = |version: &PlanVersion| version.effective_from <= now;
    let mut are_kept = true;
    for version in &versions {
        let kept = store.plan_version(&version.reference).await?;
        are_kept &= is_kept(version, kept.as_ref())? || !is_due(version);
    }
    if are_kept {
        return Ok(());
    }
    let mut transaction = store.begin().await?;
    // Another node may be keeping the same versions with other prices.
    transaction.hold(Exclusive::Billing).await?;
    for version in &versions {
        let kept = transaction.plan_version(&version.reference).await?;
        if !is_kept(version, kept.as_ref())? && is_due(version) {
            let PlanVersion { reference, tariff, effective_from, .. } = version;
            transaction.keep_plan_version(reference, tariff, *effective_from).await?;
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// When the next plan version of `snapshot` comes into force, if one does.
#[must_use]
pub fn next_after(snapshot: &Snapshot, now: Timestamp) -> Option<Timestamp> {
    let versions = snapshot.plans.values().flat_map(|plan| &plan.versions);
    versions.map(|version| version.effective_from).filter(|from| *from > now).min()
}

/// Whether a version is kept already, as it is.
fn is_kept(version: &PlanVersion, kept: Option<&KeptVersion>) -> Result<bool, PlanError> {
    let is_same = |kept: &KeptVersion| {
        let is_of_then = kept.effective_from.is_none_or(|from| from == version.effective_from);
        is_of_then && is_same_price(&kept.tariff, &version.tariff)
    };
    match kept {
        None => Ok(false),
        Some(kept) if is_same(kept) => Ok(true),
        Some(_) => {
            let (plan, place) = (version.reference.clone(), version.source.clone());
            Err(PlanError::Changed { plan, place })
        }
    }
}

/// Whether two tariffs price alike; where they stand does not matter.
fn is_same_price(one: &Tariff, other: &Tariff) -> bool {
    let fee = |tariff: &Tariff| tariff.fee.as_ref().map(|fee| (fee.per_unit, fee.free_units));
    let share = |tariff: &Tariff| tariff.share.as_ref().map(|share| share.percent);
    one.currency == other.currency
        && one.rounding == other.rounding
        && fee(one) == fee(other)
        && share(one) == share(other)
}
