//! Items, ladders, caps and promotions of several versions of a plan come to what fractions of any size come to, in whatever order
//! calls come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use num_rational::BigRational;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tollgate::billing::rating::totals::Totals;
use tollgate::billing::rating::{Billable, Booking, Prices, rate};
use tollgate::domain::charge::{Charge, ChargeKind, Price};
use tollgate::domain::money::{Currency, Rounding};
use tollgate::domain::recurring::Recurring;
use tollgate::domain::tariff::{FeeItem, FeeTerms, Promotion, Tariff};
use tollgate::domain::time::Timestamp;

use super::many::prove;
use super::oracle::{Item, Used, items_come_to, rounded};
use super::priced::{Drawn, Number, any_currency, any_ladder, any_price, any_rounding, decimal_of, minor_of};
use super::seed::{call, november, period, plan, rule};

const NAMES: [&str; 3] = ["calls", "orders", "searches"];
pub(super) const ROUTES: [&str; 3] = ["place-order", "search", "list"];

/// An item before it is built: which routes it is for, its free units, its price, and how long promotions pause and last, with
/// what each unit costs.
#[derive(Debug, Clone)]
pub(super) struct DrawnItem {
    routes: u8,
    free: u64,
    price: Drawn,
    promotions: Vec<(u64, u64, Number)>,
}

/// A month of an app under some versions of a plan, with the calls in two orders.
#[derive(Debug, Clone)]
pub(super) struct Month {
    pub(super) rounding: Rounding,
    pub(super) currency: Currency,
    pub(super) versions: Vec<Vec<DrawnItem>>,
    /// Version, route, hour, units, and the other order.
    pub(super) calls: Vec<(usize, usize, u64, u64, u32)>,
}

fn any_item() -> impl Strategy<Value = DrawnItem> {
    let free = prop_oneof![Just(0_u64), 0..30_u64, 0..20_000_u64];
    let promotions = prop::collection::vec((0..5_u64, 1..8_u64, any_price()), 0..3);
    (0_u8..8, free, any_ladder(), promotions).prop_map(|(routes, free, price, promotions)| DrawnItem {
        routes,
        free,
        price,
        promotions,
    })
}

pub(super) fn any_month() -> impl Strategy<Value = Month> {
    let versions = prop::collection::vec(prop::collection::vec(any_item(), 1..=3), 1..=3);
    let units = prop_oneof![0..5_u64, 0..40_u64, 0..10_000_u64];
    let call = (0..3_usize, 0..3_usize, 0..24_u64, units, any::<u32>());
    (any_rounding(), any_currency(), versions, prop::collection::vec(call, 1..14))
        .prop_map(|(rounding, currency, versions, calls)| Month { rounding, currency, versions, calls })
}

impl DrawnItem {
    /// The routes whose bits are set; all of them if none is, which an item may say, too.
    fn routes(&self) -> Option<Vec<&'static str>> {
        let bits = ROUTES.iter().enumerate().filter(|(bit, _)| (self.routes >> bit) & 1 == 1);
        let routes: Vec<&'static str> = bits.map(|(_, route)| *route).collect();
        (!routes.is_empty()).then_some(routes)
    }

    /// From which hour until which, and what each unit costs.
    fn promotions(&self) -> Vec<(u64, u64, Number)> {
        let mut hour = 0;
        let spans = self.promotions.iter().map(|(pause, lasts, each)| {
            let from = hour + pause;
            hour = from + lasts;
            (from, hour, *each)
        });
        spans.collect()
    }

    fn built(&self, name: &str, currency: Currency) -> FeeItem {
        let promotions = self.promotions().into_iter().map(|(from, until, each)| Promotion {
            from: at(from),
            until: at(until),
            each: decimal_of(each),
        });
        let price = self.price.clone().of(currency);
        let routes = self.routes().map(|routes| routes.iter().map(|route| route.parse().unwrap()).collect());
        let terms = FeeTerms {
            name: name.parse().unwrap(),
            routes,
            free_units: self.free,
            price: price.price(),
            cap: price.cap(),
            promotions: promotions.collect(),
            source: rule(12),
        };
        FeeItem::new(terms, currency).unwrap()
    }

    fn expected(&self, name: &'static str, currency: Currency) -> Item {
        let promotions = self.promotions().into_iter();
        let price = self.price.clone().of(currency);
        Item {
            name,
            routes: self.routes(),
            free: self.free,
            prices: price.prices(),
            cap: price.cap_minor(),
            promotions: promotions
                .map(|(from, until, each)| (from, until, minor_of(each, currency)))
                .collect(),
        }
    }
}

pub(super) fn at(hour: u64) -> Timestamp {
    november().plus(Duration::from_secs(hour * 3_600))
}

/// What charges come to, by version and item: free units and money.
type Sums = BTreeMap<(u32, String), (i128, i64)>;

impl Month {
    pub(super) fn tariffs(&self) -> Vec<Arc<Tariff>> {
        let tariff = |items: &Vec<DrawnItem>| {
            let fees = NAMES.iter().zip(items).map(|(&name, item)| item.built(name, self.currency)).collect();
            let (currency, rounding, recurring) = (self.currency, self.rounding, Recurring::default());
            Arc::new(Tariff { currency, rounding, fees, share: None, recurring })
        };
        self.versions.iter().map(tariff).collect()
    }

