//! What rating and ladders come to, for any prices, quantities and currencies, is what fractions of any size come to; and parts
//! add up.

use num_rational::BigRational;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use rust_decimal::Decimal;
use tollgate::billing::rating::totals::Totals;
use tollgate::billing::rating::{Billable, Booking, rate};
use tollgate::domain::charge::ChargeKind;
use tollgate::domain::exact::Exact;
use tollgate::domain::ladder::{Bands, Ladder, Rate, Steps};
use tollgate::domain::money::{Amount, Currency, Rounding};
use tollgate::domain::recurring::Recurring;
use tollgate::domain::share::Share;
use tollgate::domain::split::Split;
use tollgate::domain::tariff::{self, FeeItem, FeePrice, FeeTerms, Tariff};
use tollgate::domain::usage::Transaction;

use super::many::prove;
use super::oracle::{Band, Prices, comes_to, comes_to_by_units, decimal, rounded, whole};
use super::seed::{call, period, refund_named, rule, sale};

/// Digits and how many of them stand behind the point.
pub(super) type Number = (i64, u32);

pub(super) fn any_rounding() -> impl Strategy<Value = Rounding> {
    prop_oneof![Just(Rounding::HalfUp), Just(Rounding::HalfEven)]
}

/// Of no, two, three and four digits behind the point.
pub(super) fn any_currency() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec!["JPY", "CNY", "KWD", "CLF"]).prop_map(|code| code.parse().unwrap())
}

/// Prices below 100,000 with up to 12 digits behind the point, many of them small or round.
pub(super) fn any_price() -> impl Strategy<Value = Number> {
    (0_u32..=12).prop_flat_map(|scale| {
        let most = 10_i64.pow(scale + 5);
        (prop_oneof![0..most, 0..100_i64.min(most), Just(0_i64), Just(most / 2)], Just(scale))
    })
}

/// Percentages with up to 12 digits behind the point.
pub(super) fn any_percent() -> impl Strategy<Value = Number> {
    (0_u32..=12).prop_flat_map(|scale| (0..=10_i64.pow(scale + 2), Just(scale)))
}

fn any_quantity() -> impl Strategy<Value = u64> {
    prop_oneof![0..5_u64, 0..5_000_u64, 0..1_000_000_000_000_u64]
}

pub(super) fn decimal_of((digits, scale): Number) -> Decimal {
    Decimal::new(digits, scale)
}

/// A price in minor units.
pub(super) fn minor_of((digits, scale): Number, currency: Currency) -> BigRational {
    decimal(digits.into(), scale) * whole(10_i128.pow(currency.exponent()))
}

/// A ladder before it is built: which kind, its bands as widths with rates, the size of a package, and a cap.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    kind: u8,
    bands: Vec<(u64, Number, Number)>,
    last: (Number, Number),
    size: u64,
    cap: Option<i64>,
    currency: Currency,
}

pub(super) fn any_ladder() -> impl Strategy<Value = Drawn> {
    let width = prop_oneof![1..5_u64, 1..2_000_u64, 1..1_000_000_000_u64];
    let bands = prop::collection::vec((width.clone(), any_price(), any_price()), 0..5);
    let cap = prop::option::of(0..1_000_000_i64);
    (0_u8..4, bands, (any_price(), any_price()), width, cap, any_currency())
        .prop_map(|(kind, bands, last, size, cap, currency)| Drawn { kind, bands, last, size, cap, currency })
}

impl Drawn {
    fn ladder(&self) -> Ladder {
        let exact = |number: Number| Exact::of_price(decimal_of(number), self.currency).unwrap();
        let rate = |(each, flat): (Number, Number)| Rate { each: exact(each), flat: exact(flat) };
        let bands = || {
            let mut ends = 0;
            let below = self.bands.iter().map(|(width, each, flat)| {
                ends += width;
                (ends, rate((*each, *flat)))
            });
            Bands::new(below.collect(), rate(self.last)).unwrap()
        };
        let steps = match self.kind {
            0 => Steps::PerUnit(exact(self.last.0)),
            1 => Steps::Graduated(bands()),
            2 => Steps::Volume(bands()),
            _ => Steps::Package { size: self.size.try_into().unwrap(), price: exact(self.last.0) },
        };
        Ladder { steps, cap: self.cap.map(Exact::of_minor) }
    }

    /// With prices of a currency.
    pub(super) fn of(self, currency: Currency) -> Self {
        Self { currency, ..self }
    }

