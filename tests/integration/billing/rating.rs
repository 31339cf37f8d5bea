//! What rating promises, for any calls and prices, against arithmetic that is done in another way: whole numbers of
//! 10^-12 and 10^-4 of a minor unit.

use proptest::prelude::*;
use rust_decimal::Decimal;
use tollgate::billing::ledger::posting::{Origin, Posted, post};
use tollgate::billing::rating::totals::Totals;
use tollgate::billing::rating::{Billable, Booking, MAX_TRANSACTION, MAX_UNITS, Rated, Unrated, rate};
use tollgate::domain::charge::{Charge, ChargeKind, Position, Price};
use tollgate::domain::money::Rounding;
use tollgate::domain::tariff::Tariff;
use tollgate::domain::transaction::{Transaction, TransactionKind};

use super::seed::{call, cny, november, period, plan, refund, refund_named, sale, tariff};

fn booking() -> Booking {
    Booking { period: period("2026-11"), service_period: period("2026-11") }
}

fn rate_all(calls: &[Billable], tariff: &Tariff) -> Vec<Charge> {
    rate_with(&mut Totals::default(), calls, tariff)
}

fn rate_with(totals: &mut Totals, calls: &[Billable], tariff: &Tariff) -> Vec<Charge> {
    let rated = calls.iter().map(|call| rate(call, tariff, booking(), totals).unwrap());
    rated
        .flat_map(|Rated { charges, unrated, .. }| {
            assert_eq!(unrated, None);
            charges
        })
        .collect()
}

fn sum(charges: &[Charge], kind: ChargeKind) -> i64 {
    charges.iter().filter(|charge| charge.line.kind == kind).map(|charge| charge.minor).sum()
}

/// `numerator ÷ denominator`, neither below zero, rounded by hand.
fn rounded(numerator: i128, denominator: i128, rounding: Rounding) -> i64 {
    let (below, rest) = (numerator / denominator, numerator % denominator);
    let up = match rounding {
        Rounding::HalfUp => rest * 2 >= denominator,
        Rounding::HalfEven => rest * 2 > denominator || (rest * 2 == denominator && below % 2 == 1),
    };
    i64::try_from(below + i128::from(up)).unwrap()
}

#[test]
fn an_order_of_100_yuan_costs_a_fen_and_two_yuan_fifty() {
    let charges = rate_all(&[call(1, Some(sale("o-1", 10_000)))], &tariff("0.01", 0, "2.5"));
    let seen: Vec<_> = charges.iter().map(|charge| (charge.line.kind, charge.minor)).collect();
    assert_eq!(seen, [(ChargeKind::ServiceFee, 1), (ChargeKind::RevenueShare, 250)]);
    assert_eq!(charges[0].rule.to_string(), "plans/standard.yaml:12:7");
    assert_eq!(charges[1].rule.to_string(), "plans/standard.yaml:14:7");
}

#[test]
fn the_free_allowance_is_used_up_first_and_shown() {
    let charges = rate_all(&[call(3, None), call(3, None), call(3, None)], &tariff("1", 4, "0"));
    let prices: Vec<_> = charges
        .iter()
        .map(|charge| match charge.price {
            Price::Units { charged, free, .. } => (charged, free, charge.minor),
            Price::Moved { .. } | Price::Percent { .. } | Price::Tiers { .. } => panic!("no fee: {charge:?}"),
        })
        .collect();
    assert_eq!(prices, [(0, 3, 0), (2, 1, 200), (3, 0, 300)]);
}

#[test]
fn a_sale_that_is_answered_again_has_its_share_once() {
    let again = [call(1, Some(sale("o-1", 10_000))), call(1, Some(sale("o-1", 10_000)))];
    let charges = rate_all(&again, &tariff("0.01", 0, "2.5"));
    assert_eq!((sum(&charges, ChargeKind::ServiceFee), sum(&charges, ChargeKind::RevenueShare)), (2, 250));
}

#[track_caller]
fn check_unrated(transactions: &[Transaction], expected: &str) {
    let mut totals = Totals::default();
    let mut last = None;
    for transaction in transactions {
        let call = call(1, Some(transaction.clone()));
        let rated = rate(&call, &tariff("0.01", 0, "2.5"), booking(), &mut totals).unwrap();
        assert_eq!(rated.charges[0].line.kind, ChargeKind::ServiceFee, "the call has its fee");
        last = rated.unrated;
    }
    assert_eq!(last.map(|unrated| unrated.to_string()).as_deref(), Some(expected));
}

