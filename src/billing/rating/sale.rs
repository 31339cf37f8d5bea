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
use super::tiers;
use super::totals::{Totals, event_key, sale_key};
use crate::domain::account::Party;
use crate::domain::charge::{Charge, ChargeKind, LineKey, Price};
use crate::domain::id::ItemName;
use crate::domain::money::Amount;
use crate::domain::sale::{Event, EventKey, Sale, Sums};
use crate::domain::share::{Earned, ShareRate};
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
    let event = event_key(&key, transaction);
    let sale = sale_of((call, transaction), tariff, booking, totals)?;
    // A sale whose share is earned at once stands on the statement, even if that comes to nothing.
    let is_charged = sale.rule.is_some() && sale.earned == Earned::OnSale;
    let counted = Counted { event, amount: transaction.minor(), beyond: 0, is_charged };
    keep(call, (counted, sale), (Standing::default(), booking), totals)
}

/// A sale as its plan version shares it.
fn sale_of(
    (call, transaction): (&Billable, &Transaction),
    tariff: &Tariff,
    booking: Booking,
    totals: &Totals,
) -> Result<Sale, Unrated> {
    let mut sale = Sale {
        usage: Some(call.usage),
        at: call.at,
        partner: Some(call.partner.clone()),
        payer: None,
        product: call.product.clone(),
        plan: call.plan.clone(),
        item: ItemName::of_share(),
        percent: Decimal::ZERO,
        price: None,
        rounding: tariff.rounding,
        rule: None,
        amount: transaction.amount,
        base: transaction.amount.minor,
        share: Amount::zero(transaction.amount.currency),
        earned: Earned::OnSale,
        settles_within: None,
        split: None,
        family: None,
        walked: 0,
        sums: Sums::default(),
    };
    let item = match &tariff.share {
        Some(share) => share::item(share, call, transaction)?,
        None => None,
    };
    let Some(item) = item else { return Ok(sale) };
    let currency = sale.amount.currency;
    share::check_currency(&item.rate, currency, tariff)?;
    sale.base = share::base(item, transaction)?;
    sale.payer = share::payer(item, call)?;
    sale.split = share::split(item, (call, transaction), totals.strangers())?;
    (sale.item, sale.rule) = (item.name.clone(), Some(item.source.clone()));
    sale.price = item.rate.words(tariff.currency);
    (sale.earned, sale.settles_within) = (item.earned, item.settles_within);
    (sale.share, sale.percent) = match &item.rate {
        ShareRate::PerSale(rate) => (share::amount(rate, (sale.base, currency), tariff)?, rate.percent),
        ShareRate::Tiers(_) => {
            let family = tiers::family(totals, item, (call, transaction), booking.service_period);
            let family = family.ok_or(Unrated::TooLarge)?;
            let taken = tiers::take_position(totals, &family, (sale.base, sale.rounding))?;
            sale.family = Some(family);
            taken
        }
    };
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
    let doubtful = |sale: &Sale, beyond: i64| {
        exceeds(beyond).or_else(|| is_contradicted(&sale.sums, transaction.minor()).then(&contradicted))
    };
    if let Some(before) = totals.event(&key) {
        let doubt = counted_before(call, (transaction, before), known).or_else(|| {
            // Rated again, it is as doubtful as it was.
            let beyond = still_beyond(known, key.kind, before.beyond);
            doubtful(known, beyond).filter(|_| before.usage == Some(call.usage))
        });
        return doubt.map_or(Ok(Rated::default()), Err);
    }
    let (before, mut sale) = (standing(known)?, known.clone());
    let event = (call.usage, transaction.kind, transaction.minor());
    let beyond = count(&mut sale, event, || totals.given_since(&sale_key, call.usage))?;
    let unrated = doubtful(&sale, beyond);
    tiers::settle(totals, (transaction.kind, &before), &mut sale)?;
    let after = standing(&sale)?;
    let is_charged = after.earned != before.earned || after.earned_base != before.earned_base;
    let counted = Counted { event: key, amount: transaction.minor(), beyond, is_charged };
    let rated = keep(call, (counted, sale), (before, booking), totals)?;
    Ok(Rated { unrated, ..rated })
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

/// A transaction that is to be counted.
struct Counted {
    event: EventKey,
    amount: Option<i64>,
    beyond: i64,
    /// Whether it stands on the statement, if anybody owes the share there.
    is_charged: bool,
}

/// Counts a transaction in the totals, whole or not at all.
fn keep(
    call: &Billable,
    (counted, mut sale): (Counted, Sale),
    (before, booking): (Standing, Booking),
    totals: &mut Totals,
) -> Result<Rated, Unrated> {
    let walked = tiers::walk(totals, &sale, &before)?;
    if let Some((_, _, step)) = &walked {
        sale.walked = sale.walked.checked_add(*step).ok_or(Unrated::TooLarge)?;
    }
    let partner = sale.partner.clone().unwrap_or_else(|| call.partner.clone());
    let change = ShareChange {
        event: counted.event,
        usage: call.usage,
        at: call.at,
        period: booking.period,
        payer: sale.payer.clone().map_or_else(|| Party::Partner(partner.clone()), Party::Merchant),
        partner,
        split: sale.split.clone(),
        after: standing(&sale)?,
        before,
    };
    let step = |before: i64, after: i64| after.checked_sub(before).ok_or(Unrated::TooLarge);
    let (before, after) = (&change.before, &change.after);
    let event = Event {
        usage: Some(change.usage),
        amount: counted.amount,
        beyond: counted.beyond,
        pending: step(before.pending, after.pending)?,
        earned: step(before.earned, after.earned)?,
        walked: step(before.walked, after.walked)?,
    };
    let charges = charges((&change, counted.is_charged), &event, &sale, booking)?;
    totals.add_to_lines(&charges)?;
    if let Some((family, sum, _)) = walked {
        totals.set_tier(family, sum);
    }
    totals.set_sale(change.event.sale.clone(), sale);
    totals.set_event(change.event.clone(), event);
    Ok(Rated { charges, unrated: None, change: Some(change) })
}

/// What a change of a sale's share adds to the lines of its app: none if its partner does not owe it, as nobody else has a statement.
fn charges(
    (change, is_charged): (&ShareChange, bool),
    event: &Event,
    sale: &Sale,
    booking: Booking,
) -> Result<Vec<Charge>, Unrated> {
    let Some(rule) = sale.rule.clone().filter(|_| sale.payer.is_none()) else { return Ok(Vec::new()) };
    let (transaction, words) = (change.event.id.clone(), sale.price.clone());
    let base = change.after.earned_base.checked_sub(change.before.earned_base).ok_or(Unrated::TooLarge)?;
    let base = Amount { minor: base, currency: sale.amount.currency };
    let own = Price::Percent {
        transaction: transaction.clone(),
        base,
        percent: sale.percent,
        words: words.clone(),
    };
    let own = is_charged.then_some((kind(change), own, event.earned));
    let walked = Price::Tiers { transaction, words };
    let walked = (event.walked != 0).then_some((ChargeKind::ShareRewalk, walked, event.walked));
    let charge = |(kind, price, minor)| Charge {
        usage: change.usage,
        line: line(change, sale, (kind, booking)),
        price,
        minor,
        rule: rule.clone(),
    };
    Ok(own.into_iter().chain(walked).map(charge).collect())
}

fn kind(change: &ShareChange) -> ChargeKind {
    match change.event.kind {
        TransactionKind::Sale | TransactionKind::Settlement | TransactionKind::ChargebackWon => {
            ChargeKind::RevenueShare
        }
        TransactionKind::Refund | TransactionKind::Cancellation | TransactionKind::Chargeback => {
            ChargeKind::ShareReversal
        }
    }
}

/// The line of the sale's own app, product and plan.
fn line(change: &ShareChange, sale: &Sale, (kind, booking): (ChargeKind, Booking)) -> LineKey {
    LineKey {
        partner: change.partner.clone(),
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
