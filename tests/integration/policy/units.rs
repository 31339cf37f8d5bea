//! Limits that count units, and what is known of them before a call is answered.

use tollgate::domain::plan::Quantity;
use tollgate::policy::load::{NoValues, load_source};

use super::broken::{changed, check};

const PLAN: &str = "plans/standard.yaml";
const LIMIT: &str = "{name: calls, requests: 60000, window: 1m, burst: 2000}";
const ORDERS: &str = "routes/orders.yaml";
const METER: &str = "    meter:\n      transaction:\n";

#[track_caller]
fn check_meter(meter: &str, message: &str, help: Option<&str>) {
    check(ORDERS, METER, &format!("    meter:\n{meter}      transaction:\n"), message, help);
}

#[test]
fn a_limit_counts_requests_or_units() {
    let one_of_both = "a limit counts `requests` or `units`";
    check(PLAN, LIMIT, "{name: calls, requests: 6, units: 6, window: 1m}", one_of_both, Some("units: 600"));
    check(PLAN, LIMIT, "{name: calls, window: 1m}", one_of_both, None);
    check(PLAN, LIMIT, "{name: calls, units: 0, window: 1m}", "0 is too small: at least 1", None);
    check(PLAN, LIMIT, "{name: calls, units: 1000000000, window: 1ms}", "not told apart", None);
    let of_supply = "{name: calls, units: 6000, window: 1m, burst: 500}";
    let none = "has no meter, so its calls are not counted";
    let with_meter = Some("add `meter: {}` to the route");
    check(
        "plans/supplier.yaml",
        "{name: calls, requests: 6000, window: 1m, burst: 500}",
        of_supply,
        none,
        with_meter,
    );
}

#[test]
fn what_is_reserved_is_told_by_the_head_of_a_request() {
    check_meter("      reserve: '2'\n", "each call is 1 unit", Some("take `reserve` away"));
    check_meter(
        "      units: int(request.query.count)\n      reserve: '2'\n",
        "units reads nothing but the request's head",
        Some("take `reserve` away"),
    );
    check_meter(
        "      units: request.lines.count\n      reserve: request.lines.count\n",
        "request has no field lines",
        None,
    );
    check_meter("      units: size(response.body.items)\n      reserve: response.status\n", "response", None);
    check_meter(
        "      units: size(response.body.items)\n      reserve: request.path\n",
        "this gives a text, not a whole number",
        None,
    );
}

/// What is known beforehand of the units of an order.
fn known(meter: &str) -> Option<String> {
    let source = changed(ORDERS, METER, &format!("    meter:\n{meter}      transaction:\n"));
    let snapshot = load_source(&source, &NoValues).unwrap_or_else(|report| panic!("{report}"));
    let route = snapshot.routes.iter().find(|route| route.name.as_str() == "place-order").unwrap();
    let known = route.meter.as_ref().unwrap().known.as_ref();
    known.map(|known| known.expression.text().to_owned())
}

#[test]
fn units_of_the_head_are_known_without_a_word() {
    assert_eq!(known("      units: int(request.query.count)\n").as_deref(), Some("int(request.query.count)"));
    assert_eq!(known("      units: request.lines.count\n"), None);
    assert_eq!(known("      units: response.status - 200\n"), None);
    let reserved = "      units: size(response.body.items)\n      reserve: int(request.query.most)\n";
    assert_eq!(known(reserved).as_deref(), Some("int(request.query.most)"));
    let source = changed(PLAN, LIMIT, "{name: items, units: 10, window: 1m}");
    let snapshot = load_source(&source, &NoValues).unwrap_or_else(|report| panic!("{report}"));
    let limit = &snapshot.plans["standard"].versions[0].limits[0];
    assert_eq!((limit.of, limit.rate.burst.get()), (Quantity::Units, 10));
    assert_eq!(limit.announced, "\"items\";q=10;qu=\"tollgate-units\";w=60;tollgate-burst=10");
}

#[test]
fn what_is_wrong_with_a_quota_is_told_at_its_place() {
    let limits = format!("      - {LIMIT}\n");
    let check = |quota: &str, message: &str| {
        check(PLAN, &limits, &format!("{limits}    quotas:\n      - {{{quota}}}\n"), message, None);
    };
    check("name: monthly, requests: 5, units: 5, per: month", "a quota counts `requests` or `units`");
    check("name: monthly, requests: 0, per: month", "0 is too small: at least 1");
    check("name: calls, requests: 5, per: month", "there is a limit or quota calls already");
    check("name: monthly, requests: 5, per: week", "week");
    let supplier = "{name: calls, requests: 6000, window: 1m, burst: 500}\n";
    let quotas = format!("{supplier}    quotas:\n      - {{name: daily, requests: 5, per: day}}\n");
    super::broken::check("plans/supplier.yaml", supplier, &quotas, "has no meter", Some("meter: {}"));
}
