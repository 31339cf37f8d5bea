//! Charges: the priced lines that rating makes of usage records, and the statement lines that they sum up to.

use std::fmt;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::id::{AppId, PartnerId, ProductName};
use super::location::Location;
use super::money::{Amount, Currency};
use super::plan::PlanRef;
use super::time::Period;

/// One priced line of one usage record; a record has at most one of each kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Charge {
    /// The usage record that it prices.
    pub usage: Uuid,
    /// The statement line that it is summed in.
    pub line: LineKey,
    /// What is priced, and how.
    pub price: Price,
    /// What it adds to its line, in minor units of the line's currency. The line is rounded, not each charge of it: a
    /// fee of a tenth of a minor unit adds 1 now and then and 0 mostly. Below zero for what is given back.
    pub minor: i64,
    /// The rule in the policy files that it follows.
    pub rule: Location,
}

impl Charge {
    /// [`Self::minor`] with its currency.
    #[must_use]
    pub fn amount(&self) -> Amount {
        Amount { minor: self.minor, currency: self.line.currency }
    }
}

/// What charges of one line have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineKey {
    /// Whose app.
    pub partner: PartnerId,
    /// Which app.
    pub app: AppId,
    /// The period on whose statement it stands.
    pub period: Period,
    /// The currency.
    pub currency: Currency,
    /// The period in which the service was used: another one only for what came after that period was closed.
    pub service_period: Period,
    /// What for.
    pub kind: ChargeKind,
    /// Which API product.
    pub product: ProductName,
    /// Under which plan version.
    pub plan: PlanRef,
}

impl LineKey {
    /// Whether the line corrects a period that was closed already.
    #[must_use]
    pub fn is_adjustment(&self) -> bool {
        self.service_period != self.period
    }

    /// The line's name, unique on the statements of its app and period, such as
    /// `CNY 2026-11 service_fee storefront standard@1`: no name holds a space, so no two lines share one.
    #[must_use]
    pub fn id(&self) -> LineId<'_> {
        LineId(self)
    }
}

/// [`LineKey::id`].
#[derive(Debug)]
pub struct LineId<'k>(&'k LineKey);

impl fmt::Display for LineId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LineKey { currency, service_period, kind, product, plan, .. } = self.0;
        write!(f, "{currency} {service_period} {} {product} {plan}", kind.name())
    }
}

/// What is charged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChargeKind {
    /// The fee for the units of a call.
    ServiceFee,
    /// The platform's share of a sale.
    RevenueShare,
    /// What a refund gives back of a share.
    ShareReversal,
}

impl ChargeKind {
    /// All kinds, in the order in which they stand on statements.
    pub const ALL: [Self; 3] = [Self::ServiceFee, Self::RevenueShare, Self::ShareReversal];

    /// The name used in the store, in answers and in exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceFee => "service_fee",
            Self::RevenueShare => "revenue_share",
            Self::ShareReversal => "share_reversal",
        }
    }

    /// The kind of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What is priced, and how.
#[derive(Debug, Clone, PartialEq)]
pub enum Price {
    /// Units, after the free ones of the period are used up.
    Units {
        /// Units that cost something.
        charged: u64,
        /// Units that were free of charge.
        free: u64,
        /// Price of a unit in major units of the line's currency.
        each: Decimal,
    },
    /// A percentage of a transaction.
    Percent {
        /// The transaction's id.
        transaction: String,
        /// The amount of which it is a percentage; below zero for a refund.
        base: Amount,
        /// The percentage.
        percent: Decimal,
    },
}
