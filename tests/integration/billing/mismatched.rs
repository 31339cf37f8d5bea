//! A payment provider that says something else than the order system, from its calls to what an operator decides.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::dev::{Dev, wait_for};
use crate::support::http;

/// What a provider calls, and what its call says.
const ROUTES: &str = r"
  - name: settle-payment
    methods: [POST]
    path: /api/payments/{id}/settlement
    upstream: payment
    rewrite: /payments/{id}/settlement
    max_body: 256KiB
    access:
      scopes: [payment:write]
    meter:
      transaction:
        id: request.body.id
        of: request.body.order_id
        amount: request.body.amount
        currency: request.body.currency
        kind: settlement
";

fn earned_on_settlement(policies: &Path) {
    let put = |file: &str, change: &dyn Fn(String) -> String| {
        let path = policies.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, change(text)).unwrap();
    };
    let share = "percent: 2.5\n      earned: on-settlement\n      settles_within: 1s";
    put("plans/standard.yaml", &|text| text.replace("percent: 2.5", share));
    put("routes/payments.yaml", &|text| text + ROUTES);
    let routes = "      - refund-payment\n      - settle-payment\n";
    put("products.yaml", &|text| text.replace("      - refund-payment\n", routes));
}

/// Open exceptions: what of each, and its id.
fn open(dev: &Dev, kind: &str) -> Vec<Value> {
    let path = format!("/admin/exceptions?kind={kind}&sort=age");
    dev.admin("GET", &path, "").json()["items"].as_array().unwrap().clone()
}

fn resolve(dev: &Dev, exception: &Value, decision: &str) -> Value {
    let path = format!("/admin/exceptions/{}/resolve", exception["id"].as_str().unwrap());
    let body = json!({"decision": decision, "who": "li", "why": "the provider's bill"});
    dev.admin("POST", &path, &body.to_string()).json()
}

#[test]
fn each_mismatch_of_a_payment_is_told_by_its_kind_and_what_is_short_can_be_written_off() {
    let dev = Dev::with_policies(earned_on_settlement);
    let bearer = dev.bearer(0);
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let post =
        |path: &str, body: &Value| http::request(dev.base(), "POST", path, &headers, &body.to_string());
    let placed = dev.order(&bearer, "p-1001").unwrap();
    assert_eq!(placed.status, 201, "{}", placed.text());
    let order = placed.json()["id"].as_str().unwrap().to_owned();
    let payment = post("/api/payments", &json!({"order_id": order, "provider": "alipay"})).json();
    let id = payment["id"].as_str().unwrap();
    let (site, page) = payment["pay_url"].as_str().unwrap().split_once("/pay/").unwrap();
    assert_eq!(http::request(site, "POST", &format!("/pay/{page}"), &[], "").status, 200);
    let settled = |settlement: &str, order: &str, amount: &str, currency: &str| {
        let body = json!({"id": settlement, "order_id": order, "amount": amount, "currency": currency});
        let answer = post(&format!("/api/payments/{id}/settlement"), &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    settled("s-1", &order, "60.00", "CNY");
    wait_for("a part of the money in the books", || {
        let pending = dev.admin("GET", "/admin/sales/pending", "").json()["items"].take();
        pending[0]["pending"] == "1.00"
    });
    settled("s-1", &order, "70.00", "CNY");
    settled("s-2", &order, "40.00", "EUR");
    settled("s-3", "of-nobody", "40.00", "CNY");
    for (kind, says) in [
        ("amount", "settlement s-1 came before, at 60.00"),
        ("currency", "that sale was made in CNY"),
        ("unknown", "settles of-nobody, of which no sale in CNY is known"),
        ("short", "60.00 is settled"),
    ] {
        wait_for(kind, || open(&dev, kind).len() == 1);
        let reason = open(&dev, kind)[0]["reason"].clone();
        assert!(reason.as_str().unwrap().contains(says), "{kind}: {reason}");
    }
    let metrics = http::request(dev.told("/admin_url"), "GET", "/metrics", &[], "").text();
    for line in [
        "tollgate_exceptions_open{kind=\"short\"} 1",
        "tollgate_exceptions_open{kind=\"evidence\"} 0",
        "tollgate_exceptions_oldest_seconds{kind=\"evidence\"} 0",
    ] {
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }
    let summary = dev.admin("GET", "/admin/exceptions/summary", "").json();
    assert_eq!(summary["open"], 4, "{summary}");

    let short = &open(&dev, "short")[0];
    let usage = short["usage"].as_str().unwrap();
    let shown = dev.admin("GET", &format!("/admin/usage/{usage}"), "").json();
    assert_eq!(
        (&shown["pending_share"]["amount"], &shown["pending_share"]["unsettled"]),
        (&json!("1.00"), &json!(true))
    );
    for again in [false, true] {
        let lost = resolve(&dev, short, "write_off");
        assert_eq!(
            (&lost["outcome"], &lost["was_resolved"]),
            (&json!("written_off"), &json!(again)),
            "{lost}"
        );
        assert_eq!((&lost["written_off"]["amount"], &lost["pending_share"]), (&json!("40.00"), &Value::Null));
    }
    let nothing = resolve(&dev, &open(&dev, "currency")[0], "write_off");
    assert!(nothing["detail"].as_str().unwrap().contains("waits for no money"), "{nothing}");
    for kind in ["amount", "currency", "unknown"] {
        let waived = resolve(&dev, &open(&dev, kind)[0], "waive");
        assert_eq!(waived["outcome"], "waived", "{waived}");
    }
    let checked = dev.admin("GET", "/admin/ledger/check", "").json();
    assert_eq!(checked["findings"], json!([]), "{checked}");
    let audited = dev.admin("GET", "/admin/audit?action=exception.resolve", "").json();
    let decisions: Vec<&Value> =
        audited["items"].as_array().unwrap().iter().map(|one| &one["after"]["decision"]).collect();
    assert!(decisions.contains(&&json!("write_off")), "{audited}");
    assert_eq!(dev.admin("GET", "/admin/sales/pending", "").json()["items"], json!([]));
}
