//! What another set changes, each change of its class.

use tollgate::domain::time::Timestamp;
use tollgate::policy::compare::change::{Applies, Change};
use tollgate::policy::compare::compare;
use tollgate::policy::load::{NoValues, load_source};
use tollgate::policy::source::Source;

use super::broken::{changed, shipped};

const PLAN: &str = "plans/standard.yaml";
const FEE: &str = "    fee:\n      per_unit: 0.01\n";
const ORDERS: &str = "routes/orders.yaml";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[track_caller]
fn changes(old: &Source, new: &Source, now: &str) -> Vec<Change> {
    let load = |source| load_source(source, &NoValues).unwrap_or_else(|report| panic!("{report}"));
    compare(&load(old), &load(new), at(now))
}

#[track_caller]
fn check_sets(old: &Source, new: &Source, now: &str, expected: &[(&str, &str)]) {
    let changes = changes(old, new, now);
    let told: Vec<(&str, String)> =
        changes.iter().map(|change| (change.class.name(), change.to_string())).collect();
    let told: Vec<(&str, &str)> = told.iter().map(|(class, change)| (*class, change.as_str())).collect();
    assert_eq!(told, expected);
}

/// What it changes of the shipped set that `to` stands for the first `from` in a file.
#[track_caller]
fn check(file: &str, from: &str, to: &str, expected: &[(&str, &str)]) {
    check_sets(&shipped(), &changed(file, from, to), "2026-06-01T00:00:00Z", expected);
}

/// The plan with its fee in the long form.
fn with_fees(file: &str, short: &str, items: &[&str]) -> Source {
    let items: String = items.iter().map(|item| format!("      - {{{item}}}\n")).collect();
    changed(file, short, &format!("    fees:\n{items}"))
}

#[test]
fn the_same_set_changes_nothing() {
    check_sets(&shipped(), &shipped(), "2026-06-01T00:00:00Z", &[]);
    check(PLAN, "  # Never change", "  # Do not ever change", &[]);
}

#[test]
fn each_change_is_of_its_class() {
    let fee = "the price of plan standard@1: fee calls";
    let (raises, lowers) = (format!("raises {fee}"), format!("lowers {fee}"));
    check(PLAN, "per_unit: 0.01", "per_unit: 0.02", &[("raises_price", &raises)]);
    check(PLAN, "per_unit: 0.01", "per_unit: 0.005", &[("lowers_price", &lowers)]);
    check(PLAN, FEE, &format!("{FEE}      free_units: 5\n"), &[("lowers_price", &lowers)]);
    let share = "raises the price of plan standard@1: share";
    check(PLAN, "percent: 2.5", "percent: 2.6", &[("raises_price", share)]);
    let free = "raises the price of plan starter@1: fee calls";
    check("plans/starter.yaml", "free_units: 1000", "free_units: 999", &[("raises_price", free)]);
    let monthly = "raises the price of plan standard@1: monthly_fee";
    check(PLAN, FEE, &format!("{FEE}    monthly_fee: 99\n"), &[("raises_price", monthly)]);
    let meter = "raises the price of route place-order: meter transaction";
    check(ORDERS, "currency: response.body.currency", "currency: \"'CNY'\"", &[("raises_price", meter)]);

    let cut = "cuts what may be used by plan standard@1: limit calls";
    check(PLAN, "burst: 2000", "burst: 1999", &[("cuts_limit", cut)]);
    let raised = "raises what may be used by plan standard@1: limit calls";
    check(PLAN, "burst: 2000", "burst: 2001", &[("raises_limit", raised)]);
    let same = "changes plan standard@1: limit calls";
    check(PLAN, "requests: 60000, window: 1m", "requests: 30000, window: 30s", &[("other", same)]);
    let of_addresses = ["get-product", "list-products"]
        .map(|route| format!("cuts what may be used by route {route}: address_limit"));
    let of_addresses = [("cuts_limit", of_addresses[0].as_str()), ("cuts_limit", of_addresses[1].as_str())];
    check("routes/catalog.yaml", "requests: 3000", "requests: 2999", &of_addresses);

    let scope = "narrows route place-order: scope order:read";
    check(ORDERS, "scopes: [order:write]", "scopes: [order:write, order:read]", &[("narrows_scope", scope)]);
    let body = "narrows route place-order: max_body";
    check(ORDERS, "max_body: 256KiB", "max_body: 128KiB", &[("narrows_scope", body)]);
    let product = "narrows product storefront: route list-products";
    check("products.yaml", "      - list-products\n", "", &[("narrows_scope", product)]);
    let pkce = "narrows platform: pkce";
    check("platform.yaml", "require_pkce: false", "require_pkce: true", &[("narrows_scope", pkce)]);
    let unmasked = "widens route place-order: masked receiver.address without order:pii";
    let fields = "fields: [receiver.name, receiver.phone";
    check(
        ORDERS,
        &format!("{fields}, receiver.address]"),
        &format!("{fields}]"),
        &[("widens_scope", unmasked)],
    );
    let method = "widens route update-product: method PATCH";
    check("routes/catalog.yaml", "methods: [PUT]", "methods: [PUT, PATCH]", &[("widens_scope", method)]);
    let name = "changes platform: name";
    check("platform.yaml", "name: Demo Platform", "name: Another", &[("other", name)]);
}

