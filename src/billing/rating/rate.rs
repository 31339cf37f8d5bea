//! What a call is worth × plan version × what was counted before → charges. Pure: no clock, no store, no float.
//!
//! A fee is rounded for all units of a service period together (`fee.rs` beside this), a share for each sale (`sale.rs`).
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::sync::Arc;

use super::call::{Billable, Booking};
use super::fee::rate_fee;
use super::outcome::{Rated, Unrated};
use super::sale::rate_transaction;
use super::totals::Totals;
use crate::domain::tariff::Tariff;

/// The prices that a call is rated by.
#[derive(Debug, Clone, Copy)]
pub struct Prices<'t> {
    /// Those of its plan version.
    pub tariff: &'t Tariff,
    /// Those of later versions of the plan, by their numbers: of all that [`Totals::later_versions`] names.
    pub later: &'t [(u32, Arc<Tariff>)],
}

impl<'t> From<&'t Tariff> for Prices<'t> {
    fn from(tariff: &'t Tariff) -> Self {
        Self { tariff, later: &[] }
    }
}

impl<'t> Prices<'t> {
    /// Those of a later version.
    pub(super) fn of_later(self, version: u32) -> Option<&'t Tariff> {
        self.later.iter().find(|(later, _)| *later == version).map(|(_, tariff)| tariff.as_ref())
    }
}

/// Rates a call, and counts it in `totals`.
///
/// # Errors
/// [`Unrated::TooLarge`] or [`Unrated::SumTooLarge`] by the units, or [`Unrated::PricesUnknown`] of a later version; nothing is
/// counted then.
pub fn rate<'t>(
    call: &Billable,
    prices: impl Into<Prices<'t>>,
    booking: Booking,
    totals: &mut Totals,
) -> Result<Rated, Unrated> {
    let prices = prices.into();
    let mut rated = Rated::default();
    if let Some(item) = prices.tariff.fee_of(call.route.as_ref()) {
        rated.charges = rate_fee(call, (item, prices), booking, totals)?;
    }
    match rate_transaction(call, prices.tariff, booking, totals) {
        Ok(transaction) => {
            rated.charges.extend(transaction.charges);
            rated.unrated = transaction.unrated;
            rated.change = transaction.change;
        }
        Err(unrated) => rated.unrated = Some(unrated),
    }
    Ok(rated)
}
