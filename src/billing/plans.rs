//! Plan versions are kept when a snapshot takes effect: a price never changes under what was used by it.

use crate::domain::plan::Tariff;
use crate::policy::snapshot::Snapshot;
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
        plan: String,
        /// Where it stands.
        place: String,
    },
    /// The store cannot be used.
    #[error("the plans cannot be kept")]
    Store(#[from] StoreError),
}

/// Keeps every plan version of `snapshot`.
///
/// # Errors
/// [`PlanError::Changed`] if one has other prices than before; then none is kept.
pub async fn register(store: &Store, snapshot: &Snapshot) -> Result<(), PlanError> {
    let versions: Vec<_> = snapshot.plans.values().flat_map(|plan| &plan.versions).collect();
    for version in &versions {
        let kept = store.tariff(&version.reference).await?;
        if kept.is_some_and(|kept| !is_same_price(&kept, &version.tariff)) {
            let (plan, place) = (version.reference.to_string(), version.source.to_string());
            return Err(PlanError::Changed { plan, place });
        }
    }
    for version in versions {
        store.keep_tariff(&version.reference, &version.tariff).await?;
    }
    Ok(())
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
