//! What the share of a sale comes to by all that became of the sale: a function of sums, so that it is the same in whatever order
//! refunds, settlements and the rest come to be known. Pure.
//!
//! What goes back takes its portion of the share along, at the sale's own rate: of what is pending first, as that was never
//! earned. A sale that is gone whole has no share left, to the minor unit, in whatever parts it went. A cancellation of all that is left
//! takes what was neither settled nor refunded by earlier calls.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use uuid::Uuid;

use super::outcome::Unrated;
use crate::domain::money::Amount;
use crate::domain::sale::{Sale, Sums};
use crate::domain::share::Earned;
use crate::domain::transaction::TransactionKind;

/// How the share of a sale stands, in minor units. What was returned, is earned and is pending add up to the share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// What of the sale went back or was never paid; at most its amount.
    pub gone: i64,
    /// What of the sale is settled; at most its amount.
    pub settled: i64,
    /// What of the share went back with it.
    pub returned: i64,
    /// What of the share is earned.
    pub earned: i64,
    /// What of the share waits for the settlement.
    pub pending: i64,
    /// Of which part of the sale's base a share is earned.
    pub earned_base: i64,
    /// By how much it moved what the sales come to with which it is summed up, beside its own share.
    pub walked: i64,
}

/// How the share of a sale stands.
///
/// # Errors
/// [`Unrated::TooLarge`], which amounts within their bounds never give.
pub fn standing(sale: &Sale) -> Result<Standing, Unrated> {
    let amount = sale.amount.minor;
    let (gone, settled) = (taken(&sale.sums, amount).min(amount), settled(sale));
    let share = parts(sale, sale.share.minor, (gone, settled))?;
    let base = parts(sale, sale.base, (gone, settled))?;
    let Parts { returned, earned, pending } = share;
    Ok(Standing { gone, settled, returned, earned, pending, earned_base: base.earned, walked: sale.walked })
}

/// Of a share or its base.
struct Parts {
    returned: i64,
    earned: i64,
    pending: i64,
}

fn parts(sale: &Sale, whole: i64, (gone, settled): (i64, i64)) -> Result<Parts, Unrated> {
    let whole_amount = Amount { minor: whole, currency: sale.amount.currency };
    let due = |part: i64| match sale.amount.minor {
        // Of nothing there are no portions.
        0 => Ok(0),
        amount => whole_amount.portion(part, amount, sale.rounding).map(|portion| portion.minor),
    };
    let returned = due(gone)?;
    let left = whole.checked_sub(returned).ok_or(Unrated::TooLarge)?;
    // Rounded half-even, the portions of two halves may leave a minor unit: once nothing is awaited, nothing is pending.
    let is_over = gone.saturating_add(settled) >= sale.amount.minor;
    let earned = if is_over { left } else { due(settled)?.min(left) };
    let pending = left.checked_sub(earned).ok_or(Unrated::TooLarge)?;
    Ok(Parts { returned, earned, pending })
}

/// What goes back, which may be more than there was. What is won back before it was taken counts once it is taken. A cancellation of
/// all that is left takes nothing of which the money moved: what is charged back, or refunded later, is of that.
fn taken(sums: &Sums, amount: i64) -> i64 {
    let charged_back = sums.charged_back.saturating_sub(sums.won_back).max(0);
    let given_back = sums.refunded.saturating_add(sums.cancelled);
    let unsettled = amount.saturating_sub(sums.settled).max(0);
    match (sums.is_cancelled, sums.cancelled_by) {
        (false, _) => given_back.saturating_add(charged_back),
        // An older program told nothing that came since from what came before; the share is charged so.
        (true, None) => given_back.saturating_add(charged_back).max(unsettled),
        (true, Some(_)) => {
            let before = given_back.saturating_sub(sums.given_since).max(unsettled);
            before.saturating_add(sums.given_since).saturating_add(charged_back)
        }
    }
}

fn settled(sale: &Sale) -> i64 {
    let amount = sale.amount.minor;
    match sale.earned {
        Earned::OnSale => amount,
        Earned::OnSettlement if sale.sums.is_settled => amount,
        Earned::OnSettlement => sale.sums.settled.min(amount),
    }
}

