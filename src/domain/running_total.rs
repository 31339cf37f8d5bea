//! What rating must know of before: units of each service period, and what sales with tiers come to together. Sales are in
//! [`super::sale`].

use std::fmt;

use super::id::{AppId, ItemName, PartnerId, PlanName, ProductName};
use super::money::Currency;
use super::plan::PlanRef;
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

/// Sales that are summed up for their tiers: those under one plan version, as each walks its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TierFamily {
    /// Whose.
    pub scope: TierScope,
    /// Of which API product.
    pub product: ProductName,
    /// Under which plan version.
    pub plan: PlanRef,
    /// By which item of its share.
    pub item: ItemName,
    /// In which currency.
    pub currency: Currency,
    /// Of which month; of all time, if of none.
    pub month: Option<Period>,
}

/// Whose sales are summed up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TierScope {
    /// An app's.
    App(AppId),
    /// Those of all live apps of a partner.
    Partner(PartnerId),
    /// Those of all its apps of the sandbox.
    Sandbox(PartnerId),
}

impl fmt::Display for TierScope {
    /// `app:ID`, `partner:ID` or `sandbox:ID`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(app) => write!(f, "app:{app}"),
            Self::Partner(partner) => write!(f, "partner:{partner}"),
            Self::Sandbox(partner) => write!(f, "sandbox:{partner}"),
        }
    }
}

/// What sales of a family come to together, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TierSum {
    /// Their net amount: of so much of their bases a share is earned.
    pub net: i64,
    /// What that comes to.
    pub minor: i64,
}
