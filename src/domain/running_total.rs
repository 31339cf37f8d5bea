//! What rating must know of before: units of each service period. Sales are in [`super::sale`].

use super::id::{AppId, PlanName, ProductName};
use super::plan::PlanRef;
use super::time::Period;

/// Whose units are counted together: the rounding of fees is for each of these.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeeKey {
    /// The app.
    pub app: AppId,
    /// The API product.
    pub product: ProductName,
    /// The plan version.
    pub plan: PlanRef,
    /// When they were used, whenever they are charged.
    pub service_period: Period,
}

/// Units counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Units {
    /// All of them.
    pub all: u64,
    /// Those of them that were free of charge.
    pub free: u64,
}

/// Whose units share a free allowance: all versions of a plan have one together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AllowanceKey {
    /// The app.
    pub app: AppId,
    /// The API product.
    pub product: ProductName,
    /// The plan.
    pub plan: PlanName,
    /// When the units were used.
    pub service_period: Period,
}

impl FeeKey {
    /// The allowance that its units are free by.
    #[must_use]
    pub fn allowance(&self) -> AllowanceKey {
        AllowanceKey {
            app: self.app.clone(),
            product: self.product.clone(),
            plan: self.plan.name.clone(),
            service_period: self.service_period,
        }
    }
}