/// Counts a transaction of a sale that a call made, and gives how much of it is beyond what there was: that changes nothing. What was
/// refunded and cancelled by amounts and later calls, `given_since` tells.
///
/// # Errors
/// [`Unrated::Lacks`] if it needs an amount and has none, [`Unrated::TooLarge`]. Then the sale is to be forgotten.
pub(super) fn count(
    sale: &mut Sale,
    (usage, kind, amount): (Uuid, TransactionKind, Option<i64>),
    given_since: impl FnOnce() -> i64,
) -> Result<i64, Unrated> {
    let (whole, sums) = (sale.amount.minor, &mut sale.sums);
    let Some(amount) = amount else {
        match kind {
            TransactionKind::Cancellation => cancel_rest(sums, usage, given_since),
            TransactionKind::Settlement => sums.is_settled = true,
            TransactionKind::Sale
            | TransactionKind::Refund
            | TransactionKind::Chargeback
            | TransactionKind::ChargebackWon => return Err(Unrated::Lacks("amount")),
        }
        return Ok(0);
    };
    let sum = match kind {
        TransactionKind::Sale => return Ok(0),
        TransactionKind::Refund => &mut sums.refunded,
        TransactionKind::Cancellation => &mut sums.cancelled,
        TransactionKind::Settlement => &mut sums.settled,
        TransactionKind::Chargeback => &mut sums.charged_back,
        TransactionKind::ChargebackWon => &mut sums.won_back,
    };
    *sum = sum.checked_add(amount).ok_or(Unrated::TooLarge)?;
    let is_since = sums.cancelled_by.is_some_and(|first| first < usage);
    if is_since && matches!(kind, TransactionKind::Refund | TransactionKind::Cancellation) {
        sums.given_since = sums.given_since.checked_add(amount).ok_or(Unrated::TooLarge)?;
    }
    let reached = match kind {
        TransactionKind::Sale => return Ok(0),
        TransactionKind::ChargebackWon => return Ok(unlost(sums).min(amount)),
        TransactionKind::Settlement => sums.settled,
        TransactionKind::Refund | TransactionKind::Cancellation | TransactionKind::Chargeback => {
            taken(sums, whole)
        }
    };
    Ok(reached.saturating_sub(whole).clamp(0, amount))
}

/// Of several cancellations of all that is left, the first takes it, whichever is known first.
fn cancel_rest(sums: &mut Sums, usage: Uuid, given_since: impl FnOnce() -> i64) {
    let is_first = sums.cancelled_by.map_or(!sums.is_cancelled, |first| usage < first);
    if is_first {
        (sums.is_cancelled, sums.cancelled_by, sums.given_since) = (true, Some(usage), given_since());
    }
}

/// What was won back of what was never taken, or not yet.
fn unlost(sums: &Sums) -> i64 {
    sums.won_back.saturating_sub(sums.charged_back).max(0)
}

/// What of a transaction that was counted, and was `beyond` what there was then, still is: what is won back is within once it was
/// taken, and what goes back once it turns out to be settled, and not cancelled.
pub(super) fn still_beyond(sale: &Sale, kind: TransactionKind, beyond: i64) -> i64 {
    let (whole, sums) = (sale.amount.minor, &sale.sums);
    match kind {
        TransactionKind::ChargebackWon => beyond.min(unlost(sums)),
        TransactionKind::Refund | TransactionKind::Cancellation | TransactionKind::Chargeback
            if sums.is_cancelled =>
        {
            beyond.min(taken(sums, whole).saturating_sub(whole).max(0))
        }
        TransactionKind::Sale
        | TransactionKind::Refund
        | TransactionKind::Cancellation
        | TransactionKind::Settlement
        | TransactionKind::Chargeback => beyond,
    }
}

/// Whether a transaction of all that was left says the contrary of another: the rest was cancelled, and it was paid.
pub(super) fn is_contradicted(sums: &Sums, amount: Option<i64>) -> bool {
    amount.is_none() && sums.is_cancelled && sums.is_settled
}

/// Whether a whole sale may have become that once more: it was won back, and then lost again.
pub(super) fn may_be_whole_again(sums: &Sums, kind: TransactionKind) -> bool {
    match kind {
        TransactionKind::Chargeback => sums.won_back > 0,
        TransactionKind::ChargebackWon => sums.charged_back > sums.won_back,
        TransactionKind::Sale
        | TransactionKind::Refund
        | TransactionKind::Cancellation
        | TransactionKind::Settlement => false,
    }
}

#[cfg(test)]
mod tests;
