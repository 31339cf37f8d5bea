//! A call that is sent again with its key, and that its upstream answers as before, is billed once.

use std::collections::BTreeMap;

use super::bodies::{upstream, with_routes};
use crate::support::dev::{Dev, wait_for};
use crate::support::http;

/// Sends lines of stock to the gateway, with that key.
#[track_caller]
fn send(dev: &Dev, key: &str, path: &str, quantity: u32) {
    let headers = [("X-Api-Key", dev.told("/other_app/api_key")), ("Idempotency-Key", key)];
    let body = format!("{{\"quantity\":{quantity}}}\n");
    let answer = http::request(dev.base(), "POST", path, &headers, &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// How many records there are by their units, once there are so many in all.
fn records(dev: &Dev, count: usize) -> BTreeMap<u64, usize> {
    let mut found = BTreeMap::new();
    wait_for("the usage records", || {
        let path = format!("/admin/usage?app={}", dev.told("/other_app/client_id"));
        let usage = dev.admin("GET", &path, "").json();
        let records = usage["items"].as_array().unwrap();
        let ours = || records.iter().filter(|record| record["route"] == "bulk-stock");
        found = BTreeMap::new();
        ours().for_each(|record| *found.entry(record["units"].as_u64().unwrap()).or_default() += 1);
        ours().count() == count
    });
    found
}

#[test]
fn the_same_call_again_is_billed_once_also_after_a_restart() {
    let address = upstream();
    let dev = Dev::with_policies(|policies| {
        with_routes(policies, &address);
        let file = policies.join("routes/catalog.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let (plain, idempotent) =
            ("request.lines.sum.quantity}", "request.lines.sum.quantity, idempotent_for: 24h}");
        std::fs::write(&file, text.replace(plain, idempotent)).unwrap();
    });
    send(&dev, "\"a\"", "/api/stock", 3);
    send(&dev, "\"a\"", "/api/stock", 3);
    assert_eq!(records(&dev, 2), BTreeMap::from([(0, 1), (3, 1)]));
    let dev = dev.kill_and_restart();
    send(&dev, "\"a\"", "/api/stock", 3);
    assert_eq!(records(&dev, 3), BTreeMap::from([(0, 2), (3, 1)]));
    // Another key, another body and another target are other calls.
    send(&dev, "\"b\"", "/api/stock", 3);
    send(&dev, "\"a\"", "/api/stock", 4);
    send(&dev, "\"a\"", "/api/stock?dry=1", 3);
    assert_eq!(records(&dev, 6), BTreeMap::from([(0, 2), (3, 3), (4, 1)]));
    let path = format!("/admin/usage?app={}", dev.told("/other_app/client_id"));
    let usage = dev.admin("GET", &path, "").json();
    let (again, first) = (&usage["items"][3]["id"], &usage["items"][5]["id"]);
    let again = dev.admin("GET", &format!("/admin/usage/{}", again.as_str().unwrap()), "").json();
    assert_eq!((&again["repeat_of"], &again["outcome"]), (first, &"free".into()), "{again}");
}
