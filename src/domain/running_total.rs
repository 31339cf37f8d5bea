//! What rating must know of before: units of each service period, and sales with what was refunded of them.

use rust_decimal::Decimal;

use super::id::{AppId, ProductName};
use super::location::Location;
use super::money::{Amount, Currency, Rounding};
use super::plan::PlanRef;
use super::time::Period;

/// Whose units are counted together: the free allowance and the rounding of fees are for each of these.
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

/// A sale of which a share was taken, and what was given back of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sale {
    /// The API product.
    pub product: ProductName,
    /// The plan version by which the share was taken.
    pub plan: PlanRef,
    /// Its percentage.
    pub percent: Decimal,
    /// Its rounding.
    pub rounding: Rounding,
    /// Its rule.
    pub rule: Location,
    /// What the sale was worth.
    pub amount: Amount,
    /// The share that was taken.
    pub share: Amount,
    /// Minor units refunded so far; never more than the amount.
    pub refunded: i64,
    /// Minor units of the share given back so far; never more than the share.
    pub returned: i64,
}