    /// The calls, in one order or the other.
    fn calls(&self, is_shuffled: bool) -> Vec<(usize, Billable)> {
        let mut calls = self.calls.clone();
        if is_shuffled {
            calls.sort_by_key(|(.., place)| *place);
        }
        let billable = |(version, route, hour, units, _): (usize, usize, u64, u64, u32)| {
            let version = version % self.versions.len();
            let mut call = call(units, None);
            call.at = at(hour);
            call.plan = plan("standard", u32::try_from(version).unwrap() + 1);
            call.route = Some(ROUTES[route].parse().unwrap());
            (version, call)
        };
        calls.into_iter().map(billable).collect()
    }

    /// The items of each version as the oracle takes them.
    pub(super) fn items(&self) -> Vec<Vec<Item>> {
        let items = |items: &Vec<DrawnItem>| {
            NAMES.iter().zip(items).map(|(&name, item)| item.expected(name, self.currency)).collect()
        };
        self.versions.iter().map(items).collect()
    }

    fn expected(&self) -> Sums {
        let used = |(version, route, hour, units, _): &(usize, usize, u64, u64, u32)| -> Used {
            (version % self.versions.len(), ROUTES[*route], *hour, *units)
        };
        let calls: Vec<Used> = self.calls.iter().map(used).collect();
        let found = items_come_to(&self.items(), &calls).into_iter();
        let sums = found.map(|(version, name, free, exact): (usize, &str, u64, BigRational)| {
            let minor = rounded(&exact, self.rounding).unwrap();
            ((u32::try_from(version).unwrap() + 1, name.to_owned()), (i128::from(free), minor))
        });
        sums.filter(|(_, sums)| *sums != (0, 0)).collect()
    }
}

/// Rates calls one after the other, with the prices of whatever versions they ask for.
fn rated(tariffs: &[Arc<Tariff>], calls: &[(usize, Billable)]) -> Vec<Charge> {
    let booking = Booking { period: period("2026-11"), service_period: period("2026-11") };
    let mut totals = Totals::default();
    let mut charges = Vec::new();
    for (version, call) in calls {
        let tariff = tariffs[*version].as_ref();
        let later = totals.later_versions(call, tariff, booking.service_period).into_iter();
        let later: Vec<_> = later.map(|later| (later, tariffs[later as usize - 1].clone())).collect();
        let prices = Prices { tariff, later: &later };
        charges.extend(rate(call, prices, booking, &mut totals).unwrap().charges);
    }
    charges
}

fn sums(charges: &[Charge]) -> Sums {
    let mut sums = Sums::new();
    for charge in charges {
        let name = charge.line.item.as_ref().map_or("calls", |item| item.as_str());
        let (free, minor) = sums.entry((charge.line.plan.version, name.to_owned())).or_default();
        *minor += charge.minor;
        *free += match (&charge.price, charge.line.kind) {
            (Price::Units { free, .. }, ChargeKind::ServiceFee) => i128::from(*free),
            (Price::Moved { units, .. }, ChargeKind::Rewalk) => -i128::from(*units),
            other => panic!("{other:?}"),
        };
    }
    sums.retain(|_, sums| *sums != (0, 0));
    sums
}

fn a_month_comes_to_what_fractions_do(month: Month) -> Result<(), TestCaseError> {
    let (tariffs, expected) = (month.tariffs(), month.expected());
    for is_shuffled in [false, true] {
        let charges = rated(&tariffs, &month.calls(is_shuffled));
        prop_assert_eq!(&sums(&charges), &expected, "shuffled: {}", is_shuffled);
    }
    Ok(())
}

#[test]
fn items_of_several_versions_come_to_what_fractions_do_in_any_order() {
    prove(3_000, any_month, a_month_comes_to_what_fractions_do);
}

/// `make prove`.
#[test]
#[ignore = "a long proof: `make prove`"]
fn a_million_months_of_items_come_to_what_fractions_do() {
    prove(1_000_000, any_month, a_month_comes_to_what_fractions_do);
    println!("1,000,000 months of items, ladders, caps and promotions: each what exact fractions come to");
}

/// The case that went wrong once: what is free went to whoever came first.
#[test]
fn the_allowance_goes_by_version_and_not_by_arrival() {
    let tariffs: Vec<Arc<Tariff>> =
        ["1", "2"].iter().map(|each| Arc::new(super::seed::tariff(each, 4, "0"))).collect();
    let of = |version: u32| {
        let mut call = call(4, None);
        call.plan = plan("standard", version);
        (version as usize - 1, call)
    };
    let seen = |calls: &[(usize, Billable)]| -> Vec<(ChargeKind, u32, i64)> {
        let charges = rated(&tariffs, calls);
        charges.iter().map(|charge| (charge.line.kind, charge.line.plan.version, charge.minor)).collect()
    };
    let fee = ChargeKind::ServiceFee;
    assert_eq!(seen(&[of(1), of(2)]), [(fee, 1, 0), (fee, 2, 800)]);
    assert_eq!(seen(&[of(2), of(1)]), [(fee, 2, 0), (fee, 1, 0), (ChargeKind::Rewalk, 2, 800)]);
}
