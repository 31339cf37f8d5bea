//! Sales, and what becomes of them → the share of them that is owed. Pure.
//!
//! Every sale is remembered, whether its plan takes a share or not, and every transaction of it by its own id: what the upstream
//! answers again is counted once. What it changes follows from how the share stands before and with it (`lifecycle.rs`), at the
//! sale's own rate, and is owed by whoever owes the sale's share, whoever called.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use rust_decimal::Decimal;

use super::call::{Billable, Booking, MAX_TRANSACTION};
use super::lifecycle::{Standing, count, is_contradicted, may_be_whole_again, standing, still_beyond};
use super::outcome::{Rated, ShareChange, Unrated};
use super::share;
use super::totals::{Totals, event_key, sale_key};
use crate::domain::charge::{Charge, ChargeKind, LineKey, Price};
use crate::domain::id::ItemName;
use crate::domain::money::Amount;
use crate::domain::sale::{Event, EventKey, Sale, Sums};
use crate::domain::share::Earned;
use crate::domain::tariff::Tariff;
use crate::domain::transaction::{Transaction, TransactionKind};

/// Rates the transaction of a call alone, and counts it in `totals`.
///
/// # Errors
/// [`Unrated`]; nothing is counted then. Of what exceeds its sale, the rest is rated and the excess is [`Rated::unrated`].
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
    match transaction.kind {
        TransactionKind::Sale => rate_sale(call, transaction, tariff, booking, totals),
        TransactionKind::Refund
        | TransactionKind::Cancellation
        | TransactionKind::Settlement
        | TransactionKind::Chargeback
        | TransactionKind::ChargebackWon => rate_event(call, transaction, booking, totals),
    }
}

fn rate_sale(
    call: &Billable,
    transaction: &Transaction,
    tariff: &Tariff,
    booking: Booking,
    totals: &mut Totals,
) -> Result<Rated, Unrated> {
    let key = sale_key(call, transaction);
    match totals.sale(&key) {
        // A retry that the upstream answered as before: the same sale has its share already.
        Some(sale) if sale.amount == transaction.amount => return Ok(Rated::default()),
        Some(sale) => {
            return Err(Unrated::SaleDiffers { sale: transaction.id.clone(), before: sale.amount });
        }
        None => {}
    }
    let (event, sale) = (event_key(&key, transaction), sale_of((call, transaction), tariff, totals)?);
    let change = change(call, event, &sale, (Standing::default(), booking))?;
    let mut rated = Rated::default();
    // A sale whose share is earned at once stands on the statement, even if that comes to nothing.
    if sale.rule.is_some() && sale.earned == Earned::OnSale {
        rated.charges.extend(charge(&change, &sale, booking)?);
    }
    keep(totals, (change, sale), (transaction.minor(), 0), rated)
}

/// A sale as its plan version shares it.
fn sale_of(
    (call, transaction): (&Billable, &Transaction),
    tariff: &Tariff,
    totals: &Totals,
) -> Result<Sale, Unrated> {
    let mut sale = Sale {
        usage: Some(call.usage),
        at: call.at,
        partner: Some(call.partner.clone()),
        product: call.product.clone(),
        plan: call.plan.clone(),
        item: ItemName::of_share(),
        percent: Decimal::ZERO,
        rounding: tariff.rounding,
        rule: None,
        amount: transaction.amount,
        base: transaction.amount.minor,
        share: Amount::zero(transaction.amount.currency),
        earned: Earned::OnSale,
        settles_within: None,
        split: None,
        sums: Sums::default(),
    };
    let item = match &tariff.share {
        Some(share) => share::item(share, call, transaction)?,
        None => None,
    };
    if let Some(item) = item {
        sale.base = share::base(item, transaction)?;
        sale.share = share::amount(&item.rate, (sale.base, sale.amount.currency), tariff)?;
        sale.split = share::split(item, (call, transaction), totals.strangers())?;
        (sale.item, sale.percent, sale.rule) =
            (item.name.clone(), item.rate.percent, Some(item.source.clone()));
        (sale.earned, sale.settles_within) = (item.earned, item.settles_within);
    }
    Ok(sale)
}

