//! The prices of plan versions as they are kept, each read once for whatever asks for many.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::domain::plan::PlanRef;
use crate::domain::tariff::Tariff;
use crate::store::{StoreError, Transaction};

/// Prices that were asked for.
#[derive(Debug, Default)]
pub(in crate::billing) struct KeptTariffs(BTreeMap<PlanRef, Option<Tariff>>);

impl KeptTariffs {
    /// The prices of a version; none of one that is not kept, or cannot be read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub(in crate::billing) async fn of(
        &mut self,
        transaction: &mut Transaction,
        plan: &PlanRef,
    ) -> Result<Option<&Tariff>, StoreError> {
        let known = match self.0.entry(plan.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let kept = match transaction.plan_version(plan).await {
                    Err(StoreError::Corrupt { .. }) => None,
                    kept => kept?,
                };
                place.insert(kept.map(|kept| kept.tariff))
            }
        };
        Ok(known.as_ref())
    }
}
