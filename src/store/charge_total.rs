//! What charges of the same terms come to: kept beside the charges that it sums up, in the same transactions. Statement lines
//! ([`super::line_total`]) and units of service periods ([`super::running_total`]) are read as sums of it.

use std::collections::HashMap;

use super::error::StoreError;
use super::transaction::Transaction;

/// What some charges of the same terms come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChargeTotal {
    /// The number of the terms.
    pub(super) terms: i64,
    /// How many charges there are.
    pub(super) charges: i64,
    pub(super) quantity: i64,
    pub(super) free: i64,
    pub(super) base: Option<i64>,
    pub(super) minor: i64,
}

/// What the charges of a batch come to, by their terms.
#[derive(Debug, Default)]
pub(super) struct ChargeTotals {
    places: HashMap<i64, usize, foldhash::fast::RandomState>,
    totals: Vec<ChargeTotal>,
}

impl ChargeTotals {
    /// Adds what one charge comes to, or several.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if a sum does not fit, as rating lets none become so large.
    pub(super) fn add(&mut self, added: ChargeTotal) -> Result<(), StoreError> {
        // Those of an app come one after another, mostly.
        let place = match self.totals.last() {
            Some(last) if last.terms == added.terms => self.totals.len() - 1,
            Some(_) | None => *self.places.entry(added.terms).or_insert(self.totals.len()),
        };
        let Some(total) = self.totals.get_mut(place) else {
            self.totals.push(added);
            return Ok(());
        };
        let sum = |one: i64, other: i64| {
            one.checked_add(other)
                .ok_or_else(|| StoreError::corrupt("charges that come to more than any may"))
        };
        total.charges = sum(total.charges, added.charges)?;
        total.quantity = sum(total.quantity, added.quantity)?;
        total.free = sum(total.free, added.free)?;
        total.minor = sum(total.minor, added.minor)?;
        total.base = match (total.base, added.base) {
            (Some(base), Some(more)) => Some(sum(base, more)?),
            (base, more) => base.or(more),
        };
        Ok(())
    }
}

impl Transaction {
    /// Adds what new charges come to.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if a period is closed; [`StoreError::Unavailable`].
    pub(super) async fn add_to_charge_totals(&mut self, added: ChargeTotals) -> Result<(), StoreError> {
        let mut totals = added.totals;
        totals.sort_unstable_by_key(|total| total.terms);
        insert_rows!(
            self,
            "insert into charge_total (terms, charges, quantity, free, base, minor) ",
            6,
            totals,
            "on conflict (terms) do update set charges = charge_total.charges + excluded.charges, \
             quantity = charge_total.quantity + excluded.quantity, free = charge_total.free + excluded.free, \
             base = coalesce(charge_total.base + excluded.base, charge_total.base, excluded.base), \
             minor = charge_total.minor + excluded.minor",
            |row, total| {
                row.push_bind(total.terms)
                    .push_bind(total.charges)
                    .push_bind(total.quantity)
                    .push_bind(total.free)
                    .push_bind(total.base)
                    .push_bind(total.minor);
            }
        )?;
        Ok(())
    }
}