    /// In major units, as an item of a tariff has it.
    pub(super) fn price(&self) -> FeePrice {
        let bands = || {
            let mut ends = 0;
            let below = self.bands.iter().map(|(width, each, flat)| {
                ends += width;
                band(Some(ends), (*each, *flat))
            });
            let below: Vec<_> = below.collect();
            below.into_iter().chain([band(None, self.last)]).collect()
        };
        match self.kind {
            0 => FeePrice::PerUnit(decimal_of(self.last.0)),
            1 => FeePrice::Graduated(bands()),
            2 => FeePrice::Volume(bands()),
            _ => FeePrice::Package { size: self.size.try_into().unwrap(), price: decimal_of(self.last.0) },
        }
    }

    /// In major units.
    pub(super) fn cap(&self) -> Option<Decimal> {
        self.cap.map(|minor| Amount { minor, currency: self.currency }.to_decimal())
    }

    /// In minor units.
    pub(super) fn cap_minor(&self) -> Option<BigRational> {
        self.cap.map(whole)
    }

    pub(super) fn prices(&self) -> Prices {
        let minor = |number: Number| minor_of(number, self.currency);
        let bands = || {
            let mut end = 0;
            let below = self.bands.iter().map(|(width, each, flat)| {
                end += width;
                Band { ends: Some(end), each: minor(*each), flat: minor(*flat) }
            });
            let last = Band { ends: None, each: minor(self.last.0), flat: minor(self.last.1) };
            below.chain([last]).collect::<Vec<_>>()
        };
        match self.kind {
            0 => Prices::PerUnit(minor(self.last.0)),
            1 => Prices::Graduated(bands()),
            2 => Prices::Volume(bands()),
            _ => Prices::Package(self.size, minor(self.last.0)),
        }
    }
}

fn band(up_to: Option<u64>, (each, flat): (Number, Number)) -> tariff::Band {
    tariff::Band { up_to, each: decimal_of(each), flat: decimal_of(flat) }
}

fn a_ladder_comes_to_what_fractions_do(
    (drawn, quantity, rounding): (Drawn, u64, Rounding),
) -> Result<(), TestCaseError> {
    let prices = drawn.prices();
    let exact = comes_to(&prices, quantity);
    if quantity < 50 {
        prop_assert_eq!(&exact, &comes_to_by_units(&prices, quantity));
    }
    let capped = drawn.cap.map_or(exact.clone(), |cap| exact.min(whole(cap)));
    let amount = drawn.ladder().amount(quantity).unwrap().rounded(drawn.currency, rounding);
    prop_assert_eq!(amount.ok().map(|amount| amount.minor), rounded(&capped, rounding));
    Ok(())
}

/// A month of an app: its prices, and its calls with the order in which each may also come.
#[derive(Debug, Clone)]
struct Month {
    price: Number,
    free: u64,
    percent: Number,
    rounding: Rounding,
    currency: Currency,
    /// Units, the amount if it is a sale, what part in 1,000 of it is refunded, and the order.
    calls: Vec<(u64, Option<i64>, i64, u32)>,
}

fn any_month() -> impl Strategy<Value = Month> {
    let call = (
        prop_oneof![0..50_u64, 0..1_000_000_u64],
        prop::option::of(prop_oneof![0..50_000_i64, 0..1_000_000_000_000_i64]),
        prop_oneof![Just(0_i64), 1..=999_i64, Just(1_000_i64)],
        any::<u32>(),
    );
    let calls = prop::collection::vec(call, 1..12);
    let prices = (any_price(), prop_oneof![Just(0_u64), 0..200_u64, 0..1_000_000_u64], any_percent());
    (prices, any_rounding(), any_currency(), calls).prop_map(
        |((price, free, percent), rounding, currency, calls)| Month {
            price,
            free,
            percent,
            rounding,
            currency,
            calls,
        },
    )
}

impl Month {
    fn tariff(&self) -> Tariff {
        let (per_unit, percent) = (decimal_of(self.price), decimal_of(self.percent));
        Tariff {
            currency: self.currency,
            rounding: self.rounding,
            fees: vec![FeeItem::new(FeeTerms::calls(per_unit, self.free, rule(12)), self.currency).unwrap()],
            share: Some(Share::of_percent(percent, rule(14))),
            recurring: Recurring::default(),
        }
    }

    /// Calls with their sales, then those that refund parts of them.
    fn calls(&self, order: impl Fn(usize, u32) -> u64) -> Vec<Billable> {
        let mut calls: Vec<(usize, u64, Billable)> = Vec::new();
        for (number, (units, minor, thousandths, place)) in self.calls.iter().enumerate() {
            let amount = |minor| Amount { minor, currency: self.currency };
            let of = format!("o-{number}");
            let transaction = minor.map(|minor| Transaction { amount: amount(minor), ..sale(&of, minor) });
            calls.push((0, order(number, *place), call(*units, transaction)));
            if let Some(minor) = minor.filter(|_| *thousandths > 0) {
                let gone = refunded(minor, *thousandths);
                let refund =
                    Transaction { amount: amount(gone), ..refund_named(&format!("r-{number}"), &of, gone) };
                calls.push((1, order(number, *place), call(0, Some(refund))));
            }
        }
        calls.sort_by_key(|(turn, place, _)| (*turn, *place));
        calls.into_iter().map(|(.., call)| call).collect()
    }

