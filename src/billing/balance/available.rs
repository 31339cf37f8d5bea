//! What units come to beyond those counted, and how many a balance can bear. Pure.
//!
//! [`cost`] is the one place here that knows prices. It is never below what rating comes to later, and never falls as units are
//! added: so whatever has been leased can be paid, in whatever order the calls are recorded.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::sync::Arc;

use crate::domain::balance::Part;
use crate::domain::exact::{Exact, ExactError};
use crate::domain::money::{Currency, Rounding};
use crate::domain::running_total::Units;
use crate::domain::tariff::{FeeItem, SomeUnits, Tariff};

/// What is counted of the units of an app, API product, plan version and service period, and what is leased beyond.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// The prices.
    pub tariff: Arc<Tariff>,
    /// By the items of the prices, in their order.
    pub items: Vec<OfItem>,
    /// Whose units are leased.
    pub whose: Whose,
}

/// Whose units of those that are counted together are leased of a balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// All of them: nobody else's come between.
    All,
    /// A merchant's, of which nobody knows where they come among those of the app's other calls, which also use up free ones. They are
    /// those that calls take of a cap ([`crate::domain::tariff::CapUnits`]).
    Some,
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
    /// Units leased to nodes, and neither recorded nor given back.
    pub leased: Leased,
}

/// Leased units of an item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leased {
    /// Those by its own price.
    pub own: u64,
    /// Those in each promotion, in order.
    pub promoted: Vec<u64>,
    /// Those of which it is not known which they will be.
    pub any: u64,
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

impl Counted {
    /// With so many more units leased; of a part that the prices do not have, or that is not known, each item may get them.
    ///
    /// # Errors
    /// [`ExactError`] if they are more than can be counted.
    pub fn with(mut self, part: Option<&Part>, units: u64) -> Result<Self, ExactError> {
        let named = part.and_then(|part| {
            let place = self.tariff.fees.iter().position(|item| item.terms().name == part.item)?;
            let promotions = self.tariff.fees.get(place)?.terms().promotions.len();
            let is_known = part.promotion.is_none_or(|promotion| promotion < promotions);
            is_known.then_some((place, part.promotion))
        });
        for (place, of_item) in self.items.iter_mut().enumerate() {
            let Leased { own, promoted, any } = &mut of_item.leased;
            let leased = match named {
                None => any,
                Some((named, _)) if named != place => continue,
                Some((_, None)) => own,
                Some((_, Some(promotion))) => {
                    promoted.resize(promoted.len().max(promotion.saturating_add(1)), 0);
                    promoted.get_mut(promotion).ok_or(ExactError::TooLarge)?
                }
            };
            *leased = leased.checked_add(units).ok_or(ExactError::TooLarge)?;
        }
        Ok(self)
    }
}

/// The most that all leased units come to beyond those counted, in minor units, at any time while they come.
///
/// # Errors
/// [`ExactError`] if they come to more than can be counted.
pub fn cost(counted: &Counted) -> Result<i64, ExactError> {
    let Counted { tariff, items, whose } = counted;
    let mut sum = 0_i64;
    let mut add = |rise: i64| -> Result<(), ExactError> {
        sum = sum.checked_add(rise).ok_or(ExactError::TooLarge)?;
        Ok(())
    };
    for (item, OfItem { used, free_left, later, leased }) in tariff.fees.iter().zip(items) {
        let own = match whose {
            Whose::All => leased.own,
            Whose::Some => item.cap_units(None).most_units(leased.own)?,
        };
        let units = own.checked_add(leased.any).ok_or(ExactError::TooLarge)?;
        let money = (tariff.currency, tariff.rounding);
        add(match whose {
            Whose::All => rise(item, money, used, (units.saturating_sub(*free_left), leased))?,
            Whose::Some => rise_by_some(item, money, used, leased)?,
        })?;
        for Later { item, rounding, used, yielding } in later {
            let (money, yielding) = ((tariff.currency, *rounding), units.min(*yielding));
            add(match whose {
                Whose::All => rise(item, money, used, (yielding, &Leased::default()))?,
                Whose::Some => {
                    // Each call takes one at least.
                    let calls = leased.own.saturating_add(leased.any);
                    let own = item.cap_units(None).of_calls(calls, yielding);
                    rise_by_some(item, money, used, &Leased { own, ..Leased::default() })?
                }
            })?;
        }
    }
    Ok(sum)
}

/// By how much an item's line rises at most by leased units while others come between.
fn rise_by_some(
    item: &FeeItem,
    (currency, rounding): (Currency, Rounding),
    used: &Units,
    Leased { own, promoted, any }: &Leased,
) -> Result<i64, ExactError> {
    let some = SomeUnits { own: *own, promoted, any: *any };
    Ok(item.most_of_some((used.charged(), &used.promoted), some)?.rounded(currency, rounding)?.minor)
}

/// By how much an item's line rises at most while so many units come that are charged by its own price, and those that are leased in
/// promotions.
fn rise(
    item: &FeeItem,
    (currency, rounding): (Currency, Rounding),
    used: &Units,
    (charged, leased): (u64, &Leased),
) -> Result<i64, ExactError> {
    let minor = |sum: Exact| Ok::<i64, ExactError>(sum.rounded(currency, rounding)?.minor);
    let before = minor(item.amount(used.charged(), &used.promoted)?)?;
    let mut promoted = used.promoted.clone();
    promoted.resize(promoted.len().max(leased.promoted.len()), 0);
    for (sum, more) in promoted.iter_mut().zip(&leased.promoted) {
        *sum = sum.checked_add(*more).ok_or(ExactError::TooLarge)?;
    }
    let most = item.most((used.charged(), &promoted), (charged, leased.any))?;
    minor(most)?.checked_sub(before).ok_or(ExactError::TooLarge)
}

/// What all units come to that are leased.
///
/// # Errors
/// [`ExactError`] if that is more than can be counted.
pub fn reserved<'c>(all: impl IntoIterator<Item = &'c Counted>) -> Result<i64, ExactError> {
    all.into_iter()
        .try_fold(0_i64, |sum, counted| sum.checked_add(cost(counted)?).ok_or(ExactError::TooLarge))
}

/// What a node asks for: units that calls wait for, and so many more for those that will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Units that calls wait for.
    pub waiting: u64,
    /// Units for calls to come.
    pub ahead: u64,
}

/// How many units of a part can be leased of those that are asked for, with so many minor units left. For calls to come there is at
/// most half of what is left: others want some, too, and so the last ones go to calls that wait.
#[must_use]
pub fn lease(counted: &Counted, part: Option<&Part>, left: i64, Asked { waiting, ahead }: Asked) -> u64 {
    // Units that cost nothing are never refused.
    let left = left.max(0);
    let most = affordable((counted, part), left, waiting.saturating_add(ahead.saturating_mul(2)));
    match most.checked_sub(waiting) {
        Some(more) => waiting.saturating_add(more / 2),
        None => most,
    }
}

/// The most units, up to `wanted`, whose cost beside what is leased is within `left` minor units: found by halving, as the cost
/// never falls.
fn affordable((counted, part): (&Counted, Option<&Part>), left: i64, wanted: u64) -> u64 {
    let Ok(before) = cost(counted) else { return 0 };
    let is_within = |units: u64| {
        let after = counted.clone().with(part, units).and_then(|all| cost(&all)).ok();
        after.and_then(|after| after.checked_sub(before)).is_some_and(|more| more <= left)
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
