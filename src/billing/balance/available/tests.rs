//! What a lease comes to, and any sequence of what may happen to a balance.
#![allow(clippy::arithmetic_side_effects, reason = "a test may fail loudly")]

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::domain::location::Location;
use crate::domain::money::Rounding;
use crate::domain::recurring::Recurring;
use crate::domain::tariff::{Band, FeePrice, FeeTerms, Promotion};

fn counted(per_unit: Decimal, free_units: u64, rounding: Rounding) -> Counted {
    let source = Location { file: "plans/standard.yaml".into(), line: 12, column: 7 };
    priced(FeeTerms::calls(per_unit, free_units, source), rounding)
}

fn priced(terms: FeeTerms, rounding: Rounding) -> Counted {
    let currency = "CNY".parse().unwrap();
    let items = vec![OfItem { free_left: terms.free_units, ..OfItem::default() }];
    let fees = vec![FeeItem::new(terms, currency).unwrap()];
    let recurring = Recurring::default();
    Counted {
        tariff: Arc::new(Tariff { currency, rounding, fees, share: None, recurring }),
        items,
        leased: 0,
    }
}

/// What the units in the books come to.
fn worth(counted: &Counted) -> i64 {
    let Counted { tariff, items, .. } = counted;
    let worth = |(item, of_item): (&FeeItem, &OfItem)| {
        let exact = item.amount(of_item.used.charged(), &of_item.used.promoted).unwrap();
        exact.rounded(tariff.currency, tariff.rounding).unwrap().minor
    };
    tariff.fees.iter().zip(items).map(worth).sum()
}

fn ask(waiting: u64, ahead: u64) -> Asked {
    Asked { waiting, ahead }
}

#[test]
fn as_many_units_are_leased_as_the_money_is_worth_and_no_more() {
    // A unit is one minor unit, after two that are free.
    let fresh = counted(Decimal::new(1, 2), 2, Rounding::HalfUp);
    assert_eq!(lease(&fresh, 10, ask(50, 0)), 12);
    assert_eq!(lease(&fresh, 0, ask(50, 0)), 2, "what is free is never refused");
    assert_eq!(lease(&fresh, -5, ask(50, 0)), 2);
    assert_eq!(lease(&fresh, 10, ask(3, 0)), 3);
    assert_eq!(lease(&fresh, 100, ask(3, 8)), 11, "for those who will come, too");
    assert_eq!(lease(&fresh, 9, ask(3, 8)), 7, "but half of what is left at most");
    assert_eq!(lease(&fresh, 1, ask(3, 8)), 3, "and none of the last");
    let leased = Counted { leased: 7, ..fresh };
    assert_eq!(reserved([&leased]), Ok(5));
    assert_eq!(lease(&leased, 10 - 5, ask(50, 0)), 5);
}

#[test]
fn a_unit_costs_as_much_as_the_dearest_quantity_on_the_way_in_whichever_item_and_promotion_it_falls() {
    let source = Location { file: "plans/standard.yaml".into(), line: 12, column: 7 };
    let cents = |cents: i64| Decimal::new(cents, 2);
    let band = |up_to, each: i64| Band { up_to, each: cents(each), flat: Decimal::ZERO };
    let volume = FeeTerms {
        price: FeePrice::Volume(vec![band(Some(10), 10), band(None, 1)]),
        ..FeeTerms::calls(Decimal::ZERO, 0, source.clone())
    };
    let mut books = priced(volume, Rounding::HalfUp);
    assert_eq!([5, 10, 11, 99, 101].map(|units| cost(&books, units)), [50, 100, 100, 100, 101].map(Ok));
    books.items[0].used.all = 9;
    assert_eq!([1, 2, 92].map(|units| cost(&books, units)), [10, 10, 11].map(Ok));
    let promotion = Promotion {
        from: "2026-11-01T00:00:00Z".parse().unwrap(),
        until: "2026-11-02T00:00:00Z".parse().unwrap(),
        each: cents(3),
    };
    let second = FeeTerms { promotions: vec![promotion], ..FeeTerms::calls(cents(2), 4, source) };
    let other = priced(second, Rounding::HalfUp);
    assert_eq!([4, 6].map(|units| cost(&other, units)), [12, 22].map(Ok), "a promotion has no free units");
    Arc::make_mut(&mut books.tariff).fees.extend(other.tariff.fees.iter().cloned());
    books.items.extend(other.items);
    assert_eq!([1, 2].map(|units| cost(&books, units)), [13, 16].map(Ok));
}

