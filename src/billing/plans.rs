//! Plan versions are kept when a snapshot takes effect: a price never changes under what was used by it.

use crate::domain::location::Location;
use crate::domain::plan::{PlanRef, PlanVersion, Tariff};
use crate::policy::snapshot::Snapshot;
use crate::store::transaction::Exclusive;
use crate::store::{Store, StoreError};

/// Why a snapshot's plans cannot take effect.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A version that was in force has other prices now.
    #[error(
        "{place}: plan {plan} was in force with other prices; leave it as it was and add the next version"
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

/// Keeps the prices of every plan version of `snapshot`.
///
/// # Errors
/// [`PlanError::Changed`] if one has other prices than before; then none is kept.
pub async fn register(store: &Store, snapshot: &Snapshot) -> Result<(), PlanError> {
    let mut versions: Vec<&PlanVersion> = snapshot.plans.values().flat_map(|plan| &plan.versions).collect();
    versions.sort_by(|one, other| one.reference.cmp(&other.reference));
    let mut are_kept = true;
    for version in &versions {
        are_kept &= is_kept(version, store.tariff(&version.reference).await?.as_ref())?;
    }
    if are_kept {
        return Ok(());
    }
    let mut transaction = store.begin().await?;
    // Another node may be keeping the same versions with other prices.
    transaction.hold(Exclusive::Billing).await?;
    for version in &versions {
        if !is_kept(version, transaction.tariff(&version.reference).await?.as_ref())? {
            transaction.keep_tariff(&version.reference, &version.tariff).await?;
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// Whether a version is kept already, with these prices.
fn is_kept(version: &PlanVersion, kept: Option<&Tariff>) -> Result<bool, PlanError> {
    match kept {
        None => Ok(false),
        Some(kept) if is_same_price(kept, &version.tariff) => Ok(true),
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
