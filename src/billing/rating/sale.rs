//! Sales and refunds → the platform's share of them. Pure.
//!
//! Every sale is remembered, whether its plan takes a share or not, and every refund by its own id: what the upstream
//! answers again is counted once. Refunds give back the portion of the share that they are of the sale, never more.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use rust_decimal::Decimal;

use super::call::{Billable, Booking, MAX_TRANSACTION, line};
use super::outcome::{Rated, Unrated};
use super::totals::{Totals, refund_key, sale_key};
use crate::domain::charge::{Charge, ChargeKind, Price};
use crate::domain::exact::Exact;
use crate::domain::location::Location;
use crate::domain::money::Amount;
use crate::domain::running_total::{Refund, Sale, SaleKey};
use crate::domain::tariff::{Share, Tariff};
use crate::domain::usage::{Transaction, TransactionKind};

/// Rates the transaction of a call alone, and counts it in `totals`.
///
/// # Errors
/// [`Unrated`]; nothing is counted then. Of a refund that exceeds its sale, the rest is rated and the excess is
/// [`Rated::unrated`].
pub fn rate_transaction(
    call: &Billable,
    tariff: &Tariff,
    booking: Booking,
    totals: &mut Totals,
) -> Result<Rated, Unrated> {
    let Some(transaction) = &call.transaction else { return Ok(Rated::default()) };
    if !(0..=MAX_TRANSACTION).contains(&transaction.amount.minor) {
        return Err(Unrated::TooLarge);
    }
    let key = sale_key(call, transaction);
    let known = totals.sale(&key).cloned();
    match (transaction.kind, known) {
        (TransactionKind::Sale, None) => rate_sale(call, (transaction, key), tariff, booking, totals),
        // A retry that the upstream answered as before: the same sale has its share already.
        (TransactionKind::Sale, Some(sale)) if sale.amount == transaction.amount => Ok(Rated::default()),
        (TransactionKind::Sale, Some(sale)) => {
            Err(Unrated::SaleDiffers { sale: transaction.id.clone(), before: sale.amount })
        }
        (TransactionKind::Refund, Some(sale)) => rate_refund(call, (transaction, key), sale, booking, totals),
        (TransactionKind::Refund, None) => Err(Unrated::SaleUnknown {
            sale: transaction.sale().to_owned(),
            currency: transaction.amount.currency,
        }),
    }
}

fn rate_sale(
    call: &Billable,
    (transaction, key): (&Transaction, SaleKey),
    tariff: &Tariff,
    booking: Booking,
    totals: &mut Totals,
) -> Result<Rated, Unrated> {
    let mut sale = Sale {
        usage: Some(call.usage),
        product: call.product.clone(),
        plan: call.plan.clone(),
        percent: Decimal::ZERO,
        rounding: tariff.rounding,
        rule: None,
        amount: transaction.amount,
        share: Amount::zero(transaction.amount.currency),
        refunded: 0,
        returned: 0,
    };
    let mut rated = Rated::default();
    if let Some(share) = &tariff.share {
        (sale.percent, sale.rule) = (share.percent, Some(share.source.clone()));
        sale.share = share_of(share, transaction.amount, tariff)?;
        let charge = Charge {
            usage: call.usage,
            line: line(call, booking, ChargeKind::RevenueShare, sale.amount.currency),
            price: Price::Percent {
                transaction: transaction.id.clone(),
                base: sale.amount,
                percent: share.percent,
            },
            minor: sale.share.minor,
            rule: share.source.clone(),
        };
        totals.add_to_line(&charge)?;
        rated.charges.push(charge);
    }
    totals.set_sale(key, sale);
    Ok(rated)
}

fn share_of(share: &Share, base: Amount, tariff: &Tariff) -> Result<Amount, Unrated> {
    Ok(Exact::of_percent(share.percent)?.times(base.minor)?.rounded(base.currency, tariff.rounding)?)
}

fn rate_refund(
    call: &Billable,
    (transaction, sale_key): (&Transaction, SaleKey),
    mut sale: Sale,
    booking: Booking,
    totals: &mut Totals,
) -> Result<Rated, Unrated> {
    let key = refund_key(call, transaction);
    let amount = |minor| Amount { minor, currency: sale.amount.currency };
    let exceeds = |refund: &Refund| {
        let by = refund.amount.saturating_sub(refund.counted);
        (by > 0).then(|| Unrated::RefundExceeds { sale: sale_key.id.clone(), by: amount(by) })
    };
    if let Some(before) = totals.refund(&key) {
        return match counted_before(call, (transaction, before), &sale) {
            Some(unrated) => Err(unrated),
            None if before.usage == call.usage => exceeds(before).map_or(Ok(Rated::default()), Err),
            None => Ok(Rated::default()),
        };
    }
    let asked = transaction.amount.minor;
    let counted = asked.min(sale.amount.minor.saturating_sub(sale.refunded));
    let refund = Refund { usage: call.usage, amount: asked, counted };
    let unrated = exceeds(&refund);
    let mut rated = Rated { charges: Vec::new(), unrated };
    let minor = give_back(&mut sale, counted)?;
    // What is wholly beyond the sale gives nothing back.
    if let Some(rule) = sale.rule.clone().filter(|_| counted > 0 || asked == 0) {
        let charge = reversal(call, (transaction, &sale, rule), (counted, minor), booking)?;
        totals.add_to_line(&charge)?;
        rated.charges.push(charge);
    }
    totals.set_sale(sale_key, sale);
    totals.set_refund(key, refund);
    Ok(rated)
}

/// Why a refund whose id was counted before is not simply the same again. Without an id of its own it has the sale's, and
/// only a refund of the whole sale can be told from a second one.
fn counted_before(
    call: &Billable,
    (transaction, before): (&Transaction, &Refund),
    sale: &Sale,
) -> Option<Unrated> {
    let counted = Amount { minor: before.amount, currency: sale.amount.currency };
    if before.amount != transaction.amount.minor {
        return Some(Unrated::RefundDiffers { refund: transaction.id.clone(), before: counted });
    }
    let is_unnamed = transaction.of.is_none() && before.usage != call.usage;
    (is_unnamed && before.amount != sale.amount.minor).then_some(Unrated::RefundUnnamed(counted))
}

/// Counts a refund of `counted`, and gives back of the sale's share what its refunds so far make due, less what was given
/// back before.
fn give_back(sale: &mut Sale, counted: i64) -> Result<i64, Unrated> {
    let whole = sale.amount.minor;
    let refunded = sale.refunded.checked_add(counted).ok_or(Unrated::TooLarge)?;
    let due = if whole == 0 { 0 } else { sale.share.portion(refunded, whole, sale.rounding)?.minor };
    let minor = sale.returned.checked_sub(due).ok_or(Unrated::TooLarge)?;
    (sale.refunded, sale.returned) = (refunded, due);
    Ok(minor)
}

fn reversal(
    call: &Billable,
    (transaction, sale, rule): (&Transaction, &Sale, Location),
    (counted, minor): (i64, i64),
    booking: Booking,
) -> Result<Charge, Unrated> {
    let base = Amount { minor: counted, currency: sale.amount.currency }.negated()?;
    let mut line = line(call, booking, ChargeKind::ShareReversal, base.currency);
    (line.product, line.plan) = (sale.product.clone(), sale.plan.clone());
    let price = Price::Percent { transaction: transaction.id.clone(), base, percent: sale.percent };
    Ok(Charge { usage: call.usage, line, price, minor, rule })
}
