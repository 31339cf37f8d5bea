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
    let tariff = Arc::new(Tariff { currency, rounding, fees, share: None, recurring });
    Counted { tariff, items, whose: Whose::All }
}

/// Units of the item of that name by its own price.
fn part(item: &str) -> Part {
    Part { item: item.parse().unwrap(), promotion: None }
}

/// What is leased of the single item by its own price, in all.
fn leased(counted: &Counted, units: u64) -> Counted {
    let mut counted = counted.clone();
    counted.items[0].leased = Leased::default();
    counted.with(Some(&part("calls")), units).unwrap()
}

/// What so many units come to, of any item.
fn cost_of(counted: &Counted, units: u64) -> Result<i64, ExactError> {
    cost(&counted.clone().with(None, units)?)
}

fn lease(counted: &Counted, left: i64, asked: Asked) -> u64 {
    super::lease(counted, Some(&part("calls")), left, asked)
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
    let books = leased(&fresh, 7);
    assert_eq!(reserved([&books]), Ok(5));
    assert_eq!(lease(&books, 10 - 5, ask(50, 0)), 5);
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
    assert_eq!([5, 10, 11, 99, 101].map(|units| cost_of(&books, units)), [50, 100, 100, 100, 101].map(Ok));
    books.items[0].used.all = 9;
    assert_eq!([1, 2, 92].map(|units| cost_of(&books, units)), [10, 10, 11].map(Ok));
    let promotion = Promotion {
        from: "2026-11-01T00:00:00Z".parse().unwrap(),
        until: "2026-11-02T00:00:00Z".parse().unwrap(),
        each: cents(3),
    };
    let second = FeeTerms { promotions: vec![promotion], ..FeeTerms::calls(cents(2), 4, source) };
    let other = priced(second, Rounding::HalfUp);
    assert_eq!([4, 6].map(|units| cost_of(&other, units)), [12, 22].map(Ok), "a promotion has no free units");
    Arc::make_mut(&mut books.tariff).fees.extend(other.tariff.fees.iter().cloned());
    books.items.extend(other.items);
    assert_eq!([1, 2].map(|units| cost_of(&books, units)), [13, 16].map(Ok));
}

#[test]
fn a_call_is_asked_only_for_what_its_own_item_and_promotion_may_cost() {
    let source = Location { file: "plans/standard.yaml".into(), line: 12, column: 7 };
    let cents = |cents: i64| Decimal::new(cents, 2);
    let promotion = |day: &str, each| Promotion {
        from: format!("2026-11-{day}T00:00:00Z").parse().unwrap(),
        until: format!("2026-11-{day}T12:00:00Z").parse().unwrap(),
        each: cents(each),
    };
    let named = |name: &str, each: i64| FeeTerms {
        name: name.parse().unwrap(),
        ..FeeTerms::calls(cents(each), 0, source.clone())
    };
    let reads = FeeTerms { promotions: vec![promotion("01", 0), promotion("02", 1)], ..named("reads", 2) };
    let mut books = priced(reads, Rounding::HalfUp);
    let writes = priced(FeeTerms { cap: Some(cents(30)), ..named("writes", 15) }, Rounding::HalfUp);
    Arc::make_mut(&mut books.tariff).fees.extend(writes.tariff.fees.iter().cloned());
    books.items.extend(writes.items);
    let of = |item: &str, promotion| Some(Part { promotion, ..part(item) });
    let lease = |books: &Counted, of: Option<Part>, left| super::lease(books, of.as_ref(), left, ask(9, 0));
    for (of, left, units) in [
        (of("reads", None), 5, 2),
        (of("reads", Some(0)), 0, 9),
        (of("reads", Some(1)), 5, 5),
        (of("writes", None), 14, 0),
        (of("writes", None), 15, 1),
        (of("writes", None), 30, 9),
        (None, 17, 0),
        (None, 18, 1),
        (of("gone", None), 17, 0),
        (of("reads", Some(2)), 18, 1),
    ] {
        assert_eq!(lease(&books, of.clone(), left), units, "{of:?} with {left} left");
    }
    books.items[1].used.all = 2;
    assert_eq!(lease(&books, of("writes", None), 0), 9, "they are at their cap");
    let books = books.with(of("reads", Some(1)).as_ref(), 3).unwrap();
    assert_eq!(reserved([&books]), Ok(3));
}

#[test]
fn a_unit_that_takes_the_place_of_a_later_version_s_free_one_costs_what_that_comes_to() {
    let mut books = counted(Decimal::new(1, 2), 2, Rounding::HalfUp);
    let later = counted(Decimal::new(5, 2), 2, Rounding::HalfUp);
    let (rounding, used) = (Rounding::HalfUp, Units { all: 2, free: 2, promoted: Vec::new() });
    books.items[0].later = vec![Later { item: later.tariff.fees[0].clone(), rounding, used, yielding: 2 }];
    assert_eq!([1, 2, 3].map(|units| cost_of(&books, units)), [5, 10, 11].map(Ok));
}

