//! Charges → statement lines. Pure.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use crate::domain::charge::{Charge, LineKey, Price};
use crate::domain::money::{Amount, MoneyError};
use crate::domain::statement::StatementLine;

/// The lines that `charges` come to.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn sum<'c>(charges: impl Iterator<Item = &'c Charge>) -> Result<Vec<StatementLine>, MoneyError> {
    let mut lines: BTreeMap<&LineKey, StatementLine> = BTreeMap::new();
    for charge in charges {
        match lines.entry(&charge.line) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(line_of(charge));
            }
            std::collections::btree_map::Entry::Occupied(mut line) => add(line.get_mut(), charge)?,
        }
    }
    Ok(lines.into_values().collect())
}

pub(super) fn line_of(charge: &Charge) -> StatementLine {
    let (quantity, free, rate, base) = match &charge.price {
        Price::Units { charged, free, each } => (*charged, *free, *each, None),
        Price::Percent { base, percent, .. } => (1, 0, *percent, Some(*base)),
    };
    let (key, amount, rule) = (charge.line.clone(), charge.amount(), charge.rule.clone());
    StatementLine { key, charges: 1, quantity, free, rate, base, amount, rule }
}

fn add(line: &mut StatementLine, charge: &Charge) -> Result<(), MoneyError> {
    let added = line_of(charge);
    let count = |one: u64, other: u64| one.checked_add(other).ok_or(MoneyError::Overflow);
    line.charges = count(line.charges, added.charges)?;
    line.quantity = count(line.quantity, added.quantity)?;
    line.free = count(line.free, added.free)?;
    line.amount = line.amount.checked_add(added.amount)?;
    line.base = match (line.base, added.base) {
        (Some(base), Some(more)) => Some(Amount::checked_add(base, more)?),
        (base, _) => base,
    };
    Ok(())
}
