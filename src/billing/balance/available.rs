//! What units come to beyond those counted, and how many a balance can bear. Pure.
//!
//! [`cost`] is the one place here that knows prices. It is never below what rating comes to later, and never falls as units are
//! added: so whatever has been leased can be paid, in whatever order the calls are recorded.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::sync::Arc;

use crate::domain::exact::{Exact, ExactError};
use crate::domain::money::{Currency, Rounding};
use crate::domain::running_total::Units;
use crate::domain::tariff::{FeeItem, Tariff};

/// What is counted of the units of an app, API product, plan version and service period, and what is leased beyond.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// The prices.
    pub tariff: Arc<Tariff>,
    /// By the items of the prices, in their order.
    pub items: Vec<OfItem>,
    /// Units leased to nodes, and neither recorded nor given back. Of which item they will be is not known.
    pub leased: u64,
}

/// What is counted of an item's units.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OfItem {
    /// Units in the books.
    pub used: Units,
    /// Units that are left of the free allowance, or none if units under another version of the plan are leased too, or asked
    /// for: it is not known whose they will be.
    pub free_left: u64,
    /// What later versions of the plan have of that allowance.
    pub later: Vec<Later>,
}

/// Free units of a later version of the plan, which are charged once units of this one take their place.
#[derive(Debug, Clone, PartialEq)]
pub struct Later {
    /// Their price.
    pub item: FeeItem,
    /// Its rounding.
    pub rounding: Rounding,
    /// Units in the books.
    pub used: Units,
    /// How many of them may still be charged so.
    pub yielding: u64,
}

/// The most that so many `units` come to beyond those counted, in minor units: of any item and in any promotion, at any time while
/// they come. For each item as if all were of it, so that it holds however they are mixed.
///
/// # Errors
/// [`ExactError`] if they come to more than can be counted.
pub fn cost(counted: &Counted, units: u64) -> Result<i64, ExactError> {
    let Counted { tariff, items, .. } = counted;
    let mut sum = 0_i64;
    let mut add = |rise: i64| -> Result<(), ExactError> {
        sum = sum.checked_add(rise).ok_or(ExactError::TooLarge)?;
        Ok(())
    };
    for (item, OfItem { used, free_left, later }) in tariff.fees.iter().zip(items) {
        let charged = units.saturating_sub(*free_left);
        add(rise(item, (tariff.currency, tariff.rounding), used, (charged, units))?)?;
        for Later { item, rounding, used, yielding } in later {
            add(rise(item, (tariff.currency, *rounding), used, (units.min(*yielding), 0))?)?;
        }
    }
    Ok(sum)
}

/// By how much an item's line rises at most while so many units come, by its own price and in promotions.
fn rise(
    item: &FeeItem,
    (currency, rounding): (Currency, Rounding),
    used: &Units,
    more: (u64, u64),
) -> Result<i64, ExactError> {
    let minor = |sum: Exact| Ok::<i64, ExactError>(sum.rounded(currency, rounding)?.minor);
    let (charged, promoted) = (used.charged(), used.promoted.as_slice());
    let before = minor(item.amount(charged, promoted)?)?;
    minor(item.most((charged, promoted), more)?)?.checked_sub(before).ok_or(ExactError::TooLarge)
}

/// What all units come to that are leased.
///
/// # Errors
/// [`ExactError`] if that is more than can be counted.
pub fn reserved<'c>(all: impl IntoIterator<Item = &'c Counted>) -> Result<i64, ExactError> {
    all.into_iter().try_fold(0_i64, |sum, counted| {
        sum.checked_add(cost(counted, counted.leased)?).ok_or(ExactError::TooLarge)
    })
}

/// What a node asks for: units that calls wait for, and so many more for those that will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Units that calls wait for.
    pub waiting: u64,
    /// Units for calls to come.
    pub ahead: u64,
}

/// How many units can be leased of those that are asked for, with so many minor units left. For calls to come there is at most
/// half of what is left: others want some, too, and so the last ones go to calls that wait.
#[must_use]
pub fn lease(counted: &Counted, left: i64, Asked { waiting, ahead }: Asked) -> u64 {
    // Units that cost nothing are never refused.
    let left = left.max(0);
    let most = affordable(counted, left, waiting.saturating_add(ahead.saturating_mul(2)));
    match most.checked_sub(waiting) {
        Some(more) => waiting.saturating_add(more / 2),
        None => most,
    }
}

/// The most units, up to `wanted`, whose cost beside what is leased is within `left` minor units: found by halving, as the cost
/// never falls.
fn affordable(counted: &Counted, left: i64, wanted: u64) -> u64 {
    let Ok(before) = cost(counted, counted.leased) else { return 0 };
    let is_within = |units: u64| {
        let all = counted.leased.checked_add(units);
        let more = all.and_then(|all| cost(counted, all).ok()).and_then(|after| after.checked_sub(before));
        more.is_some_and(|more| more <= left)
    };
    if is_within(wanted) {
        return wanted;
    }
    let (mut within, mut beyond) = (0, wanted);
    while beyond.saturating_sub(within) > 1 {
        let middle = within.midpoint(beyond);
        if is_within(middle) {
            within = middle;
        } else {
            beyond = middle;
        }
    }
    within
}

#[cfg(test)]
mod tests;
