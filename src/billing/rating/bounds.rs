//! How large the sums of lines and statements may become: what passes is an exception, so that no sum in a store or in
//! this program ever overflows.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::{BTreeSet, HashMap};

use super::call::MAX_TRANSACTION;
use crate::domain::charge::{Charge, LineKey, Price};
use crate::domain::id::{AppId, PartnerId};
use crate::domain::money::{Amount, Currency};
use crate::domain::statement::StatementLine;
use crate::domain::time::Period;

/// Most units, and most minor units, of a line's columns and of a statement: a hundred of the largest transactions.
pub(super) const MAX_SUM: u64 = 100 * MAX_TRANSACTION.unsigned_abs();

/// What is below this by itself is only too much for what is at least this already.
pub(in crate::billing) const HALF: u64 = MAX_SUM / 2;

/// A sum would be larger than is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Whose statement.
type StatementKey = (AppId, PartnerId, Period, Currency);

/// What a line comes to, whichever way the money goes, and its statement's place.
#[derive(Debug, Clone, Copy)]
struct Sums {
    units: u64,
    base: u64,
    statement: usize,
}

/// The sums so far.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    places: Table<LineKey, usize>,
    lines: Vec<Sums>,
    /// The line that was asked for last, and its place.
    last: Option<(LineKey, usize)>,
    statements: Table<StatementKey, usize>,
    totals: Vec<u64>,
    /// The largest sum that anything was added to.
    largest: u64,
    /// The statements of which the store was not asked whether they are small.
    unasked: BTreeSet<(AppId, Period)>,
}

type Table<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

impl Bounds {
    /// Takes lines as they are kept; those that are known here already stay as they are.
    pub(super) fn load(&mut self, lines: &[StatementLine]) {
        for line in lines {
            if self.places.contains_key(&line.key) {
                continue;
            }
            let sums = Sums {
                units: line.quantity.saturating_add(line.free),
                base: line.base.map_or(0, |base| base.minor.unsigned_abs()),
                statement: self.statement(&line.key),
            };
            self.places.insert(line.key.clone(), self.lines.len());
            self.lines.push(sums);
            if let Some(total) = self.totals.get_mut(sums.statement) {
                *total = total.saturating_add(line.amount.minor.unsigned_abs());
            }
        }
    }

    /// Adds charges; nothing is added if a sum would be too large.
    pub(super) fn add_all(&mut self, charges: &[Charge]) -> Result<(), TooLarge> {
        for (place, charge) in charges.iter().enumerate() {
            if let Err(too_large) = self.add(charge) {
                charges.iter().take(place).for_each(|added| self.take_back(added));
                return Err(too_large);
            }
        }
        Ok(())
    }

    /// Takes back a charge that was added.
    fn take_back(&mut self, charge: &Charge) {
        let Counted { quantity, free, base } = counted(charge);
        let place = self.place(&charge.line);
        let Some(line) = self.lines.get_mut(place) else { return };
        line.units = line.units.saturating_sub(quantity.saturating_add(free));
        line.base = line.base.saturating_sub(base.map_or(0, |base| base.minor.unsigned_abs()));
        if let Some(total) = self.totals.get_mut(line.statement) {
            *total = total.saturating_sub(charge.minor.unsigned_abs());
        }
    }

    /// Adds a charge; nothing is added if a sum would be too large.
    pub(super) fn add(&mut self, charge: &Charge) -> Result<(), TooLarge> {
        let place = self.place(&charge.line);
        let line = self.lines.get_mut(place).ok_or(TooLarge)?;
        let largest = add(line, &mut self.totals, charge)?;
        self.largest = self.largest.max(largest);
        Ok(())
    }

    /// Apps and periods of the statements of which the store was not asked yet, if no sum is above [`HALF`].
    pub(super) fn small(&self) -> Option<(Vec<String>, Vec<String>)> {
        let apps: BTreeSet<&AppId> = self.unasked.iter().map(|(app, _)| app).collect();
        let periods: BTreeSet<&Period> = self.unasked.iter().map(|(_, period)| period).collect();
        (self.largest <= HALF).then(|| {
            let texts = (apps.iter().map(ToString::to_string), periods.iter().map(ToString::to_string));
            (texts.0.collect(), texts.1.collect())
        })
    }

    /// Notes that they were small before anything was added: so all is within its bound for as long as [`Self::small`] says so.
    pub(super) fn were_small(&mut self) {
        self.unasked.clear();
    }

    /// How many lines there are.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The place of a line; a new one is at zero.
    fn place(&mut self, line: &LineKey) -> usize {
        if let Some((_, place)) = self.last.as_ref().filter(|(last, _)| last == line) {
            return *place;
        }
        let next = self.lines.len();
        let place = *self.places.entry(line.clone()).or_insert(next);
        if place == next {
            let statement = self.statement(line);
            self.lines.push(Sums { units: 0, base: 0, statement });
        }
        self.last = Some((line.clone(), place));
        place
    }

    /// The place of a line's statement; a new one is at zero.
    fn statement(&mut self, line: &LineKey) -> usize {
        let key = (line.app.clone(), line.partner.clone(), line.period, line.currency);
        let next = self.totals.len();
        let place = *self.statements.entry(key).or_insert(next);
        if place == next {
            self.totals.push(0);
            self.unasked.insert((line.app.clone(), line.period));
        }
        place
    }
}

/// Adds a charge to its sums, and gives the largest of them.
fn add(line: &mut Sums, totals: &mut [u64], charge: &Charge) -> Result<u64, TooLarge> {
    let total = totals.get_mut(line.statement).ok_or(TooLarge)?;
    let Counted { quantity, free, base } = counted(charge);
    let sum = |one: u64, other: u64| one.checked_add(other).filter(|sum| *sum <= MAX_SUM).ok_or(TooLarge);
    let units = sum(line.units, quantity.saturating_add(free))?;
    let base = sum(line.base, base.map_or(0, |base| base.minor.unsigned_abs()))?;
    *total = sum(*total, charge.minor.unsigned_abs())?;
    (line.units, line.base) = (units, base);
    Ok(units.max(base).max(*total))
}

/// What a charge adds to its line, apart from money.
struct Counted {
    quantity: u64,
    free: u64,
    base: Option<Amount>,
}

fn counted(charge: &Charge) -> Counted {
    match &charge.price {
        Price::Units { charged, free, .. } => Counted { quantity: *charged, free: *free, base: None },
        Price::Moved { units, .. } => Counted { quantity: *units, free: 0, base: None },
        Price::Percent { base, .. } => Counted { quantity: 1, free: 0, base: Some(*base) },
        Price::Tiers { .. } => Counted { quantity: 1, free: 0, base: None },
    }
}