#[test]
fn items_are_compared_by_the_calls_that_they_are_for() {
    let orders = "item: orders, routes: [place-order], per_unit: 0.01";
    let (now, renamed) = ("2026-06-01T00:00:00Z", "changes plan standard@1: fee orders (was calls)");
    let two = with_fees(PLAN, FEE, &[orders, "item: rest, per_unit: 0.01"]);
    let others = [("other", renamed), ("other", "changes plan standard@1: fee rest (was calls)")];
    check_sets(&shipped(), &two, now, &others);
    let cheaper = with_fees(PLAN, FEE, &[orders, "item: rest, per_unit: 0.01, free_units: 5"]);
    let rest = "lowers the price of plan standard@1: fee rest (was calls)";
    check_sets(&shipped(), &cheaper, now, &[("lowers_price", rest), ("other", renamed)]);
    let (file, short) = ("plans/starter.yaml", "    fee:\n      per_unit: 0.01\n      free_units: 1000\n");
    let apart = [&format!("{orders}, free_units: 1000"), "item: rest, per_unit: 0.01, free_units: 1000"];
    let may_be =
        ["orders", "rest"].map(|item| format!("raises the price of plan starter@1: fee {item} (was calls)"));
    let may_be = [("raises_price", may_be[0].as_str()), ("raises_price", may_be[1].as_str())];
    check_sets(&shipped(), &with_fees(file, short, &apart), now, &may_be);
}

#[test]
fn a_promotion_that_goes_raises_the_price_while_it_would_run() {
    let plain = "item: calls, per_unit: 0.01";
    let span = "from: 2026-05-01T00:00:00Z, until: 2026-07-01T00:00:00Z";
    let promoted = with_fees(PLAN, FEE, &[&format!("{plain}, promotions: [{{{span}, each: 0}}]")]);
    let raises = "raises the price of plan standard@1: fee calls";
    check_sets(&promoted, &shipped(), "2026-06-01T00:00:00Z", &[("raises_price", raises)]);
    let over = "changes plan standard@1: fee calls";
    check_sets(&promoted, &shipped(), "2026-08-01T00:00:00Z", &[("other", over)]);
}

#[test]
fn a_version_that_is_added_is_compared_with_the_one_before_it_and_applies_from_its_date() {
    let next = "  - version: 2\n    effective_from: 2027-01-01T00:00:00Z\n    currency: CNY\n    limits:\n      \
         - {name: calls, requests: 60000, window: 1m, burst: 2000}\n    fee:\n      per_unit: 0.02\n    share:\n      \
         percent: 2.5\n";
    let share = "    share:\n      percent: 2.5\n";
    let added = changed(PLAN, share, &format!("{share}{next}"));
    let changes = changes(&shipped(), &added, "2026-06-01T00:00:00Z");
    let [raised, version] = changes.as_slice() else { panic!("not two changes: {changes:?}") };
    assert_eq!(raised.to_string(), "raises the price of plan standard@2: fee calls");
    assert_eq!((raised.before.as_deref(), raised.after.as_deref()), (Some("0.01 each"), Some("0.02 each")));
    assert!(matches!(raised.applies, Applies::From { at: from, .. } if from == at("2027-01-01T00:00:00Z")));
    let (before, after) = &raised.places;
    assert!(before.as_ref().zip(after.as_ref()).is_some_and(|(before, after)| before.line < after.line));
    assert_eq!(version.to_string(), "changes plan standard@2: version");
    let gone = "narrows plan standard@2: version";
    check_sets(&added, &shipped(), "2027-06-01T00:00:00Z", &[("narrows_scope", gone)]);
}

#[test]
fn a_share_is_dearer_if_any_sale_is() {
    let share = "    share:\n      percent: 2.5\n";
    let with = |more: &str| changed(PLAN, share, &format!("{share}{more}"));
    let (now, raises) = ("2026-06-01T00:00:00Z", "raises the price of plan standard@1: share");
    let floor = with("      floor: 0.05\n");
    check_sets(&shipped(), &floor, now, &[("raises_price", raises)]);
    let cap = with("      cap: 50\n");
    let lowers = "lowers the price of plan standard@1: share";
    check_sets(&shipped(), &cap, now, &[("lowers_price", lowers)]);
    check_sets(&cap, &floor, now, &[("raises_price", raises)]);
}
