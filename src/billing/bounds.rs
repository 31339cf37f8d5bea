//! How large the sums of lines and statements may become: what passes is an exception, so that no sum in a store or in
//! this program ever overflows.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use super::lines::line_of;
use super::rating::MAX_TRANSACTION;
use crate::domain::charge::{Charge, LineKey};
use crate::domain::id::{AppId, PartnerId};
use crate::domain::money::Currency;
use crate::domain::statement::StatementLine;
use crate::domain::time::Period;

/// Most units, and most minor units, of a line's columns and of a statement: a hundred of the largest transactions.
pub(super) const MAX_SUM: u64 = 100 * MAX_TRANSACTION.unsigned_abs();

/// A sum would be larger than is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Whose statement.
type StatementKey = (AppId, PartnerId, Period, Currency);

/// What a line comes to, whichever way the money goes.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    units: u64,
    base: u64,
}

/// The sums so far.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    lines: HashMap<LineKey, Sums>,
    statements: HashMap<StatementKey, u64>,
}

impl Bounds {
    /// Takes lines as they are kept; those that are known here already stay as they are.
    pub(super) fn load(&mut self, lines: &[StatementLine]) {
        for line in lines {
            if !self.lines.contains_key(&line.key) {
                self.lines.insert(line.key.clone(), sums(line));
                let total = self.statements.entry(statement(&line.key)).or_default();
                *total = total.saturating_add(line.amount.minor.unsigned_abs());
            }
        }
    }

    /// Adds a charge; nothing is added if a sum would be too large.
    pub(super) fn add(&mut self, charge: &Charge) -> Result<(), TooLarge> {
        let more = sums(&line_of(charge));
        let line = self.lines.entry(charge.line.clone()).or_default();
        let total = self.statements.entry(statement(&charge.line)).or_default();
        let sum = |one: u64, other: u64| one.checked_add(other).filter(|sum| *sum <= MAX_SUM).ok_or(TooLarge);
        let added = Sums { units: sum(line.units, more.units)?, base: sum(line.base, more.base)? };
        *total = sum(*total, charge.minor.unsigned_abs())?;
        *line = added;
        Ok(())
    }
}

fn sums(line: &StatementLine) -> Sums {
    Sums {
        units: line.quantity.saturating_add(line.free),
        base: line.base.map_or(0, |base| base.minor.unsigned_abs()),
    }
}

fn statement(line: &LineKey) -> StatementKey {
    (line.app.clone(), line.partner.clone(), line.period, line.currency)
}