#[test]
fn a_merchant_s_units_are_leased_as_if_each_came_when_it_costs_most() {
    let cap = |price, free, rounding| Counted { whose: Whose::Some, ..counted(price, free, rounding) };
    // The free units may be used up by other calls of the app.
    let books = cap(Decimal::new(1, 2), 2, Rounding::HalfUp);
    assert_eq!([10, 0, -5].map(|left| lease(&books, left, ask(50, 0))), [10, 0, 0]);
    assert_eq!(lease(&books, 10, ask(3, 8)), 6, "half of what is left goes to calls to come");
    assert_eq!(reserved([&leased(&books, 7)]), Ok(7));
    // A tenth of a minor unit adds none nine times, and one the tenth, whoever's that is.
    let books = cap(Decimal::new(1, 3), 0, Rounding::HalfUp);
    assert_eq!((cost_of(&books, 7), lease(&books, 3, ask(50, 0))), (Ok(7), 3));
    let mut books = cap(Decimal::new(1, 2), 2, Rounding::HalfUp);
    let later = counted(Decimal::new(5, 2), 2, Rounding::HalfUp);
    let (rounding, used) = (Rounding::HalfUp, Units { all: 2, free: 2, promoted: Vec::new() });
    books.items[0].later = vec![Later { item: later.tariff.fees[0].clone(), rounding, used, yielding: 2 }];
    assert_eq!([1, 2, 3].map(|units| cost_of(&books, units)), [6, 12, 13].map(Ok));
}

#[test]
fn what_has_no_fee_costs_nothing() {
    let mut free = counted(Decimal::ONE, 0, Rounding::HalfUp);
    Arc::make_mut(&mut free.tariff).fees.clear();
    free.items.clear();
    assert_eq!((cost_of(&free, u64::MAX), lease(&free, 0, ask(9, 9))), (Ok(0), 18));
}

#[test]
fn what_cannot_be_counted_is_not_leased() {
    let dear = counted(Decimal::from(i64::MAX), 0, Rounding::HalfUp);
    assert_eq!(lease(&dear, i64::MAX, ask(u64::MAX, u64::MAX)), 0);
    assert!(cost_of(&dear, u64::MAX).is_err());
}

/// What may happen to a prepaid balance of which two nodes lease units of two items, the first of which has a promotion.
#[derive(Debug, Clone)]
enum Step {
    Deposit(i64),
    Ask(usize, usize, u64, u64),
    /// So many calls are let through by what the node has, and recorded.
    Record(usize, usize, u64),
    GiveBack(usize, usize, u64),
    /// The node is killed, and its journal is recorded: all that is not comes back.
    Restart(usize),
}

/// What calls use: units of the first item, in its promotion, and of the second item.
const PARTS: usize = 3;

fn part_of(place: usize) -> Part {
    match place {
        0 => part("calls"),
        1 => Part { promotion: Some(0), ..part("calls") },
        _ => part("others"),
    }
}

fn step() -> impl Strategy<Value = Step> {
    let (node, part) = (0..2_usize, 0..PARTS);
    prop_oneof![
        (1..500_i64).prop_map(Step::Deposit),
        (node.clone(), part.clone(), 0..40_u64, 0..40_u64)
            .prop_map(|(node, part, waiting, ahead)| Step::Ask(node, part, waiting, ahead)),
        (node.clone(), part.clone(), 1..60_u64)
            .prop_map(|(node, part, units)| Step::Record(node, part, units)),
        (node.clone(), part, 1..60_u64).prop_map(|(node, part, units)| Step::GiveBack(node, part, units)),
        node.prop_map(Step::Restart),
    ]
}

fn two_items(price: Decimal, free: u64, cap: Option<i64>, rounding: Rounding) -> Counted {
    let source = Location { file: "plans/standard.yaml".into(), line: 12, column: 7 };
    let promotion = Promotion {
        from: "2026-11-01T00:00:00Z".parse().unwrap(),
        until: "2026-11-02T00:00:00Z".parse().unwrap(),
        each: Decimal::new(7, 3),
    };
    let cap = cap.map(|cap| Decimal::new(cap, 2));
    let first = FeeTerms { cap, promotions: vec![promotion], ..FeeTerms::calls(price, free, source.clone()) };
    let band = |up_to, each| Band { up_to, each: Decimal::new(each, 3), flat: Decimal::ZERO };
    let second = FeeTerms {
        name: "others".parse().unwrap(),
        price: FeePrice::Volume(vec![band(Some(9), 20), band(None, 11)]),
        ..FeeTerms::calls(Decimal::ZERO, 0, source)
    };
    let mut books = priced(first, rounding);
    let second = priced(second, rounding);
    Arc::make_mut(&mut books.tariff).fees.extend(second.tariff.fees.iter().cloned());
    books.items.extend(second.items);
    books
}

