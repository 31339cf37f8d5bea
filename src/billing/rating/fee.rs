//! The fee of a call. Pure.
//!
//! A fee follows from how many units an app used in a service period: a call's fee is what the units after it come to,
//! rounded, less what the units before it came to. So fees of any size add up to the exact sum, rounded once,
//! however calls are ordered or grouped.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use super::bounds::MAX_SUM;
use super::call::{Billable, Booking, MAX_UNITS, line};
use super::outcome::Unrated;
use super::totals::{Totals, fee_key};
use crate::domain::charge::{Charge, ChargeKind, Price};
use crate::domain::exact::ExactError;
use crate::domain::ladder::Ladder;
use crate::domain::money::Amount;
use crate::domain::plan::{Fee, Tariff};
use crate::domain::running_total::Units;

/// Charges the units of a call, and counts them in `totals`.
pub(super) fn rate_fee(
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
    let ladder = fee.ladder(tariff.currency)?;
    let worth = |units: Units| line_amount(units, &ladder, tariff);
    let minor = worth(after)?.minor.checked_sub(worth(before)?.minor).ok_or(Unrated::TooLarge)?;
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
fn line_amount(units: Units, ladder: &Ladder, tariff: &Tariff) -> Result<Amount, ExactError> {
    ladder.amount(units.all.saturating_sub(units.free))?.rounded(tariff.currency, tariff.rounding)
}
