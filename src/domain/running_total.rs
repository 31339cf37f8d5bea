//! What rating must know of before: units of each service period. Sales are in [`super::sale`].

use super::id::{AppId, ItemName, PlanName, ProductName};
use super::time::Period;

/// Whose units share a free allowance: those that an app used of an item's in a period, under all versions of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeeFamily {
    /// The app.
    pub app: AppId,
    /// The API product.
    pub product: ProductName,
    /// The plan.
    pub plan: PlanName,
    /// When they were used, whenever they are charged.
    pub service_period: Period,
    /// The item, as [`super::charge::LineKey::item`] has it.
    pub item: Option<ItemName>,
}

/// Units of a family under one version of the plan: the rounding of fees is for each of these.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Units {
    /// Those that go by the item's own price.
    pub all: u64,
    /// Those of them that are free of charge.
    pub free: u64,
    /// Those in each promotion of the item, in order; none behind the last promotion that has any.
    pub promoted: Vec<u64>,
}

impl Units {
    /// Those that cost the item's own price.
    #[must_use]
    pub fn charged(&self) -> u64 {
        self.all.saturating_sub(self.free)
    }
}

/// Units as they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Whose.
    pub family: FeeFamily,
    /// The version of the plan.
    pub version: u32,
    /// How many.
    pub units: Units,
}
