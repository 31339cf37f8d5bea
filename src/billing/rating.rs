//! What a call is worth × plan version × what was counted before → charges. Pure: no clock, no store, no float.
//!
//! A fee follows from how many units an app used in a service period: a call's fee is what the units after it come to,
//! rounded, less what the units before it came to. So fees of any size add up to the exact sum, rounded once,
//! however calls are ordered or grouped. A share is rounded for each sale: see `sale.rs` beside this.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use rust_decimal::Decimal;
use uuid::Uuid;

use super::bounds::{MAX_SUM, TooLarge};
use super::sale::rate_transaction;
use super::totals::{Totals, fee_key};
use crate::domain::charge::{Charge, ChargeKind, LineKey, Price};
use crate::domain::id::{AppId, PartnerId, ProductName};
use crate::domain::money::{Amount, Currency, MoneyError, Rounding};
use crate::domain::plan::{Fee, PlanRef, Tariff};
use crate::domain::running_total::Units;
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
    /// The API product.
    pub product: ProductName,
    /// The plan version in force.
    pub plan: PlanRef,
    /// How many units.
    pub units: u64,
    /// The transaction that passed through.
    pub transaction: Option<Transaction>,
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
            product,
            plan,
            units: *units,
            transaction: transaction.clone(),
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

/// Why a transaction, or a whole call, was not rated. Someone must resolve it; it is never guessed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrated {
    /// More than is believed, or more than arithmetic can hold exactly.
    #[error("its amount or units are too large to be believed")]
    TooLarge,
    /// With it, a statement or a line of it would come to more than is believed.
    #[error("with it, its statement is too large to be believed")]
    SumTooLarge,
    /// A refund of a sale that is not known, or not yet.
    #[error("it refunds {sale}, of which no sale in {currency} is known")]
    SaleUnknown {
        /// The sale's id.
        sale: String,
        /// The refund's currency.
        currency: Currency,
    },
    /// A sale of that id was rated before, with another amount.
    #[error("sale {sale} was rated before, at {before}")]
    SaleDiffers {
        /// The sale's id.
        sale: String,
        /// Its amount then.
        before: Amount,
    },
    /// A refund of that id came before, with another amount.
    #[error("refund {refund} came before, at {before}")]
    RefundDiffers {
        /// The refund's id.
        refund: String,
        /// Its amount then.
        before: Amount,
    },
    /// A refund of the same sale was counted before, of the same amount, and neither has an id of its own.
    #[error("it has no id of its own: it may be the refund of {0} that was counted before, or a second one")]
    RefundUnnamed(Amount),
    /// More is given back than was paid; what does not exceed it is counted.
    #[error("with it, {by} more of sale {sale} is refunded than was paid")]
    RefundExceeds {
        /// The sale's id.
        sale: String,
        /// By how much.
        by: Amount,
    },
}

impl From<TooLarge> for Unrated {
    fn from(_: TooLarge) -> Self {
        Self::SumTooLarge
    }
}

impl From<MoneyError> for Unrated {
    fn from(_: MoneyError) -> Self {
        Self::TooLarge
    }
}

/// What rating a call came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rated {
    /// Its charges: at most one of each kind.
    pub charges: Vec<Charge>,
    /// Why its transaction has no charge although it should.
    pub unrated: Option<Unrated>,
}

/// Rates a call, and counts it in `totals`.
///
/// # Errors
/// [`Unrated::TooLarge`] or [`Unrated::SumTooLarge`] by the units; nothing is counted then.
pub fn rate(
    call: &Billable,
    tariff: &Tariff,
    booking: Booking,
    totals: &mut Totals,
) -> Result<Rated, Unrated> {
    let mut rated = Rated::default();
    if let Some(fee) = &tariff.fee {
        rated.charges.push(rate_fee(call, (fee, tariff), booking, totals)?);
    }
    match rate_transaction(call, tariff, booking, totals) {
        Ok(transaction) => {
            rated.charges.extend(transaction.charges);
            rated.unrated = transaction.unrated;
        }
        Err(unrated) => rated.unrated = Some(unrated),
    }
    Ok(rated)
}

fn rate_fee(
    call: &Billable,
    (fee, tariff): (&Fee, &Tariff),
    booking: Booking,
    totals: &mut Totals,
) -> Result<Charge, Unrated> {
    if call.units > MAX_UNITS {
        return Err(Unrated::TooLarge);
    }
    let key = fee_key(call, booking.service_period);
    let before = totals.units(&key);
    let left = match fee.free_units {
        0 => 0,
        allowance => allowance.saturating_sub(totals.free_units(&key)),
    };
    let free = left.min(call.units);
    let after = Units { all: count(before.all, call.units)?, free: count(before.free, free)? };
    let posted = |units: Units| line_amount(units, fee, (tariff.currency, tariff.rounding));
    let minor = posted(after)?.minor.checked_sub(posted(before)?.minor).ok_or(Unrated::TooLarge)?;
    let charged = call.units.saturating_sub(free);
    let charge = Charge {
        usage: call.usage,
        line: line(call, booking, ChargeKind::ServiceFee, tariff.currency),
        price: Price::Units { charged, free, each: fee.per_unit },
        minor,
        rule: fee.source.clone(),
    };
    totals.add_to_line(&charge)?;
    totals.set_units(key, after);
    Ok(charge)
}

fn count(before: u64, more: u64) -> Result<u64, Unrated> {
    before.checked_add(more).filter(|sum| *sum <= MAX_SUM).ok_or(Unrated::SumTooLarge)
}

/// What the units of a service period come to, rounded.
fn line_amount(
    units: Units,
    fee: &Fee,
    (currency, rounding): (Currency, Rounding),
) -> Result<Amount, MoneyError> {
    let charged = Decimal::from(units.all.saturating_sub(units.free));
    Amount::rounded(exact_product(fee.per_unit, charged)?, currency, rounding)
}

/// The product with all its digits; a decimal would drop the last ones silently.
pub(super) fn exact_product(one: Decimal, other: Decimal) -> Result<Decimal, MoneyError> {
    let product = one.checked_mul(other).ok_or(MoneyError::Overflow)?;
    let digits = one.scale().checked_add(other.scale());
    if digits == Some(product.scale()) || product.is_zero() { Ok(product) } else { Err(MoneyError::Overflow) }
}

/// The statement line of a charge.
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
    }
}
