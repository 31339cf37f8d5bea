//! What a call is worth × plan version × what was counted before → charges. Pure: no clock, no store, no float.
//!
//! A fee is rounded for all units of a service period together (`fee.rs` beside this), a share for each sale (`sale.rs`).
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use super::call::{Billable, Booking};
use super::fee::rate_fee;
use super::outcome::{Rated, Unrated};
use super::sale::rate_transaction;
use super::totals::Totals;
use crate::domain::plan::Tariff;

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
            rated.change = transaction.change;
        }
        Err(unrated) => rated.unrated = Some(unrated),
    }
    Ok(rated)
}