#[test]
fn what_cannot_be_rated_is_said_and_not_guessed() {
    check_unrated(&[refund("o-1", 1)], "it refunds o-1, of which no sale in CNY is known");
    let dollars = Transaction {
        amount: tollgate::domain::money::Amount { minor: 1, currency: "USD".parse().unwrap() },
        ..refund("o-1", 1)
    };
    check_unrated(&[sale("o-1", 100), dollars], "it refunds o-1, of which no sale in USD is known");
    check_unrated(&[sale("o-1", 100), sale("o-1", 101)], "sale o-1 was rated before, at 1.00");
    check_unrated(&[sale("o-1", MAX_TRANSACTION + 1)], "its amount or units are too large to be believed");
    check_unrated(&[sale("o-1", -1)], "its amount or units are too large to be believed");
}

/// What refunds of a sale of 100.00, of which 2.50 was taken, give back; and why the last was not rated, if it was not.
#[track_caller]
fn check_refunds(refunds: &[Transaction], returned: i64, unrated: Option<&str>) {
    let mut totals = Totals::default();
    let tariff = tariff("0", 0, "2.5");
    rate_with(&mut totals, &[call(1, Some(sale("o-1", 10_000)))], &tariff);
    let (mut charges, mut last) = (Vec::new(), None);
    for (number, refund) in (2..).zip(refunds) {
        let mut call = call(1, Some(refund.clone()));
        call.usage = uuid::Uuid::from_u128(number);
        let rated = rate(&call, &tariff, booking(), &mut totals).unwrap();
        charges.extend(rated.charges);
        last = rated.unrated.map(|unrated| unrated.to_string());
    }
    assert_eq!((sum(&charges, ChargeKind::ShareReversal), last.as_deref()), (-returned, unrated));
}

#[test]
fn a_refund_counts_once_by_its_own_id() {
    let named = |id, minor| refund_named(id, "o-1", minor);
    check_refunds(&[named("r-1", 4_000), named("r-1", 4_000)], 100, None);
    check_refunds(&[named("r-1", 4_000), named("r-2", 4_000)], 200, None);
    check_refunds(&[named("r-1", 4_000), named("r-1", 4_001)], 100, Some("refund r-1 came before, at 40.00"));
    check_refunds(
        &[named("r-1", 4_000), named("r-2", 7_000)],
        250,
        Some("with it, 10.00 more of sale o-1 is refunded than was paid"),
    );
    let unnamed = |minor| Transaction { id: "o-1".to_owned(), of: None, ..refund("", minor) };
    check_refunds(&[unnamed(10_000), unnamed(10_000)], 250, None);
    let doubtful =
        "it has no id of its own: it may be the refund of 40.00 that was counted before, or a second one";
    check_refunds(&[unnamed(4_000), unnamed(4_000)], 100, Some(doubtful));
}

#[test]
fn a_sale_under_a_plan_without_a_share_is_remembered_and_an_unknown_one_waits() {
    let shareless = Tariff { share: None, ..tariff("0.01", 0, "0") };
    let mut totals = Totals::default();
    let waits = rate(&call(1, Some(refund("o-1", 1))), &shareless, booking(), &mut totals).unwrap();
    assert_eq!(
        waits.unrated,
        Some(Unrated::SaleUnknown { kind: TransactionKind::Refund, sale: "o-1".to_owned(), currency: cny() })
    );
    let calls = [call(1, Some(sale("o-1", 100))), call(1, Some(refund("o-1", 100)))];
    let charges = rate_with(&mut totals, &calls, &shareless);
    assert!(charges.iter().all(|charge| charge.line.kind == ChargeKind::ServiceFee), "{charges:#?}");
    assert_eq!(totals.changed_sales().next().map(|(_, sale)| sale.sums.refunded), Some(100));
}

