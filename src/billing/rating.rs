//! What a call is worth × plan version × what was counted before → charges. Pure: no clock, no store, no float.
//!
//! A fee follows from how many units an app used in a service period: a call's fee is what the units after it come to,
//! rounded, less what the units before it came to. So fees of any size add up to the exact sum, rounded once,
//! however calls are ordered or grouped. A share is rounded for each sale; refunds give back the portion of it that
//! they are of the sale, never more.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use rust_decimal::Decimal;
use uuid::Uuid;

use super::totals::{Totals, fee_key, sale_key};
use crate::domain::charge::{Charge, ChargeKind, LineKey, Price};
use crate::domain::id::{AppId, PartnerId, ProductName};
use crate::domain::money::{Amount, Currency, MoneyError, Rounding};
use crate::domain::plan::{Fee, PlanRef, Share, Tariff};
use crate::domain::running_total::Sale;
use crate::domain::time::{Period, Timestamp};
use crate::domain::usage::{Evidence, Transaction, TransactionKind, UsageRecord};

/// Most minor units of a transaction that are believed: more is an exception, and no sum of them overflows.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// A refund of a sale that is not known, or not yet.
    #[error("it refunds {sale}, of which no sale with a share in {currency} is known")]
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
/// [`Unrated::TooLarge`] if the units are; nothing is counted then.
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
        Ok(charge) => rated.charges.extend(charge),
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
    let after = before.checked_add(call.units).ok_or(Unrated::TooLarge)?;
    let free = fee.free_units.saturating_sub(before).min(call.units);
    let charged = call.units.saturating_sub(free);
    let posted = |units| line_amount(units, fee, (tariff.currency, tariff.rounding));
    let minor = posted(after)?.minor.checked_sub(posted(before)?.minor).ok_or(Unrated::TooLarge)?;
    let price = Price::Units { charged, free, each: fee.per_unit };
    totals.set_units(key, after);
    Ok(Charge {
        usage: call.usage,
        line: line(call, booking, ChargeKind::ServiceFee, tariff.currency),
        price,
        minor,
        rule: fee.source.clone(),
    })
}

/// What `units` of a service period come to, rounded.
fn line_amount(
    units: u64,
    fee: &Fee,
    (currency, rounding): (Currency, Rounding),
) -> Result<Amount, MoneyError> {
    Amount::rounded(price_of(units.saturating_sub(fee.free_units), fee)?, currency, rounding)
}

fn price_of(charged: u64, fee: &Fee) -> Result<Decimal, MoneyError> {
    exact_product(fee.per_unit, Decimal::from(charged))
}

/// The product with all its digits; a decimal would drop the last ones silently.
fn exact_product(one: Decimal, other: Decimal) -> Result<Decimal, MoneyError> {
    let product = one.checked_mul(other).ok_or(MoneyError::Overflow)?;
    let digits = one.scale().checked_add(other.scale());
    if digits == Some(product.scale()) || product.is_zero() { Ok(product) } else { Err(MoneyError::Overflow) }
}

/// Rates the transaction of a call alone, and counts it in `totals`.
///
/// # Errors
/// [`Unrated`]; nothing is counted then.
pub fn rate_transaction(
    call: &Billable,
    tariff: &Tariff,
    booking: Booking,
    totals: &mut Totals,
) -> Result<Option<Charge>, Unrated> {
    let Some(transaction) = &call.transaction else { return Ok(None) };
    if !(0..=MAX_TRANSACTION).contains(&transaction.amount.minor) {
        return Err(Unrated::TooLarge);
    }
    let key = sale_key(call, transaction);
    let known = totals.sale(&key).cloned();
    match (transaction.kind, known, &tariff.share) {
        (TransactionKind::Sale, None, Some(share)) => {
            let (charge, sale) = rate_sale(call, (share, transaction), tariff, booking)?;
            totals.set_sale(key, sale);
            Ok(Some(charge))
        }
        (TransactionKind::Sale, None, None) => Ok(None),
        // A retry that the upstream answered as before: the same sale has its share already.
        (TransactionKind::Sale, Some(sale), _) if sale.amount == transaction.amount => Ok(None),
        (TransactionKind::Sale, Some(sale), _) => {
            Err(Unrated::SaleDiffers { sale: transaction.id.clone(), before: sale.amount })
        }
        (TransactionKind::Refund, Some(mut sale), _) => {
            let charge = rate_refund(call, (&mut sale, transaction), booking)?;
            totals.set_sale(key, sale);
            Ok(Some(charge))
        }
        (TransactionKind::Refund, None, Some(_)) => Err(Unrated::SaleUnknown {
            sale: transaction.sale().to_owned(),
            currency: transaction.amount.currency,
        }),
        (TransactionKind::Refund, None, None) => Ok(None),
    }
}

fn rate_sale(
    call: &Billable,
    (share, transaction): (&Share, &Transaction),
    tariff: &Tariff,
    booking: Booking,
) -> Result<(Charge, Sale), Unrated> {
    let base = transaction.amount;
    let hundredth = Decimal::new(1, 2);
    let value = exact_product(exact_product(share.percent, hundredth)?, base.to_decimal())?;
    let taken = Amount::rounded(value, base.currency, tariff.rounding)?;
    let sale = Sale {
        product: call.product.clone(),
        plan: call.plan.clone(),
        percent: share.percent,
        rounding: tariff.rounding,
        rule: share.source.clone(),
        amount: base,
        share: taken,
        refunded: 0,
        returned: 0,
    };
    let charge = Charge {
        usage: call.usage,
        line: line(call, booking, ChargeKind::RevenueShare, base.currency),
        price: Price::Percent { transaction: transaction.id.clone(), base, percent: share.percent },
        minor: taken.minor,
        rule: share.source.clone(),
    };
    Ok((charge, sale))
}

/// Gives back of the sale's share what its refunds so far make due, less what was given back before. What is refunded
/// beyond the sale gives nothing more.
fn rate_refund(
    call: &Billable,
    (sale, transaction): (&mut Sale, &Transaction),
    booking: Booking,
) -> Result<Charge, Unrated> {
    let whole = sale.amount.minor;
    let asked = sale.refunded.checked_add(transaction.amount.minor).ok_or(Unrated::TooLarge)?;
    let refunded = asked.min(whole);
    let due = if whole == 0 { 0 } else { sale.share.portion(refunded, whole, sale.rounding)?.minor };
    let minor = sale.returned.checked_sub(due).ok_or(Unrated::TooLarge)?;
    let counted = refunded.checked_sub(sale.refunded).ok_or(Unrated::TooLarge)?;
    let base = Amount { minor: counted, currency: sale.amount.currency }.negated()?;
    (sale.refunded, sale.returned) = (refunded, due);
    let mut line = line(call, booking, ChargeKind::ShareReversal, base.currency);
    (line.product, line.plan) = (sale.product.clone(), sale.plan.clone());
    Ok(Charge {
        usage: call.usage,
        line,
        price: Price::Percent { transaction: transaction.id.clone(), base, percent: sale.percent },
        minor,
        rule: sale.rule.clone(),
    })
}

fn line(call: &Billable, booking: Booking, kind: ChargeKind, currency: Currency) -> LineKey {
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
