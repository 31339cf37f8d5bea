//! Charges → statement lines. Pure.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use rust_decimal::Decimal;

use crate::domain::charge::{Charge, LineKey, Price};
use crate::domain::money::{Amount, MoneyError};
use crate::domain::statement::StatementLine;

/// The lines that `charges` come to, in order.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn sum<'c>(charges: impl Iterator<Item = &'c Charge>) -> Result<Vec<StatementLine>, MoneyError> {
    let mut places: HashMap<&LineKey, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut lines: Vec<StatementLine> = Vec::new();
    let mut last: Option<(&LineKey, usize)> = None;
    for charge in charges {
        let known = last.filter(|(line, _)| **line == charge.line).map(|(_, place)| place);
        let place = known.or_else(|| places.get(&charge.line).copied());
        match place.and_then(|place| lines.get_mut(place)) {
            Some(line) => add(line, charge)?,
            None => {
                places.insert(&charge.line, lines.len());
                lines.push(line_of(charge));
            }
        }
        last = Some((&charge.line, place.unwrap_or_else(|| lines.len().saturating_sub(1))));
    }
    lines.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    Ok(lines)
}

fn line_of(charge: &Charge) -> StatementLine {
    let Counted { quantity, free, base } = counted(charge);
    let price = charge.price.words().cloned();
    StatementLine {
        key: charge.line.clone(),
        charges: 1,
        quantity,
        free,
        rate: price.as_ref().map_or_else(|| charge.price.rate(), |_| Decimal::ZERO),
        price,
        base,
        amount: charge.amount(),
        rule: charge.rule.clone(),
    }
}

/// What a charge adds to the columns of its line.
pub(super) struct Counted {
    pub(super) quantity: u64,
    pub(super) free: u64,
    pub(super) base: Option<Amount>,
}

pub(super) fn counted(charge: &Charge) -> Counted {
    match &charge.price {
        Price::Units { charged, free, .. } => Counted { quantity: *charged, free: *free, base: None },
        Price::Moved { units, .. } => Counted { quantity: *units, free: 0, base: None },
        Price::Percent { base, .. } => Counted { quantity: 1, free: 0, base: Some(*base) },
        Price::Tiers { .. } => Counted { quantity: 1, free: 0, base: None },
    }
}

fn add(line: &mut StatementLine, charge: &Charge) -> Result<(), MoneyError> {
    let added = counted(charge);
    let count = |one: u64, other: u64| one.checked_add(other).ok_or(MoneyError::Overflow);
    line.charges = count(line.charges, 1)?;
    line.quantity = count(line.quantity, added.quantity)?;
    line.free = count(line.free, added.free)?;
    line.amount = line.amount.checked_add(charge.amount())?;
    line.base = match (line.base, added.base) {
        (Some(base), Some(more)) => Some(Amount::checked_add(base, more)?),
        (base, _) => base,
    };
    Ok(())
}