#[test]
fn sums_stay_far_from_what_a_store_can_hold() {
    let tariff = tariff("0", 0, "100");
    let mut totals = Totals::default();
    let calls: Vec<_> =
        (0..101).map(|number| call(1, Some(sale(&format!("o-{number}"), MAX_TRANSACTION)))).collect();
    let charges = rate_with(&mut totals, &calls[..100], &tariff);
    assert_eq!(sum(&charges, ChargeKind::RevenueShare), 100 * MAX_TRANSACTION);
    let beyond = rate(&calls[100], &tariff, booking(), &mut totals).unwrap();
    assert_eq!(beyond.unrated, Some(Unrated::SumTooLarge));
    assert_eq!(totals.changed_sales().count(), 100, "what is not rated is not counted");
}

#[test]
fn all_versions_of_a_plan_share_one_free_allowance() {
    let mut totals = Totals::default();
    rate_with(&mut totals, &[call(3, None)], &tariff("1", 4, "0"));
    let mut next = call(3, None);
    next.plan = plan("standard", 2);
    let charges = rate_with(&mut totals, &[next.clone(), next], &tariff("2", 4, "0"));
    let prices: Vec<_> = charges.iter().map(|charge| (charge.price.clone(), charge.minor)).collect();
    let each = Decimal::from(2);
    let units = |charged, free| Price::Units { charged, free, each, position: Position::Whole, words: None };
    assert_eq!(prices, [(units(2, 1), 400), (units(3, 0), 600)]);
}

#[test]
fn names_with_dots_in_them_are_told_apart() {
    let mut one = call(1, None);
    (one.product, one.plan) = ("store".parse().unwrap(), plan("pro.basic", 1));
    let mut other = call(1, None);
    (other.product, other.plan) = ("store.pro".parse().unwrap(), plan("basic", 1));
    let charges = rate_all(&[one, other], &tariff("0.01", 0, "0"));
    let origin = Origin::Journal { node: "node-1".parse().unwrap(), first: 1, last: 2 };
    let timed = charges.into_iter().map(|charge| (november(), charge)).collect();
    let Posted { ledger: transactions, .. } = post(&origin, timed, &[]).unwrap();
    let causes: std::collections::BTreeSet<&str> =
        transactions.iter().map(|transaction| transaction.cause()).collect();
    assert_eq!(causes.len(), 2, "{causes:?}");
}

#[test]
fn what_no_decimal_holds_exactly_is_not_rounded_silently() {
    let mut totals = Totals::default();
    let fine = tariff("999999999.999999999999", 0, "0");
    for units in [MAX_UNITS + 1, MAX_UNITS] {
        let rated = rate(&call(units, None), &fine, booking(), &mut totals);
        assert_eq!(rated, Err(Unrated::TooLarge), "{units}");
    }
    let first = rate(&call(1, None), &tariff("1", 1, "0"), booking(), &mut totals).unwrap();
    let is_free = matches!(first.charges[0].price, Price::Units { charged: 0, free: 1, .. });
    assert!(is_free, "nothing was counted: {first:?}");
}

fn any_rounding() -> impl Strategy<Value = Rounding> {
    prop_oneof![Just(Rounding::HalfUp), Just(Rounding::HalfEven)]
}

