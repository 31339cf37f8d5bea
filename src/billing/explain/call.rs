//! Why a call got its cent: a line is rounded as a whole, so what a call adds is what all units up to it come to, rounded, less what
//! those before it do.
//!
//! Within a batch, calls are counted in the order of their numbers, but those by which something becomes of a sale last; and under
//! load those without a transaction ahead of the others (`billing/books/ahead.rs`). Which it was is not kept: it is the order by which
//! every call of the batch comes to what it was charged.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use crate::billing::statement::{Counting, reckoned};
use crate::domain::exact::Exact;
use crate::domain::money::Amount;
use crate::domain::running_total::Units;
use crate::domain::statement::StatementLine;
use crate::domain::tariff::{FeeItem, Tariff};
use crate::store::counted_call::{CountedBatch, CountedCall};
use crate::store::plan_version::KeptVersion;
use crate::store::{StoreError, Transaction};

/// Where a call stands among the units of its item, service period and plan version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPlace {
    /// What the units before it come to.
    pub before: Reckoning,
    /// What they come to with it.
    pub with: Reckoning,
}

/// What units come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reckoning {
    /// The units.
    pub units: Units,
    /// What they come to.
    pub exact: Exact,
    /// The same, rounded.
    pub rounded: Amount,
}

/// Where a call stands; none, if that cannot be told, as of one that was rated when someone had resolved it.
pub(super) async fn place_of(
    transaction: &mut Transaction,
    (line, version): (&StatementLine, Option<&KeptVersion>),
    usage: &str,
) -> Result<Option<CallPlace>, StoreError> {
    let (Some((family, number)), Some(KeptVersion { tariff, .. })) = (reckoned(line), version) else {
        return Ok(None);
    };
    let Some(item) = tariff.fee_named(family.item.as_ref()) else { return Ok(None) };
    let batch = transaction.counted_with(usage, (&family, number)).await?;
    Ok(batch.and_then(|batch| in_order(batch, (item, tariff), usage)))
}

/// Where it stands in the order by which the whole batch comes to what it was charged.
fn in_order(mut batch: CountedBatch, prices: (&FeeItem, &Tariff), usage: &str) -> Option<CallPlace> {
    let mut counting = Counting::default();
    batch.before.iter().try_for_each(|count| counting.add(*count))?;
    [as_numbered, ahead].into_iter().find_map(|order| {
        batch.calls.sort_by_key(order);
        replay(counting.clone(), &batch.calls, prices, usage)
    })
}

/// What became of sales comes last. What a call moved comes right behind its own.
fn as_numbered(call: &CountedCall) -> (u8, i64, bool) {
    let is_event = call.transaction.as_deref().is_some_and(|kind| kind != "sale");
    (is_event.into(), call.number, !call.is_own)
}

/// Calls without a transaction come first.
fn ahead(call: &CountedCall) -> (u8, i64, bool) {
    let (is_event, number, is_moved) = as_numbered(call);
    (is_event.saturating_add(call.transaction.is_some().into()), number, is_moved)
}

/// Counts the calls one after another; none if one of them was charged something else.
fn replay(
    mut counting: Counting,
    calls: &[CountedCall],
    prices: (&FeeItem, &Tariff),
    usage: &str,
) -> Option<CallPlace> {
    let mut place = None;
    let mut before = reckon(&counting, prices)?;
    for call in calls {
        counting.add(call.count)?;
        let with = reckon(&counting, prices)?;
        if with.rounded.minor.checked_sub(before.rounded.minor) != Some(call.minor) {
            return None;
        }
        if call.is_own && call.usage == usage {
            place = Some(CallPlace { before: before.clone(), with: with.clone() });
        }
        before = with;
    }
    place
}

fn reckon(counting: &Counting, (item, tariff): (&FeeItem, &Tariff)) -> Option<Reckoning> {
    let units = counting.units()?;
    let exact = item.amount(units.charged(), &units.promoted).ok()?;
    Some(Reckoning { rounded: exact.rounded(tariff.currency, tariff.rounding).ok()?, units, exact })
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::domain::location::Location;
    use crate::domain::money::{Currency, Rounding};
    use crate::domain::recurring::Recurring;
    use crate::domain::tariff::FeeTerms;
    use crate::store::billed_fee::UnitCount;

    fn cny() -> Currency {
        "CNY".parse().unwrap()
    }

    /// 0.004 each after the first two.
    fn tariff() -> Tariff {
        let source = Location { file: "plans/a.yaml".into(), line: 1, column: 1 };
        let item = FeeItem::new(FeeTerms::calls(Decimal::new(4, 3), 2, source), cny()).unwrap();
        let recurring = Recurring::default();
        Tariff { currency: cny(), rounding: Rounding::HalfUp, fees: vec![item], share: None, recurring }
    }

    fn call(
        usage: &str,
        number: i64,
        transaction: Option<&str>,
        (units, free): (i64, i64),
        minor: i64,
    ) -> CountedCall {
        CountedCall {
            usage: usage.to_owned(),
            number,
            transaction: transaction.map(str::to_owned),
            is_own: true,
            count: UnitCount { promotion: 0, units, free },
            minor,
        }
    }

    #[track_caller]
    fn check(calls: &[CountedCall], usage: &str, expected: Option<(&str, &str)>) {
        let tariff = tariff();
        let before = vec![UnitCount { promotion: 0, units: 3, free: 2 }];
        let batch = CountedBatch { before, calls: calls.to_vec() };
        let place = in_order(batch, (&tariff.fees[0], &tariff), usage);
        let told = place.map(|place| [place.before, place.with].map(|one| one.exact.in_major(cny())));
        assert_eq!(told, expected.map(|(before, with)| [before.to_owned(), with.to_owned()]));
    }

    #[test]
    fn a_call_stands_where_all_of_its_batch_come_to_what_they_were_charged() {
        // One unit before them comes to 0.004: the next makes it 0.008, which is a cent, and three more 0.02.
        let calls = [call("b", 2, None, (3, 0), 1), call("a", 1, None, (1, 0), 1)];
        check(&calls, "a", Some(("0.004", "0.008")));
        check(&calls, "b", Some(("0.008", "0.02")));
        check(&calls, "c", None);
        let ahead = [call("a", 1, Some("sale"), (3, 0), 1), call("b", 2, None, (1, 0), 1)];
        check(&ahead, "a", Some(("0.008", "0.02")));
        let event_last = [call("a", 1, Some("refund"), (3, 0), 1), call("b", 2, Some("sale"), (1, 0), 1)];
        check(&event_last, "a", Some(("0.008", "0.02")));
        check(&[call("a", 1, None, (1, 0), 0)], "a", None);
    }

    #[test]
    fn what_moved_units_of_others_is_counted_behind_the_call_that_moved_them() {
        let moved = CountedCall { is_own: false, ..call("a", 1, None, (0, -2), 1) };
        check(&[moved.clone(), call("b", 2, None, (1, 0), 1)], "b", Some(("0.012", "0.016")));
        check(&[moved], "a", None);
    }
}
