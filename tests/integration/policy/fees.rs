//! What is wrong with the prices of a plan is told at its place, with what to do.

use tollgate::domain::plan::Existing;
use tollgate::domain::tariff::{FeePrice, FeeTerms};
use tollgate::policy::load::{NoValues, load_source};

use super::broken::{changed, check};

const PLAN: &str = "plans/standard.yaml";
const SHORT: &str = "    fee:\n      per_unit: 0.01\n";

/// The version's fee in the long form.
fn fees(items: &[&str]) -> String {
    let items: String = items.iter().map(|item| format!("      - {{{item}}}\n")).collect();
    format!("    fees:\n{items}")
}

#[track_caller]
fn check_fees(items: &[&str], message: &str, help: Option<&str>) {
    check(PLAN, SHORT, &fees(items), message, help);
}

#[test]
fn what_is_wrong_with_a_price_is_told_at_its_place() {
    check(
        PLAN,
        SHORT,
        &format!("{SHORT}{}", fees(&["item: orders, per_unit: 1"])),
        "has `fee` or `fees`, not both",
        Some("item: calls"),
    );
    let no_price = "an item has one price: per_unit, graduated, volume or package";
    check_fees(&["item: a"], no_price, Some("per_unit: 0.01"));
    check_fees(&["item: a, per_unit: 1, package: {size: 2, price: 1}"], no_price, Some("an item of its own"));
    check_fees(
        &["item: a, graduated: [{up_to: 10, each: 1}, {up_to: 10, each: 2}, {each: 3}]"],
        "a band ends at 10, and the one before it at 10",
        Some("in the order of their up_to"),
    );
    check_fees(
        &["item: a, volume: [{up_to: 10, each: 1}]"],
        "band 1 is the last, and has an up_to",
        Some("add a band"),
    );
    check_fees(
        &["item: a, volume: [{each: 1}, {each: 2}]"],
        "band 1 has no up_to, and is not the last",
        Some("put it last"),
    );
    check_fees(&["item: a, package: {size: 0, price: 1}"], "at least 1", None);
    check_fees(&["item: a, per_unit: 1, cap: -1"], "from 0", None);
    check_fees(&["item: a, per_unit: 1, cap: 0.001"], "0.001 is no amount", Some("20000.00"));
}

#[test]
fn what_is_wrong_with_a_promotion_is_told_at_its_place() {
    let promoted = |spans: &[(&str, &str)]| {
        let spans: Vec<String> = spans
            .iter()
            .map(|(from, until)| {
                format!("{{from: 2027-02-{from}T00:00:00Z, until: 2027-02-{until}T00:00:00Z, each: 0}}")
            })
            .collect();
        format!("item: a, per_unit: 1, promotions: [{}]", spans.join(", "))
    };
    check_fees(
        &[&promoted(&[("02", "01")])],
        "promotion 1 ends before it has begun",
        Some("later than from"),
    );
    check_fees(
        &[&promoted(&[("01", "03"), ("02", "04")])],
        "promotions 1 and 2 overlap",
        Some("have one end where the other begins"),
    );
    check_fees(
        &["item: a, per_unit: 1, promotions: [{from: 2027-02-01, until: 2027-02-02T00:00:00Z, each: 0}]"],
        "RFC 3339",
        None,
    );
}

#[test]
fn items_that_no_call_gets_to_are_told() {
    let beaten = |item: &str| {
        format!("no call gets to item {item}: a call is charged by the first item that has its route")
    };
    let first = Some("put the item with fewer routes first");
    check_fees(&["item: a, per_unit: 1", "item: b, routes: [place-order], per_unit: 2"], &beaten("b"), first);
    check_fees(
        &[
            "item: a, routes: [place-order, get-order], per_unit: 1",
            "item: b, routes: [get-order], per_unit: 2",
        ],
        &beaten("b"),
        first,
    );
    check_fees(
        &["item: a, routes: [place-order], per_unit: 1", "item: a, per_unit: 2"],
        "there is a fee item a already",
        Some("plans/standard.yaml:"),
    );
    check_fees(
        &["item: a, routes: [plaice-order], per_unit: 1"],
        "there is no route plaice-order",
        Some("place-order"),
    );
    check_fees(
        &["item: a, routes: [update-stock], per_unit: 1"],
        "route update-stock is in no API product of the plan",
        Some("name a route of the plan's `products`"),
    );
}