proptest! {
    #[test]
    fn fees_come_to_the_exact_sum_rounded_once_in_any_order(
        calls in prop::collection::vec((0_u64..60, any::<u32>()), 1..60),
        price in 0_i64..3_000_000_000_000,
        free in 0_u64..600,
        rounding in any_rounding(),
    ) {
        let tariff = Tariff { rounding, ..tariff(&Decimal::new(price, 12).to_string(), free, "0") };
        let units: u64 = calls.iter().map(|(units, _)| units).sum();
        let exact = i128::from(price) * i128::from(units.saturating_sub(free)) * 100;
        let expected = rounded(exact, 1_000_000_000_000, rounding);
        let mut shuffled = calls.clone();
        shuffled.sort_by_key(|(_, order)| *order);
        for calls in [calls, shuffled] {
            let calls: Vec<_> = calls.iter().map(|(units, _)| call(*units, None)).collect();
            let charges = rate_all(&calls, &tariff);
            prop_assert_eq!(sum(&charges, ChargeKind::ServiceFee), expected);
            prop_assert!(charges.iter().all(|charge| charge.minor >= 0));
        }
    }

    #[test]
    fn a_share_is_rounded_for_each_sale(
        minor in 0..MAX_TRANSACTION, percent in 0_i64..=1_000_000, rounding in any_rounding(),
    ) {
        let tariff = Tariff { rounding, ..tariff("0", 0, &Decimal::new(percent, 4).to_string()) };
        let charges = rate_all(&[call(1, Some(sale("o-1", minor)))], &tariff);
        let expected = rounded(i128::from(minor) * i128::from(percent), 1_000_000, rounding);
        prop_assert_eq!(sum(&charges, ChargeKind::RevenueShare), expected);
    }

    #[test]
    fn refunds_give_back_in_proportion_never_more_and_all_in_the_end(
        parts in prop::collection::vec(1_i64..5_000, 1..12),
        beyond in 0_i64..5_000,
        percent in 0_i64..=1_000_000,
        rounding in any_rounding(),
    ) {
        let tariff = Tariff { rounding, ..tariff("0", 0, &Decimal::new(percent, 4).to_string()) };
        let whole: i64 = parts.iter().sum();
        let refunds = parts.iter().enumerate();
        let refunds = refunds.map(|(number, part)| call(1, Some(refund_named(&format!("r-{number}"), "o-1", *part))));
        let calls: Vec<_> = [call(1, Some(sale("o-1", whole)))].into_iter().chain(refunds).collect();
        let mut totals = Totals::default();
        let charges = rate_with(&mut totals, &calls, &tariff);
        let more = call(1, Some(refund_named("beyond", "o-1", beyond)));
        let more = rate(&more, &tariff, booking(), &mut totals).unwrap();
        prop_assert_eq!(more.unrated.is_some(), beyond > 0);
        prop_assert_eq!(sum(&more.charges, ChargeKind::ShareReversal), 0);
        let taken = sum(&charges, ChargeKind::RevenueShare);
        let mut returned = 0;
        let mut refunded = 0;
        for (charge, part) in
            charges.iter().filter(|charge| charge.line.kind == ChargeKind::ShareReversal).zip(&parts)
        {
            returned += charge.minor;
            refunded += part;
            let due = rounded(i128::from(taken) * i128::from(refunded), i128::from(whole), rounding);
            prop_assert_eq!(-returned, due);
        }
        prop_assert_eq!(sum(&charges, ChargeKind::ShareReversal), -taken);
        let base = |charge: &Charge| match &charge.price {
            Price::Percent { base, .. } => base.minor,
            Price::Units { .. } | Price::Moved { .. } | Price::Tiers { .. } => 0,
        };
        prop_assert_eq!(charges.iter().map(base).sum::<i64>(), 0);
    }

    #[test]
    fn postings_balance_and_come_to_the_charges(
        calls in prop::collection::vec((0_u64..60, prop::option::of(0_i64..100_000)), 1..40),
        price in 0_i64..20_000,
    ) {
        let tariff = tariff(&Decimal::new(price, 6).to_string(), 10, "2.5");
        let mut number = 0;
        let calls: Vec<_> = calls.iter().map(|(units, minor)| {
            number += 1;
            let mut call = call(*units, minor.map(|minor| sale(&format!("o-{number}"), minor)));
            call.usage = uuid::Uuid::from_u128(number);
            call
        }).collect();
        let (mut totals, mut charges, mut changes) = (Totals::default(), Vec::new(), Vec::new());
        for call in &calls {
            let rated = rate(call, &tariff, booking(), &mut totals).unwrap();
            charges.extend(rated.charges);
            changes.extend(rated.change);
        }
        let total: i64 = charges.iter().map(|charge| charge.minor).sum();
        let origin = Origin::Resolved(uuid::Uuid::from_u128(0));
        let timed = charges.into_iter().map(|charge| (november(), charge)).collect();
        let Posted { charges: posted, ledger: transactions, .. } = post(&origin, timed, &changes).unwrap();
        let postings = || transactions.iter().flat_map(|transaction| transaction.postings());
        prop_assert_eq!(postings().map(|posting| posting.amount.minor).sum::<i64>(), 0);
        let owed = postings().map(|posting| posting.amount.minor).filter(|minor| *minor > 0).sum::<i64>();
        prop_assert_eq!(owed, total);
        prop_assert!(postings().all(|posting| posting.amount.currency == cny()));
        for one in &posted {
            prop_assert_eq!(one.posting.is_some(), one.charge.minor != 0);
        }
    }
}
