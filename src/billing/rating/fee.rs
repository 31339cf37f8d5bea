//! The fee of a call. Pure.
//!
//! What a plan version's units of an item come to follows from how many an app used in a service period: a call's fee is what
//! the units after it come to, rounded, less what the units before it came to. So fees of any size add up to the exact sum,
//! rounded once, however calls are ordered or grouped. The free allowance goes to the versions of a plan in their order, whichever
//! was used or recorded first: units of an earlier version that come late take it from a later one, whose line is walked again.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use super::bounds::MAX_SUM;
use super::call::{Billable, Booking, MAX_UNITS, line};
use super::outcome::Unrated;
use super::rate::Prices;
use super::running::Versioned;
use super::totals::{Totals, fee_family};
use crate::domain::charge::{Charge, ChargeKind, Price};
use crate::domain::plan::PlanRef;
use crate::domain::running_total::{FeeFamily, Units};
use crate::domain::tariff::{FeeItem, Tariff};

/// Charges the units of a call by an item, and counts them in `totals`: its fee first, then what moves of later versions.
pub(super) fn rate_fee(
    call: &Billable,
    (item, prices): (&FeeItem, Prices<'_>),
    booking: Booking,
    totals: &mut Totals,
) -> Result<Vec<Charge>, Unrated> {
    if call.units > MAX_UNITS {
        return Err(Unrated::TooLarge);
    }
    let family = fee_family(call, item, booking.service_period);
    let sums = totals.sums(&family);
    let (earlier, rest) = sums.split_at(sums.partition_point(|one| one.version < call.plan.version));
    let (own, later) = match rest.split_first() {
        Some((own, later)) if own.version == call.plan.version => (own.units.clone(), later),
        Some(_) | None => (Units::default(), rest),
    };
    let taken = free(earlier);
    let after = counted(call, item, &own, taken)?;
    let mut charges = vec![fee(call, (item, prices.tariff), booking, (&own, &after))?];
    let mut moved = Vec::new();
    if after.free > own.free {
        let taken = taken.saturating_add(after.free);
        walk(call, (&family, prices), booking, (taken, later), (&mut charges, &mut moved))?;
    }
    totals.add_to_lines(&charges)?;
    totals.set_units(&family, call.plan.version, after);
    for (version, units) in moved {
        totals.set_units(&family, version, units);
    }
    Ok(charges)
}

/// The units of the call's version with those of the call, of which earlier versions have `taken` what is free.
fn counted(call: &Billable, item: &FeeItem, own: &Units, taken: u64) -> Result<Units, Unrated> {
    let mut after = own.clone();
    match item.promotion_at(call.at) {
        Some(place) => {
            if after.promoted.len() <= place {
                after.promoted.resize(place.saturating_add(1), 0);
            }
            if let Some(units) = after.promoted.get_mut(place) {
                *units = count(*units, call.units)?;
            }
        }
        None => {
            after.all = count(own.all, call.units)?;
            let due = item.terms().free_units.saturating_sub(taken).min(after.all);
            // Older programs gave what is free to whoever came first: of that nothing is taken back here, nor made good.
            after.free = due.clamp(own.free, own.free.saturating_add(call.units));
        }
    }
    Ok(after)
}

fn count(before: u64, more: u64) -> Result<u64, Unrated> {
    before.checked_add(more).filter(|sum| *sum <= MAX_SUM).ok_or(Unrated::SumTooLarge)
}

fn free(versions: &[Versioned]) -> u64 {
    versions.iter().fold(0, |sum, one| sum.saturating_add(one.units.free))
}

/// What the call adds to its own line.
fn fee(
    call: &Billable,
    (item, tariff): (&FeeItem, &Tariff),
    booking: Booking,
    (before, after): (&Units, &Units),
) -> Result<Charge, Unrated> {
    let (position, each) = match item.promotion_at(call.at) {
        Some(place) => item.promoted_position(place),
        None => item.position(before.charged(), after.charged()),
    };
    let free = after.free.saturating_sub(before.free);
    let charged = call.units.saturating_sub(free);
    let words = item.words().cloned();
    let mut line = line(call, booking, ChargeKind::ServiceFee, tariff.currency);
    line.item = item.key().cloned();
    Ok(Charge {
        usage: call.usage,
        line,
        price: Price::Units { charged, free, each, position, words },
        minor: step((item, tariff), before, after)?,
        rule: item.terms().source.clone(),
    })
}

/// Has later versions give up what is free of them beyond their turn, now that earlier ones have `taken` so much.
fn walk(
    call: &Billable,
    (family, prices): (&FeeFamily, Prices<'_>),
    booking: Booking,
    (mut taken, later): (u64, &[Versioned]),
    (charges, moved): (&mut Vec<Charge>, &mut Vec<(u32, Units)>),
) -> Result<(), Unrated> {
    for Versioned { version, units: before, .. } in later {
        let plan = PlanRef { name: family.plan.clone(), version: *version };
        let unknown = || Unrated::PricesUnknown(plan.clone());
        let tariff = prices.of_later(*version).ok_or_else(unknown)?;
        let item = tariff.fee_named(family.item.as_ref()).ok_or_else(unknown)?;
        let free = item.terms().free_units.saturating_sub(taken).min(before.free);
        taken = taken.saturating_add(free);
        if free == before.free {
            continue;
        }
        let after = Units { free, ..before.clone() };
        let mut line = line(call, booking, ChargeKind::Rewalk, tariff.currency);
        (line.plan, line.item) = (plan, family.item.clone());
        let (position, each) = item.position(before.charged(), after.charged());
        let (units, words) = (before.free.saturating_sub(free), item.words().cloned());
        charges.push(Charge {
            usage: call.usage,
            line,
            price: Price::Moved { units, each, position, words },
            minor: step((item, tariff), before, &after)?,
            rule: item.terms().source.clone(),
        });
        moved.push((*version, after));
    }
    Ok(())
}

/// What a line rises by, which is rounded as a whole.
fn step((item, tariff): (&FeeItem, &Tariff), before: &Units, after: &Units) -> Result<i64, Unrated> {
    let worth = |units: &Units| {
        let exact = item.amount(units.charged(), &units.promoted)?;
        exact.rounded(tariff.currency, tariff.rounding)
    };
    worth(after)?.minor.checked_sub(worth(before)?.minor).ok_or(Unrated::TooLarge)
}
