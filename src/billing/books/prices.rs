//! Prices by plan version, as far as they are remembered. A version never changes, so what is remembered stays true.

use std::sync::Arc;

use crate::domain::plan::PlanRef;
use crate::domain::tariff::Tariff;

/// Plan versions whose prices are remembered.
const REMEMBERED: u64 = 10_000;

/// Prices by plan version.
pub(super) type Tariffs = moka::sync::Cache<PlanRef, Arc<Tariff>>;

/// An empty memory of prices.
pub(super) fn tariffs() -> Tariffs {
    moka::sync::Cache::new(REMEMBERED)
}

/// What is remembered, with those at hand that were asked for last.
pub(super) struct PriceList {
    known: Tariffs,
    last: Option<(PlanRef, Arc<Tariff>)>,
}

impl PriceList {
    pub(super) fn new(known: &Tariffs) -> Self {
        Self { known: known.clone(), last: None }
    }

    /// Those of a plan version, if they are remembered.
    pub(super) fn of(&mut self, plan: &PlanRef) -> Option<Arc<Tariff>> {
        if let Some((_, tariff)) = self.last.as_ref().filter(|(last, _)| last == plan) {
            return Some(tariff.clone());
        }
        let tariff = self.known.get(plan)?;
        self.last = Some((plan.clone(), tariff.clone()));
        Some(tariff)
    }

    /// Remembers those of a plan version.
    pub(super) fn learn(&mut self, plan: &PlanRef, tariff: Arc<Tariff>) {
        self.known.insert(plan.clone(), tariff.clone());
        self.last = Some((plan.clone(), tariff));
    }
}
