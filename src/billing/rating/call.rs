//! A billable call, as far as its worth goes, and where what it comes to is booked.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use uuid::Uuid;

use crate::domain::charge::{ChargeKind, LineKey};
use crate::domain::id::{AppId, MerchantId, PartnerId, ProductName, RouteName};
use crate::domain::money::Currency;
use crate::domain::plan::PlanRef;
use crate::domain::time::{Period, Timestamp};
use crate::domain::usage::{Evidence, Transaction, UsageRecord};

/// Most minor units of a transaction that are believed: more is an exception.
pub const MAX_TRANSACTION: i64 = 1_000_000_000_000_000;
/// Most units of a call that are believed.
pub const MAX_UNITS: u64 = 1_000_000_000_000;

/// A billable call, as far as rating goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Billable {
    /// Its usage record.
    pub usage: Uuid,
    /// When it happened.
    pub at: Timestamp,
    /// Whose app called.
    pub partner: PartnerId,
    /// The app.
    pub app: AppId,
    /// On whose behalf.
    pub merchant: Option<MerchantId>,
    /// By which route.
    pub route: Option<RouteName>,
    /// The API product.
    pub product: ProductName,
    /// The plan version in force.
    pub plan: PlanRef,
    /// How many units.
    pub units: u64,
    /// The transaction that passed through.
    pub transaction: Option<Transaction>,
    /// Whose sale the transaction is of, if someone said so.
    pub sale_app: Option<AppId>,
}

impl Billable {
    /// What is billable of a usage record: nothing if its evidence says so or could not be read, or if the call was under
    /// no plan.
    #[must_use]
    pub fn of(usage: &UsageRecord) -> Option<Self> {
        let Evidence::Billable { units, transaction } = &usage.evidence else { return None };
        let (product, plan) = usage.subscribed.clone()?;
        Some(Self {
            usage: usage.id,
            at: usage.at,
            partner: usage.partner.clone(),
            app: usage.app.clone(),
            merchant: usage.merchant.clone(),
            route: usage.route.clone(),
            product,
            plan,
            units: *units,
            transaction: transaction.clone(),
            sale_app: None,
        })
    }
}

/// Where charges go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Booking {
    /// The period on whose statement they stand.
    pub period: Period,
    /// The period in which the service was used.
    pub service_period: Period,
}

/// The statement line of a charge by an item that has no name.
pub(super) fn line(call: &Billable, booking: Booking, kind: ChargeKind, currency: Currency) -> LineKey {
    LineKey {
        partner: call.partner.clone(),
        app: call.app.clone(),
        period: booking.period,
        currency,
        service_period: booking.service_period,
        kind,
        product: call.product.clone(),
        plan: call.plan.clone(),
        item: None,
    }
}