    /// What it comes to: fees, shares, and what is left of these.
    fn expected(&self) -> (i64, i64, i64) {
        let units: u64 = self.calls.iter().map(|(units, ..)| units).sum();
        let charged = units.saturating_sub(self.free);
        let fees = minor_of(self.price, self.currency) * whole(charged);
        let (mut shares, mut left) = (0, 0);
        for (_, minor, thousandths, _) in &self.calls {
            let Some(minor) = *minor else { continue };
            let share = decimal(self.percent.0.into(), self.percent.1 + 2) * whole(minor);
            let share = rounded(&share, self.rounding).unwrap();
            let gone = match minor {
                0 => whole(0),
                _ => whole(share) * whole(refunded(minor, *thousandths)) / whole(minor),
            };
            shares += share;
            left += share - rounded(&gone, self.rounding).unwrap();
        }
        (rounded(&fees, self.rounding).unwrap(), shares, left)
    }
}

fn refunded(minor: i64, thousandths: i64) -> i64 {
    i64::try_from(i128::from(minor) * i128::from(thousandths) / 1_000).unwrap()
}

fn a_month_comes_to_what_fractions_do(month: Month) -> Result<(), TestCaseError> {
    let (fees, shares, left) = month.expected();
    let tariff = month.tariff();
    let booking = Booking { period: period("2026-11"), service_period: period("2026-11") };
    let in_turn = month.calls(|number, _| number as u64);
    let shuffled = month.calls(|_, place| place.into());
    for calls in [in_turn, shuffled] {
        let mut totals = Totals::default();
        let mut charges = Vec::new();
        for call in &calls {
            let rated = rate(call, &tariff, booking, &mut totals).unwrap();
            prop_assert_eq!(rated.unrated, None);
            charges.extend(rated.charges);
        }
        let sum = |kind| charges.iter().filter(|one| one.line.kind == kind).map(|one| one.minor).sum::<i64>();
        prop_assert_eq!(sum(ChargeKind::ServiceFee), fees);
        prop_assert_eq!(sum(ChargeKind::RevenueShare), shares);
        prop_assert_eq!(sum(ChargeKind::RevenueShare) + sum(ChargeKind::ShareReversal), left);
    }
    Ok(())
}

fn parts_add_up((minor, weights): (i64, Vec<u64>)) -> Result<(), TestCaseError> {
    let Ok(split) = Split::new(weights.iter().copied().enumerate().collect()) else {
        prop_assert!(weights.iter().all(|weight| *weight == 0));
        return Ok(());
    };
    let all = weights.iter().fold(whole(0), |sum, weight| sum + whole(*weight));
    let parts = split.of(minor);
    prop_assert_eq!(parts.iter().map(|(_, part)| i128::from(*part)).sum::<i128>(), i128::from(minor));
    for ((_, part), weight) in parts.iter().zip(&weights) {
        let beside = whole(*part) - whole(minor) * whole(*weight) / &all;
        prop_assert!(beside < whole(1) && beside > whole(-1), "{} is {} beside its due", part, beside);
        prop_assert!(*weight > 0 || *part == 0);
    }
    Ok(())
}

fn ladders() -> impl Strategy<Value = (Drawn, u64, Rounding)> {
    (any_ladder(), any_quantity(), any_rounding())
}

fn splits() -> impl Strategy<Value = (i64, Vec<u64>)> {
    let weight = prop_oneof![0..5_u64, 0..100_u64, any::<u64>()];
    (prop_oneof![-50..50_i64, any::<i64>()], prop::collection::vec(weight, 0..8))
}

/// Runs so many cases of each.
#[track_caller]
fn prove_all(cases: u32) {
    prove(cases, ladders, a_ladder_comes_to_what_fractions_do);
    prove(cases, any_month, a_month_comes_to_what_fractions_do);
    prove(cases, splits, parts_add_up);
}

#[test]
fn ladders_months_and_splits_come_to_what_fractions_do() {
    prove_all(3_000);
}

/// `make prove`.
#[test]
#[ignore = "a long proof: `make prove`"]
fn a_million_ladders_months_and_splits_come_to_what_fractions_do() {
    prove_all(1_000_000);
    println!("1,000,000 ladders, months and splits: each what exact fractions come to");
}
