//! What becomes of sales, in single steps and in random orders.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test may fail loudly")]

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::domain::id::{ItemName, PlanName, ProductName};
use crate::domain::money::Rounding;
use crate::domain::plan::PlanRef;
use crate::domain::time::Timestamp;

fn sale(amount: i64, (base, share): (i64, i64), earned: Earned, rounding: Rounding) -> Sale {
    let currency = "CNY".parse().unwrap();
    Sale {
        usage: None,
        at: Timestamp::default(),
        partner: None,
        payer: None,
        product: ProductName::new("storefront").unwrap(),
        plan: PlanRef { name: PlanName::new("standard").unwrap(), version: 1 },
        item: ItemName::of_share(),
        percent: Decimal::ONE,
        price: None,
        rounding,
        rule: None,
        amount: Amount { minor: amount, currency },
        base,
        share: Amount { minor: share, currency },
        earned,
        settles_within: None,
        split: None,
        family: None,
        walked: 0,
        sums: Sums::default(),
    }
}

/// After events, what is returned, earned and pending of a share of 10.00 of a sale of 100.00.
#[track_caller]
fn check(events: &[(TransactionKind, Option<i64>)], expected: (i64, i64, i64)) {
    let mut sale = sale(10_000, (10_000, 1_000), Earned::OnSettlement, Rounding::HalfUp);
    for (kind, amount) in events {
        count(&mut sale, *kind, *amount).unwrap();
    }
    let Standing { returned, earned, pending, .. } = standing(&sale).unwrap();
    assert_eq!((returned, earned, pending), expected, "{events:?}");
}

#[test]
fn a_share_is_pending_until_its_sale_is_settled_and_what_goes_back_eats_that_first() {
    use TransactionKind::{Cancellation, Chargeback, ChargebackWon, Refund, Settlement};
    check(&[], (0, 0, 1_000));
    check(&[(Settlement, Some(4_000))], (0, 400, 600));
    check(&[(Settlement, None)], (0, 1_000, 0));
    check(&[(Settlement, Some(4_000)), (Refund, Some(6_000))], (600, 400, 0));
    check(&[(Settlement, Some(4_000)), (Refund, Some(7_000))], (700, 300, 0));
    check(&[(Cancellation, None)], (1_000, 0, 0));
    check(&[(Refund, Some(2_500)), (Cancellation, None), (Settlement, None)], (1_000, 0, 0));
    check(&[(Settlement, None), (Chargeback, Some(10_000))], (1_000, 0, 0));
    check(&[(Settlement, Some(4_000)), (Cancellation, None)], (600, 400, 0));
    check(&[(Cancellation, None), (Settlement, Some(4_000))], (600, 400, 0));
    check(&[(Settlement, Some(4_000)), (Refund, Some(8_000)), (Cancellation, None)], (800, 200, 0));
    check(&[(Chargeback, Some(5_000)), (Settlement, None), (ChargebackWon, Some(5_000))], (0, 1_000, 0));
    check(&[(ChargebackWon, Some(5_000)), (Settlement, None), (Chargeback, Some(8_000))], (300, 700, 0));
}

#[test]
fn what_is_beyond_a_sale_is_said_and_changes_nothing() {
    let mut sale = sale(100, (100, 10), Earned::OnSale, Rounding::HalfUp);
    assert_eq!(count(&mut sale, TransactionKind::Refund, Some(70)), Ok(0));
    assert_eq!(count(&mut sale, TransactionKind::Chargeback, Some(50)), Ok(20));
    assert_eq!(count(&mut sale, TransactionKind::Cancellation, Some(50)), Ok(50));
    assert_eq!(count(&mut sale, TransactionKind::Settlement, Some(101)), Ok(1));
    assert_eq!(count(&mut sale, TransactionKind::Refund, None), Err(Unrated::Lacks("amount")));
    assert_eq!(standing(&sale).unwrap().gone, 100);
    assert_eq!(count(&mut sale, TransactionKind::Refund, Some(i64::MAX)), Err(Unrated::TooLarge));
}

#[test]
fn what_is_won_back_is_within_once_it_was_taken_and_a_whole_sale_may_then_be_lost_again() {
    use TransactionKind::{Chargeback, ChargebackWon};
    let mut sale = sale(100, (100, 10), Earned::OnSale, Rounding::HalfUp);
    assert_eq!(count(&mut sale, ChargebackWon, Some(60)), Ok(60));
    assert!(may_be_whole_again(&sale.sums, Chargeback) && !may_be_whole_again(&sale.sums, ChargebackWon));
    assert_eq!(count(&mut sale, Chargeback, Some(40)), Ok(0));
    assert_eq!(still_beyond(&sale.sums, ChargebackWon, 60), 20);
    assert_eq!(count(&mut sale, Chargeback, Some(40)), Ok(0));
    assert_eq!(still_beyond(&sale.sums, ChargebackWon, 60), 0);
    assert!(may_be_whole_again(&sale.sums, ChargebackWon));
    assert_eq!(still_beyond(&sale.sums, Chargeback, 7), 7);
}