#[test]
fn items_are_what_their_file_says() {
    let items = [
        "item: orders, routes: [place-order], package: {size: 100, price: 0.80}",
        "item: calls, free_units: 1000, graduated: [{up_to: 10000, each: 0.01, flat: 2}, {each: 0.005}], cap: 20000.00",
    ];
    let snapshot = load_source(&changed(PLAN, SHORT, &fees(&items)), &NoValues).unwrap();
    let tariff = &snapshot.plans["standard"].versions[0].tariff;
    let [orders, calls] = tariff.fees.as_slice() else { panic!("{tariff:?}") };
    let FeeTerms { name, routes, price, .. } = orders.terms();
    assert_eq!((name.as_str(), routes.as_ref().map(Vec::len)), ("orders", Some(1)));
    assert!(matches!(price, FeePrice::Package { size, .. } if size.get() == 100), "{price:?}");
    let words = "graduated: 0.01 each and 2 once to unit 10000, 0.005 each beyond; at most 20000";
    assert_eq!((calls.key(), calls.words().map(|words| &**words)), (None, Some(words)));
    assert_eq!(orders.key().map(|key| key.as_str()), Some("orders"));
    // The short form is the item called calls.
    let long =
        load_source(&changed(PLAN, SHORT, &fees(&["item: calls, per_unit: 0.01"])), &NoValues).unwrap();
    let short = load_source(&super::broken::shipped(), &NoValues).unwrap();
    let of = |snapshot: &tollgate::policy::snapshot::Snapshot| {
        snapshot.plans["standard"].versions[0].tariff.clone()
    };
    assert!(of(&long).prices_like(&of(&short)));
}

#[test]
fn a_version_says_what_becomes_of_existing_subscriptions() {
    let currency = "    currency: CNY\n";
    let with = |text: &str| format!("    {text}\n{currency}");
    check(
        PLAN,
        currency,
        &with("existing: move"),
        "move with notice, and there is none",
        Some("notice: 30d"),
    );
    check(PLAN, currency, &with("notice: 30d"), "nobody is given notice", Some("existing: move"));
    let short = with("existing: move\n    notice: 5s");
    check(PLAN, currency, &short, "a notice is of a day at least", Some("30d"));
    let both = with("existing: stay\n    notice: 30d");
    check(PLAN, currency, &both, "nobody is given notice", Some("existing: move"));
    let moves =
        load_source(&changed(PLAN, currency, &with("existing: move\n    notice: 30d")), &NoValues).unwrap();
    let days = std::time::Duration::from_secs(30 * 86_400);
    assert_eq!(moves.plans["standard"].versions[0].existing, Existing::Move { notice: days });
    let stays = load_source(&changed(PLAN, currency, &with("existing: stay")), &NoValues).unwrap();
    assert_eq!(stays.plans["standard"].versions[0].existing, Existing::Stay);
}

#[test]
fn what_a_month_costs_is_an_amount_with_the_digits_of_its_currency() {
    let currency = "    currency: CNY\n";
    let with = |text: &str| format!("{currency}    {text}\n");
    for wrong in ["monthly_fee: 99.001", "monthly_fee: -1", "minimum: 1000000001"] {
        let help = Some("write it like 99");
        check(
            PLAN,
            currency,
            &with(wrong),
            "from 0 to 1000000000, with up to 2 digits after the point",
            help,
        );
    }
    let recurring = with("monthly_fee: 99\n    minimum: 500.00");
    let snapshot = load_source(&changed(PLAN, currency, &recurring), &NoValues).unwrap();
    let tariff = &snapshot.plans["standard"].versions[0].tariff;
    let monthly = tariff.recurring.fee.as_ref().unwrap();
    assert_eq!(
        (monthly.minor, tariff.recurring.minimum.as_ref().map(|least| least.minor)),
        (9_900, Some(50_000))
    );
    assert!(monthly.source.to_string().starts_with("plans/standard.yaml:"), "{}", monthly.source);
}
