//! What rating must know of before: units of each service period, and sales with their refunds.

use rust_decimal::Decimal;
use uuid::Uuid;

use super::id::{AppId, ItemName, PlanName, ProductName};
use super::location::Location;
use super::money::{Amount, Currency, Rounding};
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

/// Which sale.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SaleKey {
    /// The app through which it was made.
    pub app: AppId,
    /// The upstream's id of it.
    pub id: String,
    /// Its currency.
    pub currency: Currency,
}

/// A sale, and what was given back of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sale {
    /// The usage record that made it, if it is known.
    pub usage: Option<Uuid>,
    /// The API product.
    pub product: ProductName,
    /// The plan version in force.
    pub plan: PlanRef,
    /// The percentage of the share that was taken.
    pub percent: Decimal,
    /// Its rounding.
    pub rounding: Rounding,
    /// Its rule; none if the plan takes no share.
    pub rule: Option<Location>,
    /// What the sale was worth.
    pub amount: Amount,
    /// The share that was taken.
    pub share: Amount,
    /// Minor units refunded so far; never more than the amount.
    pub refunded: i64,
    /// Minor units of the share given back so far; never more than the share.
    pub returned: i64,
}

/// Which refund.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RefundKey {
    /// Whose money it gives back.
    pub sale: SaleKey,
    /// The upstream's id of it; the sale's, if it has none of its own.
    pub id: String,
}

/// A refund that came before its sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingRefund {
    /// The usage record that made it.
    pub usage: Uuid,
    /// What it gives back, in minor units.
    pub amount: i64,
}

/// A refund that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refund {
    /// The usage record that made it.
    pub usage: Uuid,
    /// What it gives back, in minor units.
    pub amount: i64,
    /// What was left of the sale to give back; never more than the amount.
    pub counted: i64,
}