#[test]
fn a_unit_that_takes_the_place_of_a_later_version_s_free_one_costs_what_that_comes_to() {
    let mut books = counted(Decimal::new(1, 2), 2, Rounding::HalfUp);
    let later = counted(Decimal::new(5, 2), 2, Rounding::HalfUp);
    let (rounding, used) = (Rounding::HalfUp, Units { all: 2, free: 2, promoted: Vec::new() });
    books.items[0].later = vec![Later { item: later.tariff.fees[0].clone(), rounding, used, yielding: 2 }];
    assert_eq!([1, 2, 3].map(|units| cost(&books, units)), [5, 10, 11].map(Ok));
}

#[test]
fn what_has_no_fee_costs_nothing() {
    let mut free = counted(Decimal::ONE, 0, Rounding::HalfUp);
    Arc::make_mut(&mut free.tariff).fees.clear();
    free.items.clear();
    assert_eq!((cost(&free, u64::MAX), lease(&free, 0, ask(9, 9))), (Ok(0), 18));
}

#[test]
fn what_cannot_be_counted_is_not_leased() {
    let dear = counted(Decimal::from(i64::MAX), 0, Rounding::HalfUp);
    assert_eq!(lease(&dear, i64::MAX, ask(u64::MAX, u64::MAX)), 0);
    assert!(cost(&dear, u64::MAX).is_err());
}

/// What may happen to a prepaid balance of which two nodes lease.
#[derive(Debug, Clone)]
enum Step {
    Deposit(i64),
    Ask(usize, u64, u64),
    /// So many calls are let through by what the node has, and recorded.
    Record(usize, u64),
    GiveBack(usize, u64),
    /// The node is killed, and its journal is recorded: all that is not comes back.
    Restart(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..500_i64).prop_map(Step::Deposit),
        (0..2_usize, 0..40_u64, 0..40_u64).prop_map(|(node, waiting, ahead)| Step::Ask(node, waiting, ahead)),
        (0..2_usize, 1..60_u64).prop_map(|(node, units)| Step::Record(node, units)),
        (0..2_usize, 1..60_u64).prop_map(|(node, units)| Step::GiveBack(node, units)),
        (0..2_usize).prop_map(Step::Restart),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_no_more_is_spent_than_was_paid_in(
        price in 0..5_000_i64, scale in 2..6_u32, free in 0..30_u64, is_even: bool,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let rounding = if is_even { Rounding::HalfEven } else { Rounding::HalfUp };
        let mut books = counted(Decimal::new(price, scale), free, rounding);
        let (mut paid_in, mut spent, mut leased) = (0_i64, 0_i64, [0_u64; 2]);
        for step in steps {
            match step {
                Step::Deposit(minor) => paid_in += minor,
                Step::Ask(node, waiting, ahead) => {
                    let left = paid_in - spent - reserved([&books]).unwrap();
                    prop_assert!(left >= 0, "{left} minor units are left");
                    leased[node] += lease(&books, left, ask(waiting, ahead));
                }
                Step::Record(node, units) => {
                    let units = units.min(leased[node]);
                    leased[node] -= units;
                    let before = worth(&books);
                    let OfItem { used, free_left, .. } = &mut books.items[0];
                    used.free += units.min(*free_left);
                    *free_left -= units.min(*free_left);
                    used.all += units;
                    spent += worth(&books) - before;
                }
                Step::GiveBack(node, units) => leased[node] -= units.min(leased[node]),
                Step::Restart(node) => leased[node] = 0,
            }
            books.leased = leased.iter().sum();
            prop_assert!(spent <= paid_in, "{spent} of {paid_in} minor units are spent");
        }
    }

    #[test]
    fn a_lease_is_the_largest_that_can_be_paid(
        price in 1..5_000_i64, scale in 2..6_u32, leased in 0..1000_u64, left in 0..10_000_i64,
        wanted in 1..5_000_u64,
    ) {
        let books = Counted { leased, ..counted(Decimal::new(price, scale), 7, Rounding::HalfUp) };
        let units = lease(&books, left, ask(wanted, 0));
        let more = |units: u64| cost(&books, leased + units).unwrap() - cost(&books, leased).unwrap();
        prop_assert!(more(units) <= left);
        prop_assert!(units == wanted || more(units + 1) > left);
    }
}