#[test]
fn what_was_cancelled_and_settled_contradicts_itself_in_either_order() {
    use TransactionKind::{Cancellation, Settlement};
    for kinds in [[Cancellation, Settlement], [Settlement, Cancellation]] {
        let mut sale = sale(100, (100, 10), Earned::OnSettlement, Rounding::HalfUp);
        count(&mut sale, kinds[0], None).unwrap();
        assert!(!is_contradicted(&sale.sums, None));
        count(&mut sale, kinds[1], None).unwrap();
        assert!(is_contradicted(&sale.sums, None) && !is_contradicted(&sale.sums, Some(1)));
        assert_eq!(standing(&sale).unwrap().returned, 10);
    }
}

#[test]
fn rounded_half_even_nothing_is_pending_for_ever() {
    let mut sale = sale(2, (2, 1), Earned::OnSettlement, Rounding::HalfEven);
    count(&mut sale, TransactionKind::Settlement, Some(1)).unwrap();
    assert_eq!(standing(&sale).unwrap().pending, 1);
    count(&mut sale, TransactionKind::Refund, Some(1)).unwrap();
    let Standing { returned, earned, pending, .. } = standing(&sale).unwrap();
    assert_eq!((returned, earned, pending), (0, 1, 0));
}

fn any_rounding() -> impl Strategy<Value = Rounding> {
    prop_oneof![Just(Rounding::HalfUp), Just(Rounding::HalfEven)]
}

fn any_earned() -> impl Strategy<Value = Earned> {
    prop_oneof![Just(Earned::OnSale), Just(Earned::OnSettlement)]
}

/// A kind, an amount, and the place in another order.
fn any_event() -> impl Strategy<Value = (TransactionKind, Option<i64>, u32)> {
    let kinds = prop::sample::select(TransactionKind::ALL[1..].to_vec());
    (kinds, prop_oneof![0..2_000_i64, 0..200_000_i64], any::<bool>(), any::<u32>()).prop_map(
        |(kind, amount, is_rest, place)| {
            (kind, (!is_rest || !kind.may_be_of_the_rest()).then_some(amount), place)
        },
    )
}

proptest! {
    #[test]
    fn the_order_of_events_changes_nothing(
        amount in 0..100_000_i64, base in 0..=1_000_i64, share in 0..=1_000_i64,
        events in prop::collection::vec(any_event(), 0..12), earned in any_earned(), rounding in any_rounding(),
    ) {
        let base = amount * base / 1_000;
        let new = || sale(amount, (base, base * share / 1_000), earned, rounding);
        let after = |events: &[(TransactionKind, Option<i64>, u32)]| {
            let mut sale = new();
            for (kind, amount, _) in events {
                count(&mut sale, *kind, *amount).unwrap();
                let now = standing(&sale).unwrap();
                assert_eq!(now.returned + now.earned + now.pending, sale.share.minor);
                assert!(now.returned >= 0 && now.earned >= 0 && now.pending >= 0, "{now:?}");
                assert!((0..=sale.amount.minor).contains(&now.gone), "{now:?}");
                assert!(now.gone + now.settled < sale.amount.minor || now.pending == 0, "{now:?}");
            }
            standing(&sale).unwrap()
        };
        let mut shuffled = events.clone();
        shuffled.sort_by_key(|(.., place)| *place);
        prop_assert_eq!(after(&events), after(&shuffled));
    }

    #[test]
    fn a_sale_that_went_back_whole_has_no_share_left_in_whatever_parts_it_went(
        parts in prop::collection::vec((1..50_000_i64, any::<bool>()), 1..12), share in 0..=1_000_i64,
        settled in prop::option::of(0..500_000_i64), rounding in any_rounding(),
    ) {
        let amount: i64 = parts.iter().map(|(part, _)| part).sum();
        let share = i64::try_from(i128::from(amount) * i128::from(share) / 1_000).unwrap();
        let mut sale = sale(amount, (amount, share), Earned::OnSettlement, rounding);
        count(&mut sale, TransactionKind::Settlement, settled).unwrap();
        let mut last = standing(&sale).unwrap();
        for (part, is_refund) in parts {
            let kind = if is_refund { TransactionKind::Refund } else { TransactionKind::Chargeback };
            prop_assert_eq!(count(&mut sale, kind, Some(part)), Ok(0));
            let now = standing(&sale).unwrap();
            // The minor unit that two halves leave is earned with the last of them.
            let left = i64::from(rounding == Rounding::HalfEven);
            prop_assert!(now.returned >= last.returned && now.earned <= last.earned + left, "{:?} {:?}", last, now);
            last = now;
        }
        prop_assert_eq!((last.returned, last.earned, last.pending), (share, 0, 0));
        prop_assert_eq!(last.earned_base, 0);
    }
}
