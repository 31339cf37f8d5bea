//! Comparisons against all counts, one after the other.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test may fail loudly")]

use std::num::NonZeroU64;

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::domain::ladder::{Bands, Rate, Steps};

/// So many hundredths of a minor unit.
fn part(hundredths: i64) -> Exact {
    Exact::of_percent(Decimal::from(hundredths)).unwrap()
}

/// Bands of some lengths, and one beyond, with those prices of each unit and once.
fn bands(most_each: i64, most_flat: i64) -> impl Strategy<Value = Bands> {
    let rate = (0..=most_each, 0..=most_flat)
        .prop_map(|(each, flat)| Rate { each: part(each), flat: Exact::of_minor(flat) });
    (prop::collection::vec((1_u64..300, rate.clone()), 0..4), rate).prop_map(|(below, last)| {
        let mut ends = 0;
        let below = below.into_iter().map(|(length, rate)| {
            ends += length;
            (ends, rate)
        });
        Bands::new(below.collect(), last).unwrap()
    })
}

fn bound(most: i64) -> impl Strategy<Value = Option<Exact>> {
    prop::option::of((0..=most).prop_map(Exact::of_minor))
}

/// What a fee may be.
fn fee() -> impl Strategy<Value = Curve> {
    let package = (1_u64..60, 0_i64..80).prop_map(|(size, price)| Steps::Package {
        size: NonZeroU64::new(size).unwrap(),
        price: Exact::of_minor(price),
    });
    let steps = prop_oneof![
        (0_i64..300).prop_map(|each| Steps::PerUnit(part(each))),
        bands(300, 40).prop_map(Steps::Graduated),
        bands(300, 40).prop_map(Steps::Volume),
        package,
    ];
    (steps, 0_u64..40, bound(900)).prop_map(|(steps, free, cap)| {
        let ladder = Ladder { steps, cap: None };
        Curve { free, cap, ..Curve::of(ladder, Counted::Units) }
    })
}

/// What a share may be.
fn share() -> impl Strategy<Value = Curve> {
    let steps = prop_oneof![
        (0_i64..=100).prop_map(|each| Steps::PerUnit(part(each))),
        bands(100, 0).prop_map(Steps::Graduated),
        bands(100, 0).prop_map(Steps::Volume),
    ];
    (steps, 0_i64..60, bound(200), bound(900)).prop_map(|(steps, fixed, floor, cap)| {
        let ladder = Ladder { steps, cap: None };
        Curve { fixed: Exact::of_minor(fixed), floor, cap, ..Curve::of(ladder, Counted::Money) }
    })
}

fn by_looking_at_each(one: &Curve, other: &Curve, most: u64) -> Compared {
    (0..=most).fold(Compared::default(), |compared, count| {
        let (one, other) = (one.amount(count), other.amount(count));
        compared.and(Compared { is_dearer: one > other, is_cheaper: one < other })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn fees_stand_to_each_other_as_all_counts_say((one, other, most) in (fee(), fee(), 1_u64..=10_000)) {
        prop_assert_eq!(one.compared_up_to(most, &other), by_looking_at_each(&one, &other, most));
    }

    #[test]
    fn shares_stand_to_each_other_as_all_amounts_say((one, other, most) in (share(), share(), 1_u64..=10_000)) {
        prop_assert_eq!(one.compared_up_to(most, &other), by_looking_at_each(&one, &other, most));
    }

    #[test]
    fn a_price_is_neither_dearer_nor_cheaper_than_itself(one in prop_oneof![fee(), share()]) {
        prop_assert_eq!(one.compared_to(&one), Compared::default());
    }
}

fn package(size: u64, price: i64) -> Curve {
    let steps = Steps::Package { size: NonZeroU64::new(size).unwrap(), price: Exact::of_minor(price) };
    Curve::of(Ladder { steps, cap: None }, Counted::Units)
}

#[test]
fn what_is_dearer_only_far_beyond_is_dearer() {
    let cheap =
        Curve { fixed: Exact::of_minor(1_000_000), ..Curve::of(Ladder::per_unit(part(100)), Counted::Units) };
    let dear = Curve::of(Ladder::per_unit(part(101)), Counted::Units);
    assert_eq!(dear.compared_to(&cheap), Compared::UNKNOWN, "it is cheaper for few, and dearer for many");
    assert_eq!(dear.compared_up_to(1_000, &cheap), Compared { is_dearer: false, is_cheaper: true });
}

#[test]
fn packages_that_hardly_ever_end_together_may_be_both() {
    let compared = package(1_000_003, 1).compared_to(&package(999_983, 1_000));
    assert_eq!(compared, Compared::UNKNOWN);
    let compared = package(1_000_000, 1).compared_to(&package(1_000, 1));
    assert_eq!(compared, Compared { is_dearer: false, is_cheaper: true });
}

#[test]
fn a_price_that_cannot_be_counted_is_dearer_than_one_that_can() {
    let most = Exact::of_price(Decimal::from(1_000_000_000_000_000_i64), "CNY".parse().unwrap()).unwrap();
    let dear = Curve::of(Ladder::per_unit(most), Counted::Units);
    assert_eq!(dear.amount(MOST), None);
    let compared = dear.compared_to(&Curve::nothing(Counted::Units));
    assert_eq!(compared, Compared { is_dearer: true, is_cheaper: false });
    let capped = Curve { cap: Some(Exact::of_minor(5)), ..dear };
    assert_eq!(capped.amount(MOST), Some(Exact::of_minor(5)));
}
