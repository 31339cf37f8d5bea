//! What a balance asks of a call, and what becomes of calls when its limit changes or it ends.

use serde_json::json;

use super::balances::{Paid, call, drain, until_passed};
use super::quotas::set_meter;
use crate::support::dev::{Dev, wait_for};
use crate::support::http::Answer;

const LISTS: &str = "/api/products?page_size=1";

/// Replaces a part of the plan `standard`.
fn with_plan(before: &str, after: &str) -> Dev {
    Dev::with_policies(|policies| {
        let file = policies.join("plans/standard.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(before), "{text}");
        std::fs::write(&file, text.replace(before, after)).unwrap();
    })
}

fn get(dev: &Dev, path: &str) -> Answer {
    dev.get(path, &[("X-Api-Key", dev.told("/app/api_key"))])
}

/// Prices of the two open routes of the catalogue, and of all others.
fn with_fees(reads: &str, lists: &str) -> Dev {
    let fees = format!(
        "    fees:
      - {{item: reads, routes: [get-product], {reads}}}
      - {{item: lists, routes: [list-products], {lists}}}
      - {{item: others, per_unit: 5}}
"
    );
    with_plan("    fee:\n      per_unit: 0.01\n", &fees)
}

#[test]
fn a_call_is_asked_only_for_what_its_own_item_may_cost() {
    let always = "from: 2026-01-01T00:00:00Z, until: 2099-01-01T00:00:00Z, each: 0";
    let dev = with_fees("per_unit: 0.02", &format!("per_unit: 1, promotions: [{{{always}}}]"));
    let paid = Paid::begin(&dev, json!({"kind": "prepaid"}));
    assert_eq!(paid.deposit(&dev, "0.05", "transfer 1").status, 200);
    let (passed, refusal) = drain(&dev);
    assert_eq!((passed, refusal.code().as_str()), (2, "balance_exhausted"));
    let detail = refusal.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("less than this call may cost"), "{detail}");
    wait_for("a call to pass that costs nothing at its time", || get(&dev, LISTS).status == 200);
    assert_eq!(paid.spent(&dev), "0.04");
}

#[test]
fn a_call_is_asked_for_all_units_that_its_request_tells() {
    let dev = Dev::with_policies(|policies| set_meter(policies, "meter: {units: int(request.query.count)}"));
    let paid = Paid::begin(&dev, json!({"kind": "prepaid"}));
    assert_eq!(paid.deposit(&dev, "0.05", "transfer 1").status, 200);
    let answers = |count: u64, wanted: u16| {
        wait_for("an answer", || {
            let status = get(&dev, &format!("/api/products/p-1001?count={count}")).status;
            // The machine may be too busy for the node to lease in time.
            assert!(status == wanted || status == 503, "{status} for {count}");
            status == wanted
        });
    };
    answers(6, 402);
    answers(1_000_000_000_000, 402);
    answers(5, 200);
    answers(1, 402);
    answers(0, 200);
    assert_eq!(paid.spent(&dev), "0.05");
}

#[test]
fn what_a_node_has_leased_for_one_item_goes_to_calls_of_another_that_wait() {
    let dev = with_fees("per_unit: 0.02", "per_unit: 0.15");
    let paid = Paid::begin(&dev, json!({"kind": "prepaid"}));
    assert_eq!(paid.deposit(&dev, "0.17", "transfer 1").status, 200);
    until_passed(&dev, 1);
    wait_for("a dear call to pass", || get(&dev, LISTS).status == 200);
    assert_eq!(paid.spent(&dev), "0.17");
    assert_eq!((drain(&dev).0, get(&dev, LISTS).status), (0, 402));
}

#[test]
fn what_a_balance_is_known_not_to_bear_uses_up_nothing_of_a_limit() {
    let few = "{name: calls, requests: 50, window: 1h, burst: 50}";
    let dev = with_plan("{name: calls, requests: 60000, window: 1m, burst: 2000}", few);
    let paid = Paid::begin(&dev, json!({"kind": "prepaid"}));
    let (passed, refused) = drain(&dev);
    assert_eq!(passed, 0);
    let is_told = |field: &str| assert!(field.starts_with("\"calls\";r=50;"), "{field}");
    refused.header("ratelimit").into_iter().for_each(is_told);
    for _ in 0..150 {
        let answer = call(&dev);
        assert!(matches!(answer.status, 402 | 503), "{}", answer.text());
    }
    assert_eq!(paid.deposit(&dev, "0.10", "transfer 1").status, 200);
    until_passed(&dev, 10);
}

#[test]
fn calls_follow_a_limit_that_changes_and_are_owed_after_the_end() {
    let dev = Dev::start();
    let paid = Paid::begin(&dev, json!({"kind": "credit", "limit": "0.01"}));
    until_passed(&dev, 1);
    assert_eq!(drain(&dev).0, 0);
    let change = |what: &str, body: serde_json::Value| {
        dev.admin("POST", &format!("/admin/balances/{}/{what}", paid.0), &body.to_string())
    };
    let raised = change("limit", json!({"limit": "0.03", "cause": "asked for"}));
    assert_eq!((raised.status, &raised.json()["limit"]), (200, &json!("0.03")), "{}", raised.text());
    until_passed(&dev, 2);
    assert_eq!(drain(&dev).0, 0);
    let other = change("limit", json!({"limit": "0.05", "cause": "asked for"}));
    assert_eq!((other.status, other.text().contains("another change")), (409, true), "{}", other.text());
    assert_eq!(change("withdrawals", json!({"amount": "0.01", "cause": "back"})).status, 409);
    let ended = change("end", json!({"cause": "postpaid from now on"}));
    assert!(ended.status == 200 && ended.json()["ended_at"].is_string(), "{}", ended.text());
    until_passed(&dev, 5);
    assert_eq!(paid.spent(&dev), "0.03", "calls from after its end are owed");
    let drafts = dev.admin("GET", "/admin/statements", "").json();
    let draft = &drafts["items"][0];
    let told = (&draft["total"], &draft["paid_from_balance"], &draft["left_to_pay"]);
    assert_eq!(told, (&json!("0.08"), &json!("0.00"), &json!("0.08")), "nothing was paid in: {drafts}");
    let check = dev.admin("GET", "/admin/ledger/check", "").json();
    assert_eq!(check["findings"], json!([]), "{check}");
    // Another one may pay from now on.
    Paid::begin(&dev, json!({"kind": "prepaid"}));
    wait_for("a refusal", || call(&dev).status == 402);
}
