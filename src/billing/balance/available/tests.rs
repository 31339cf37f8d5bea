//! What a lease comes to, and any sequence of what may happen to a balance.
#![allow(clippy::arithmetic_side_effects, reason = "a test may fail loudly")]

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::domain::location::Location;
use crate::domain::money::Rounding;
use crate::domain::plan::Fee;

fn counted(per_unit: Decimal, free_units: u64, rounding: Rounding) -> Counted {
    let source = Location { file: "plans/standard.yaml".into(), line: 12, column: 7 };
    let fee = Some(Fee { per_unit, free_units, source });
    let tariff = Tariff { currency: "CNY".parse().unwrap(), rounding, fee, share: None };
    Counted { tariff: Arc::new(tariff), used: Units::default(), free_left: free_units, leased: 0 }
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
fn what_has_no_fee_costs_nothing() {
    let mut free = counted(Decimal::ONE, 0, Rounding::HalfUp);
    Arc::make_mut(&mut free.tariff).fee = None;
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
                    spent += cost(&books, units).unwrap();
                    books.used.free += units.min(books.free_left);
                    books.free_left -= units.min(books.free_left);
                    books.used.all += units;
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