fn record(of_item: &mut OfItem, part: usize, units: u64) {
    let OfItem { used, free_left, .. } = of_item;
    if part == 1 {
        used.promoted.resize(1, 0);
        used.promoted[0] += units;
        return;
    }
    used.free += units.min(*free_left);
    *free_left -= units.min(*free_left);
    used.all += units;
}

proptest! {
    #[test]
    fn whatever_happens_no_more_is_spent_than_was_paid_in(
        price in 0..5_000_i64, scale in 2..6_u32, free in 0..30_u64, is_even: bool, cap in prop::option::of(0..300_i64),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let rounding = if is_even { Rounding::HalfEven } else { Rounding::HalfUp };
        let mut books = two_items(Decimal::new(price, scale), free, cap, rounding);
        let (mut paid_in, mut spent, mut leased) = (0_i64, 0_i64, [[0_u64; PARTS]; 2]);
        for step in steps {
            match step {
                Step::Deposit(minor) => paid_in += minor,
                Step::Ask(node, part, waiting, ahead) => {
                    let left = paid_in - spent - reserved([&books]).unwrap();
                    prop_assert!(left >= 0, "{left} minor units are left");
                    leased[node][part] +=
                        super::lease(&books, Some(&part_of(part)), left, ask(waiting, ahead));
                }
                Step::Record(node, part, units) => {
                    let units = units.min(leased[node][part]);
                    leased[node][part] -= units;
                    let before = worth(&books);
                    record(&mut books.items[part / 2], part, units);
                    spent += worth(&books) - before;
                }
                Step::GiveBack(node, part, units) => leased[node][part] -= units.min(leased[node][part]),
                Step::Restart(node) => leased[node] = [0; PARTS],
            }
            books.items.iter_mut().for_each(|of_item| of_item.leased = Leased::default());
            for (part, units) in leased.iter().flat_map(|of_node| of_node.iter().enumerate()) {
                books = books.with(Some(&part_of(part)), *units).unwrap();
            }
            prop_assert!(spent <= paid_in, "{spent} of {paid_in} minor units are spent");
        }
    }

    /// Where every unit of an item costs the same, whenever it comes.
    #[test]
    fn whatever_others_call_no_more_is_spent_than_a_cap_lets(
        price in 0..5_000_i64, scale in 2..6_u32, free in 0..30_u64, is_even: bool, limit in 0..400_i64,
        steps in prop::collection::vec((0..3_u8, 0..2_usize, 1..40_u64), 1..120),
    ) {
        let rounding = if is_even { Rounding::HalfEven } else { Rounding::HalfUp };
        let all = two_items(Decimal::new(price, scale), free, None, rounding);
        let mut books = Counted { whose: Whose::Some, ..all };
        let (mut spent, mut leased) = (0_i64, [0_u64; 2]);
        for (what, part, units) in steps {
            match what {
                0 => {
                    let left = limit - spent - reserved([&books]).unwrap();
                    prop_assert!(left >= 0, "{left} minor units are left");
                    leased[part] += super::lease(&books, Some(&part_of(part)), left, ask(units, units));
                }
                1 => {
                    let taken = |units: u64| {
                        books.tariff.fees[0].cap_units((part == 1).then_some(0)).of_call(units)
                    };
                    let Some(units) = (1..=units).rev().find(|units| taken(*units) <= leased[part]) else { continue };
                    leased[part] -= taken(units);
                    let before = worth(&books);
                    record(&mut books.items[0], part, units);
                    spent += worth(&books) - before;
                }
                // Calls for others, which lease nothing of it.
                _ => record(&mut books.items[0], part, units),
            }
            books.items[0].leased = Leased::default();
            for (part, units) in leased.iter().enumerate() {
                books = books.with(Some(&part_of(part)), *units).unwrap();
            }
            prop_assert!(spent <= limit, "{spent} of {limit} minor units are spent");
        }
    }

    #[test]
    fn a_lease_is_the_largest_that_can_be_paid(
        price in 1..5_000_i64, scale in 2..6_u32, had in 0..1000_u64, left in 0..10_000_i64,
        wanted in 1..5_000_u64,
    ) {
        let books = leased(&counted(Decimal::new(price, scale), 7, Rounding::HalfUp), had);
        let units = lease(&books, left, ask(wanted, 0));
        let more = |units: u64| cost(&leased(&books, had + units)).unwrap() - cost(&books).unwrap();
        prop_assert!(more(units) <= left);
        prop_assert!(units == wanted || more(units + 1) > left);
    }
}