fn rate_event(
    call: &Billable,
    transaction: &Transaction,
    booking: Booking,
    totals: &mut Totals,
) -> Result<Rated, Unrated> {
    let (sale_key, known) = totals.sale_of(call, transaction)?;
    let key = event_key(&sale_key, transaction);
    let exceeds = |beyond: i64| {
        let by = Amount { minor: beyond, currency: key.sale.currency };
        (beyond > 0).then(|| Unrated::Exceeds { kind: key.kind, sale: key.sale.id.clone(), by })
    };
    let contradicted = || Unrated::Contradicted { kind: key.kind, sale: key.sale.id.clone() };
    let doubtful = |sums: &Sums, beyond: i64| {
        exceeds(beyond).or_else(|| is_contradicted(sums, transaction.minor()).then(&contradicted))
    };
    if let Some(before) = totals.event(&key) {
        let doubt = counted_before(call, (transaction, before), known).or_else(|| {
            // Rated again, it is as doubtful as it was.
            let beyond = still_beyond(&known.sums, key.kind, before.beyond);
            doubtful(&known.sums, beyond).filter(|_| before.usage == Some(call.usage))
        });
        return doubt.map_or(Ok(Rated::default()), Err);
    }
    let (before, mut sale) = (standing(known)?, known.clone());
    let beyond = count(&mut sale, transaction.kind, transaction.minor())?;
    let mut rated = Rated { unrated: doubtful(&sale.sums, beyond), ..Rated::default() };
    let change = change(call, key, &sale, (before, booking))?;
    let is_charged = change.after.earned != before.earned || change.after.earned_base != before.earned_base;
    if is_charged {
        rated.charges.extend(charge(&change, &sale, booking)?);
    }
    keep(totals, (change, sale), (transaction.minor(), beyond), rated)
}

/// Why a transaction whose id was counted before is not simply the same again. Without an id of its own it has the sale's, and
/// only one of the whole sale can be told from a second one, unless it was won back since.
fn counted_before(
    call: &Billable,
    (transaction, before): (&Transaction, &Event),
    sale: &Sale,
) -> Option<Unrated> {
    let amount = |minor| Amount { minor, currency: sale.amount.currency };
    let kind = transaction.kind;
    if before.amount != transaction.minor() {
        let (id, before) = (transaction.id.clone(), before.amount.map(amount));
        return Some(Unrated::EventDiffers { kind, id, before });
    }
    let may_be_second = |minor: &i64| *minor != sale.amount.minor || may_be_whole_again(&sale.sums, kind);
    let counted = before.amount.filter(may_be_second)?;
    let is_unnamed = transaction.of.is_none() && before.usage != Some(call.usage);
    is_unnamed.then(|| Unrated::EventUnnamed { kind, before: amount(counted) })
}

fn change(
    call: &Billable,
    event: EventKey,
    sale: &Sale,
    (before, booking): (Standing, Booking),
) -> Result<ShareChange, Unrated> {
    Ok(ShareChange {
        event,
        usage: call.usage,
        at: call.at,
        period: booking.period,
        payer: sale.partner.clone().unwrap_or_else(|| call.partner.clone()),
        split: sale.split.clone(),
        before,
        after: standing(sale)?,
    })
}

/// What a change of a sale's share adds to its line.
fn charge(change: &ShareChange, sale: &Sale, booking: Booking) -> Result<Option<Charge>, Unrated> {
    let Some(rule) = sale.rule.clone() else { return Ok(None) };
    let step = |before: i64, after: i64| after.checked_sub(before).ok_or(Unrated::TooLarge);
    let (before, after) = (&change.before, &change.after);
    let base = Amount { minor: step(before.earned_base, after.earned_base)?, currency: sale.amount.currency };
    let price = Price::Percent { transaction: change.event.id.clone(), base, percent: sale.percent };
    let minor = step(before.earned, after.earned)?;
    Ok(Some(Charge { usage: change.usage, line: line(change, sale, booking), price, minor, rule }))
}

/// The line of the sale's own app, product and plan.
fn line(change: &ShareChange, sale: &Sale, booking: Booking) -> LineKey {
    let kind = match change.event.kind {
        TransactionKind::Sale | TransactionKind::Settlement | TransactionKind::ChargebackWon => {
            ChargeKind::RevenueShare
        }
        TransactionKind::Refund | TransactionKind::Cancellation | TransactionKind::Chargeback => {
            ChargeKind::ShareReversal
        }
    };
    LineKey {
        partner: change.payer.clone(),
        app: change.event.sale.app.clone(),
        period: booking.period,
        currency: sale.amount.currency,
        service_period: booking.service_period,
        kind,
        product: sale.product.clone(),
        plan: sale.plan.clone(),
        item: (sale.item != ItemName::of_share()).then(|| sale.item.clone()),
    }
}

/// Counts a transaction in the totals, whole or not at all.
fn keep(
    totals: &mut Totals,
    (change, sale): (ShareChange, Sale),
    (amount, beyond): (Option<i64>, i64),
    mut rated: Rated,
) -> Result<Rated, Unrated> {
    let step = |before: i64, after: i64| after.checked_sub(before).ok_or(Unrated::TooLarge);
    let event = Event {
        usage: Some(change.usage),
        amount,
        beyond,
        pending: step(change.before.pending, change.after.pending)?,
        earned: step(change.before.earned, change.after.earned)?,
    };
    for charge in &rated.charges {
        totals.add_to_line(charge)?;
    }
    totals.set_sale(change.event.sale.clone(), sale);
    totals.set_event(change.event.clone(), event);
    rated.change = Some(change);
    Ok(rated)
}
