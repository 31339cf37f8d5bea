//! An order that is cancelled before it is paid leaves nothing to share.

use serde_json::Value;
use tollgate::domain::time::{Period, Timestamp, Zone};

use crate::support::dev::{Dev, wait_for};
use crate::support::http;

#[test]
fn of_a_cancelled_order_the_whole_share_is_given_back() {
    let dev = Dev::start();
    let bearer = dev.bearer(0);
    let placed = dev.order(&bearer, "p-1001").unwrap();
    assert_eq!(placed.status, 201, "{}", placed.text());
    let path = format!("/api/orders/{}/cancel", placed.json()["id"].as_str().unwrap());
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let cancel = || http::request(dev.base(), "POST", &path, &headers, "");
    let cancelled = cancel();
    assert_eq!(cancelled.status, 200, "{}", cancelled.text());
    // The second is no cancellation, and takes nothing back.
    assert_eq!(cancel().status, 409);

    let app = dev.told("/app/client_id");
    let mut usage = Value::Null;
    wait_for("all three calls in the books", || {
        usage = dev.admin("GET", &format!("/admin/usage?app={app}"), "").json()["items"].take();
        usage.as_array().unwrap().len() == 3
    });
    let at = usage[0]["at"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let period = Period::of(at, &Zone::named("Asia/Shanghai").unwrap());
    let charges = dev.admin("GET", &format!("/admin/statements/{period}/{app}/charges"), "").json();
    let charges = charges["items"].as_array().unwrap().clone();
    let shares: Vec<Value> = charges.into_iter().filter(|charge| charge["kind"] != "service_fee").collect();
    let mut amounts: Vec<&str> = shares.iter().map(|share| share["amount"].as_str().unwrap()).collect();
    amounts.sort_unstable();
    assert_eq!(amounts, ["-2.50", "2.50"], "{shares:?}");
    assert_eq!(dev.admin("GET", "/admin/exceptions", "").json()["items"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_body_that_the_order_system_would_not_take_is_refused_by_the_gateway() {
    let dev = Dev::start();
    let bearer = dev.bearer(0);
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let body = format!("{{\"note\":\"{}\"}}", "x".repeat(256 << 10));
    for path in ["/api/orders", "/api/payments", "/api/payments/pay-1/refunds"] {
        let refused = http::request(dev.base(), "POST", path, &headers, &body);
        assert_eq!((refused.status, refused.code().as_str()), (413, "body_too_large"), "{path}");
    }
}
