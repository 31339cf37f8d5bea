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

/// The number of the call, which orders it by time, and what it made.
type Step = (u128, TransactionKind, Option<i64>);

/// Counts a step behind those that were counted before.
fn count_next(sale: &mut Sale, counted: &mut Vec<Step>, step: Step) -> Result<i64, Unrated> {
    let (number, kind, amount) = step;
    let given_since = || {
        let gives = |kind| matches!(kind, TransactionKind::Refund | TransactionKind::Cancellation);
        let later = counted.iter().filter(|(other, kind, _)| *other > number && gives(*kind));
        later.filter_map(|(.., amount)| *amount).sum::<i64>()
    };
    let beyond = super::count(sale, (Uuid::from_u128(number), kind, amount), given_since)?;
    counted.push(step);
    Ok(beyond)
}

/// Counts what nothing hangs on that was told by other calls.
fn count(sale: &mut Sale, kind: TransactionKind, amount: Option<i64>) -> Result<i64, Unrated> {
    super::count(sale, (Uuid::max(), kind, amount), || 0)
}

/// After events, what is returned, earned and pending of a share of 10.00 of a sale of 100.00.
#[track_caller]
fn check(events: &[(TransactionKind, Option<i64>)], expected: (i64, i64, i64)) {
    let mut sale = sale(10_000, (10_000, 1_000), Earned::OnSettlement, Rounding::HalfUp);
    let mut counted = Vec::new();
    for (number, (kind, amount)) in events.iter().enumerate() {
        count_next(&mut sale, &mut counted, (number as u128, *kind, *amount)).unwrap();
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
fn a_cancellation_of_the_rest_takes_what_was_left_when_it_was_made() {
    use TransactionKind::{Cancellation, Chargeback, ChargebackWon, Refund, Settlement};
    let cancelled = [(Settlement, Some(6_000)), (Cancellation, None)];
    let check_with = |more: &[(TransactionKind, Option<i64>)], expected| {
        check(&[&cancelled[..], more].concat(), expected);
    };
    check_with(&[], (400, 600, 0));
    check_with(&[(Chargeback, Some(3_000))], (700, 300, 0));
    check_with(&[(Chargeback, Some(3_000)), (Chargeback, Some(3_000))], (1_000, 0, 0));
    check_with(&[(Chargeback, Some(6_000)), (ChargebackWon, Some(2_000))], (800, 200, 0));
    check_with(&[(Refund, Some(4_000)), (Refund, Some(2_000))], (1_000, 0, 0));
    check_with(&[(Refund, Some(1_000)), (Cancellation, None)], (500, 500, 0));
    check_with(&[(Cancellation, Some(1_000))], (500, 500, 0));
    check(&[(Cancellation, None), (Refund, Some(2_000)), (Settlement, Some(6_000))], (600, 400, 0));
    // What was refunded before was of what was left; what is charged back never is.
    check(&[(Settlement, Some(6_000)), (Refund, Some(3_000)), (Cancellation, None)], (400, 600, 0));
    check(&[(Refund, Some(3_000)), (Settlement, Some(7_000)), (Cancellation, None)], (300, 700, 0));
    check(&[(Settlement, Some(6_000)), (Chargeback, Some(3_000)), (Cancellation, None)], (700, 300, 0));
}

#[test]
fn what_goes_back_after_the_rest_was_cancelled_is_beyond_as_far_as_nothing_was_paid() {
    use TransactionKind::{Cancellation, Chargeback, Refund, Settlement};
    let mut sale = sale(100, (100, 10), Earned::OnSettlement, Rounding::HalfUp);
    let mut counted = Vec::new();
    let mut next = |step| count_next(&mut sale, &mut counted, step).unwrap();
    assert_eq!(next((1, Cancellation, None)), 0);
    assert_eq!(next((2, Chargeback, Some(50))), 50);
    assert_eq!(next((3, Settlement, Some(60))), 0);
    assert_eq!(next((4, Refund, Some(30))), 20);
    assert_eq!((still_beyond(&sale, Chargeback, 50), still_beyond(&sale, Refund, 20)), (20, 20));
    count(&mut sale, Settlement, Some(20)).unwrap();
    assert_eq!((still_beyond(&sale, Chargeback, 50), still_beyond(&sale, Refund, 20)), (0, 0));
}

#[test]
fn what_an_older_program_cancelled_stays_as_it_was_charged() {
    let mut sale = sale(100, (100, 10), Earned::OnSettlement, Rounding::HalfUp);
    sale.sums = Sums { settled: 60, is_cancelled: true, ..Sums::default() };
    for (kind, amount) in [(TransactionKind::Refund, Some(30)), (TransactionKind::Cancellation, None)] {
        count(&mut sale, kind, amount).unwrap();
        assert_eq!((standing(&sale).unwrap().gone, sale.sums.cancelled_by), (40, None));
    }
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
    assert_eq!(still_beyond(&sale, ChargebackWon, 60), 20);
    assert_eq!(count(&mut sale, Chargeback, Some(40)), Ok(0));
    assert_eq!(still_beyond(&sale, ChargebackWon, 60), 0);
    assert!(may_be_whole_again(&sale.sums, ChargebackWon));
    assert_eq!(still_beyond(&sale, Chargeback, 7), 7);
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
        let after = |steps: &[(Step, u32)]| {
            let (mut sale, mut counted) = (new(), Vec::new());
            for (step, _) in steps {
                count_next(&mut sale, &mut counted, *step).unwrap();
                let now = standing(&sale).unwrap();
                assert_eq!(now.returned + now.earned + now.pending, sale.share.minor);
                assert!(now.returned >= 0 && now.earned >= 0 && now.pending >= 0, "{now:?}");
                assert!((0..=sale.amount.minor).contains(&now.gone), "{now:?}");
                assert!(now.gone + now.settled < sale.amount.minor || now.pending == 0, "{now:?}");
            }
            standing(&sale).unwrap()
        };
        let numbered = (0..).zip(events).map(|(number, (kind, amount, place))| ((number, kind, amount), place));
        let steps: Vec<(Step, u32)> = numbered.collect();
        let mut shuffled = steps.clone();
        shuffled.sort_by_key(|(_, place)| *place);
        prop_assert_eq!(after(&steps), after(&shuffled));
    }

    #[test]
    fn a_sale_whose_rest_was_cancelled_has_no_share_left_once_all_that_was_paid_is_back(
        parts in prop::collection::vec((1..50_000_i64, any::<(bool, bool)>()), 0..12), rest in 0..500_000_i64,
        share in 0..=1_000_i64, rounding in any_rounding(), places in prop::collection::vec(any::<u32>(), 14),
    ) {
        let paid: i64 = parts.iter().map(|(part, _)| part).sum();
        let amount = paid + rest;
        let share = i64::try_from(i128::from(amount) * i128::from(share) / 1_000).unwrap();
        let mut steps = vec![(50, TransactionKind::Settlement, Some(paid)), (100, TransactionKind::Cancellation, None)];
        for (number, (part, (is_refund, is_before))) in (0..).zip(parts) {
            // What was refunded before the cancellation may have been of what was not paid.
            steps.push(match (is_refund, is_before) {
                (true, _) => (200 + number, TransactionKind::Refund, Some(part)),
                (false, is_before) => (if is_before { number } else { 200 + number }, TransactionKind::Chargeback, Some(part)),
            });
        }
        let mut known: Vec<(Step, u32)> = steps.into_iter().zip(places).collect();
        known.sort_by_key(|(_, place)| *place);
        let mut sale = sale(amount, (amount, share), Earned::OnSettlement, rounding);
        let mut counted = Vec::new();
        for (step, _) in known {
            count_next(&mut sale, &mut counted, step).unwrap();
        }
        let Standing { returned, earned, pending, earned_base, .. } = standing(&sale).unwrap();
        prop_assert_eq!((returned, earned, pending, earned_base), (share, 0, 0, 0));
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
