//! Charges: the priced lines that rating makes of usage records.

use rust_decimal::Decimal;
use uuid::Uuid;

use super::id::{AppId, PartnerId, ProductName};
use super::location::Location;
use super::money::Amount;
use super::plan::PlanRef;
use super::time::Period;

/// One priced line of one usage record.
#[derive(Debug, Clone, PartialEq)]
pub struct Charge {
    /// The usage record that it prices.
    pub usage: Uuid,
    /// What it belongs to: charges of one line are summed, and rounded once.
    pub line: LineKey,
    /// What is charged.
    pub price: Price,
    /// The exact amount in major units, before it is rounded with its line; below zero for what is given back.
    pub exact: Decimal,
    /// The rule in the policy files that it follows.
    pub rule: Location,
}

/// What a statement sums up in one line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineKey {
    /// Whose app.
    pub partner: PartnerId,
    /// Which app.
    pub app: AppId,
    /// The period on whose statement it stands.
    pub period: Period,
    /// The period in which it was used; another one only for what came after its period was closed.
    pub service_period: Period,
    /// Fee or share.
    pub kind: ChargeKind,
    /// Under which plan version.
    pub plan: PlanRef,
    /// For which API product.
    pub product: ProductName,
    /// In which currency.
    pub currency: super::money::Currency,
}

/// The kinds of charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChargeKind {
    /// A fee for units used.
    ServiceFee,
    /// The platform's share of transactions.
    RevenueShare,
}

impl ChargeKind {
    /// The name used in the store and on statements.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceFee => "service_fee",
            Self::RevenueShare => "revenue_share",
        }
    }

    /// The kind of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::ServiceFee, Self::RevenueShare].into_iter().find(|kind| kind.name() == name)
    }
}

/// What a charge is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Price {
    /// Units at a price each.
    Units {
        /// Units that cost something.
        charged: u64,
        /// Units of the free allowance.
        free: u64,
        /// Price of a unit.
        each: Decimal,
    },
    /// A percentage of a transaction.
    Share {
        /// The transaction's id.
        transaction: String,
        /// The transaction's amount; below zero for a refund.
        base: Amount,
        /// The percentage.
        percent: Decimal,
    },
}
