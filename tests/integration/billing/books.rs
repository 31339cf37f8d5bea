//! A partner's call through the real gateway, and what the books say of it.

use std::collections::HashSet;

use serde_json::Value;

use crate::support::dev::{Dev, wait_for};
use crate::support::origin::{Origin, point, unmask_orders};

/// This month, as the admin API names it, in the platform's zone.
fn period(dev: &Dev) -> String {
    let usage = dev.admin("GET", "/admin/usage?limit=1", "").json();
    let at = usage["items"][0]["at"].as_str().unwrap().parse().unwrap();
    let zone = tollgate::domain::time::Zone::named("Asia/Shanghai").unwrap();
    tollgate::domain::time::Period::of(at, &zone).to_string()
}

pub(super) fn usage_count(dev: &Dev, query: &str) -> usize {
    dev.admin("GET", &format!("/admin/usage?limit=500{query}"), "").json()["items"]
        .as_array()
        .map_or(0, Vec::len)
}

#[test]
fn an_order_of_100_yuan_is_a_fen_and_two_yuan_fifty_traced_to_record_version_and_line() {
    let dev = Dev::start();
    let bearer = dev.bearer(0);
    let order = dev.order(&bearer, "p-1001").unwrap();
    assert_eq!((order.status, order.json()["total_amount"].as_str()), (201, Some("100.00")));
    let record = order.header("x-request-id").unwrap().to_owned();
    wait_for("the usage record", || usage_count(&dev, "") == 1);
    let (period, app) = (period(&dev), dev.told("/app/client_id"));
    let statements = dev.admin("GET", &format!("/admin/statements?period={period}&app={app}"), "").json();
    let statement = &statements["items"][0];
    let lines = statement["lines"].as_array().unwrap();
    let summed: Vec<(&str, &str)> =
        lines.iter().map(|line| (line["kind"].as_str().unwrap(), line["amount"].as_str().unwrap())).collect();
    assert_eq!(summed, [("service_fee", "0.01"), ("revenue_share", "2.50")]);
    assert_eq!(statement["total"], "2.51");
    let charges = dev.admin("GET", &format!("/admin/statements/{period}/{app}/charges"), "").json();
    let charges = charges["items"].as_array().unwrap();
    assert_eq!(charges.len(), 2);
    for charge in charges {
        assert_eq!(charge["usage"], record.as_str());
        assert_eq!(charge["plan"], "standard@1");
        assert!(charge["rule"].as_str().unwrap().starts_with("plans/standard.yaml:"), "{charge}");
    }
    let check = dev.admin("GET", "/admin/ledger/check", "").json();
    assert_eq!(check["findings"], Value::Array(Vec::new()), "{check}");
}

/// The line of the fee in the file, and in the latest charge.
fn fee_lines(dev: &Dev, text: &str) -> (String, String) {
    let line = 1 + text.lines().position(|line| line.trim_start().starts_with("per_unit:")).unwrap();
    let (period, app) = (period(dev), dev.told("/app/client_id"));
    let charges = dev.admin("GET", &format!("/admin/statements/{period}/{app}/charges"), "").json();
    let rules: Vec<&str> = charges["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|charge| charge["kind"] == "service_fee")
        .filter_map(|charge| charge["rule"].as_str())
        .collect();
    let found = rules.iter().any(|rule| rule.starts_with(&format!("plans/standard.yaml:{line}:")));
    (format!("line {line}"), if found { format!("line {line}") } else { format!("{rules:?}") })
}

#[test]
fn a_charge_names_the_line_on_which_its_price_stands_now() {
    let dev = Dev::start();
    let bearer = dev.bearer(0);
    assert_eq!(dev.order(&bearer, "p-1001").unwrap().status, 201);
    wait_for("the usage record", || usage_count(&dev, "") == 1);
    let file = dev.policies().join("plans/standard.yaml");
    let text = format!("# One.\n# Two.\n{}", std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, &text).unwrap();
    assert_eq!(dev.admin("POST", "/admin/policy/reload", "{}").status, 200);
    assert_eq!(dev.order(&bearer, "p-1001").unwrap().status, 201);
    wait_for("the second usage record", || usage_count(&dev, "") == 2);
    let (stands, told) = fee_lines(&dev, &text);
    assert_eq!(told, stands);
}

#[test]
fn two_hundred_buyers_race_for_fifty_and_the_books_have_each_sale_once() {
    let dev = Dev::start();
    let bearer = dev.bearer(0);
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let buyers: Vec<_> =
            (0..200).map(|_| scope.spawn(|| dev.order(&bearer, "p-1050").unwrap().status)).collect();
        buyers.into_iter().map(|buyer| buyer.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 50);
    assert!(answers.iter().all(|status| matches!(status, 201 | 409)));
    assert_eq!(dev.get("/api/products/p-1050", &[]).json()["stock"], 0);
    wait_for("the usage records", || usage_count(&dev, "") == 200);
    let items = dev.admin("GET", "/admin/usage?limit=500", "").json();
    let sales: HashSet<String> = items["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["outcome"] == "billable")
        .map(|item| item["transaction"]["id"].to_string())
        .collect();
    assert_eq!(sales.len(), 50);
}

#[test]
fn an_answer_that_cannot_be_read_is_an_exception_and_is_passed_on() {
    let origin = Origin::answering("HTTP/1.1 201 Created\r\nContent-Length: 8\r\n\r\n{\"id\": 1");
    let dev = Dev::with_policies(|policies| {
        point(policies, "order", &origin.address);
        unmask_orders(policies);
    });
    let bearer = dev.bearer(0);
    let answer = dev.order(&bearer, "p-1001").unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (201, "{\"id\": 1"));
    let exceptions = || dev.admin("GET", "/admin/exceptions", "").json()["items"].clone();
    wait_for("the exception", || exceptions().as_array().is_some_and(|items| items.len() == 1));
    let reason = exceptions()[0]["reason"].to_string();
    assert!(reason.contains("not JSON"), "{reason}");
}

#[test]
fn refused_calls_of_a_known_app_are_records_without_a_price() {
    let dev = Dev::start();
    let key = dev.told("/app/api_key");
    assert_eq!(dev.get("/api/orders", &[("X-Api-Key", key)]).status, 403);
    wait_for("the usage record", || usage_count(&dev, "") == 1);
    let item = dev.admin("GET", "/admin/usage?limit=1", "").json()["items"][0].clone();
    assert_eq!(
        (item["outcome"].as_str(), item["refusal"].as_str()),
        (Some("free"), Some("merchant_missing"))
    );
}
