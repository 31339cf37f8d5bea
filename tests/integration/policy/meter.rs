//! What a meter may read is told when policies load.

use http::HeaderName;
use tollgate::policy::body_reading::BodyReading;
use tollgate::policy::load::{NoValues, load_source};
use tollgate::policy::snapshot::BodiesRead;

use super::broken::{changed, check};

const ORDERS: &str = "routes/orders.yaml";
const UNITS: &str = "    meter:\n      transaction:\n";

#[track_caller]
fn refused(meter: &str, message: &str, help: Option<&str>) {
    check(ORDERS, UNITS, &format!("    meter:\n      {meter}\n      transaction:\n"), message, help);
}

#[test]
fn a_body_that_is_read_as_two_things_does_not_load() {
    refused(
        "units: response.lines.count",
        "response.body and response.lines are both read, and a body is only one of them",
        None,
    );
    refused("units: int(response.form.n)", "response.body and response.form are both read", None);
    refused(
        "units: int(request.form.a.n) + size(request.form.a)",
        "request.form.a is read as a text, and by members that it has as JSON",
        None,
    );
    refused("units: size(request.lines.sum)", "as request.lines.sum.quantity", None);
    refused("units: request.lines.total", "request.lines has no field total", None);
    refused(
        "units: request.lines.sum.a + request.lines.sum.a.b",
        "request.lines.sum.a is summed up, and so is a member of it",
        None,
    );
}

#[test]
fn fields_of_an_answers_head_are_named_once_before_they_are_read() {
    refused("units: int(response.headers['x-units'])", "has no field x-units", None);
    refused("headers: [x-units, X-Units]", "x-units is in this list twice", None);
    refused("headers: ['x units']", "is no name of a header field", None);
    refused("headers: []", "", None);
}

#[test]
fn how_long_a_call_is_known_is_bounded() {
    refused("idempotent_for: 8d", "7 days at most", Some("24h"));
    refused("idempotent_for: 1500ms", "whole seconds", None);
    refused("idempotent_for: always", "has the wrong form", None);
}

#[test]
fn what_may_be_of_any_apps_sale_is_for_a_scope() {
    let access = "      scopes: [order:write]\n";
    let rest = "      merchant: true\n    durable: true\n    meter:\n      transaction:\n        id: response.body.id\n        \
                amount: response.body.total_amount\n        currency: response.body.currency\n        kind: ";
    let (from, to) =
        (format!("{access}{rest}sale\n"), format!("{rest}settlement\n        sale_of: any-app\n"));
    check(ORDERS, &from, &to, "so it must ask for a scope", Some("a scope of its own"));
    let to = format!("{access}{to}");
    check(
        ORDERS,
        &from,
        &to,
        "each of its scopes is asked for by routes that do not",
        Some("a scope of its own"),
    );
}

/// What the meter of the shipped route for orders reads with more in it.
fn read(more: &str) -> (BodiesRead, Vec<HeaderName>) {
    let source = changed(ORDERS, UNITS, &format!("    meter:\n      {more}\n      transaction:\n"));
    let snapshot = load_source(&source, &NoValues).unwrap_or_else(|report| panic!("{report}"));
    let route = snapshot.routes.iter().find(|route| route.name.as_str() == "place-order").unwrap();
    let meter = route.meter.as_ref().unwrap();
    (meter.bodies.clone(), meter.headers.clone())
}

#[test]
fn what_a_meter_reads_of_a_body_says_how_much_of_it_is_kept() {
    let (bodies, _) = read("units: request.lines.count");
    assert!(matches!(bodies.request, BodyReading::Lines(_)));
    assert!(matches!(bodies.response, BodyReading::Members(_)));
    let (bodies, _) = read("units: size(response.body)");
    assert_eq!((bodies.request, bodies.response), (BodyReading::Nothing, BodyReading::Json));
    let (_, headers) = read("headers: [X-Units]\n      units: int(response.headers['x-units'])");
    assert_eq!(headers, ["x-units"]);
}
