//! A share that is earned on settlement, from an order to the money that moved, and back.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::dev::{Dev, wait_for};
use crate::support::http;

/// What a provider calls, as a route beside the shipped ones.
const ROUTES: &str = r"
  - name: settle-payment
    methods: [POST]
    path: /api/payments/{id}/settlement
    upstream: payment
    rewrite: /payments/{id}/settlement
    access:
      scopes: [payment:write]
      condition: principal.environment == 'sandbox'
    meter:
      transaction:
        id: response.body.id
        of: response.body.order_id
        amount: response.body.amount
        currency: response.body.currency
        kind: settlement
        sale_of: any-app
  - name: charge-back-payment
    methods: [POST]
    path: /api/payments/{id}/chargebacks
    upstream: payment
    rewrite: /payments/{id}/chargebacks
    max_body: 256KiB
    access:
      scopes: [payment:write]
      condition: principal.environment == 'sandbox'
    meter:
      transaction:
        id: response.body.id
        of: response.body.order_id
        amount: response.body.amount
        currency: response.body.currency
        kind: chargeback
        sale_of: any-app
";

fn earned_on_settlement(policies: &Path) {
    let put = |file: &str, change: &dyn Fn(String) -> String| {
        let path = policies.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, change(text)).unwrap();
    };
    let share = "percent: 2.5\n      earned: on-settlement\n      settles_within: 45d";
    put("plans/standard.yaml", &|text| text.replace("percent: 2.5", share));
    put("routes/payments.yaml", &|text| text + ROUTES);
    let routes = "      - refund-payment\n      - settle-payment\n      - charge-back-payment\n";
    put("products.yaml", &|text| text.replace("      - refund-payment\n", routes));
}

/// Balances other than zero, by account.
fn accounts(dev: &Dev) -> Value {
    let listed = dev.admin("GET", "/admin/ledger/accounts", "").json()["items"].take();
    let accounts = listed.as_array().unwrap().iter().filter(|one| one["balance"] != "0.00");
    accounts.map(|one| (one["account"].as_str().unwrap().to_owned(), one["balance"].clone())).collect()
}

#[test]
fn a_share_is_pending_until_the_money_moved_and_goes_back_with_it() {
    let dev = Dev::with_policies(earned_on_settlement);
    let bearer = dev.bearer(0);
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let post =
        |path: &str, body: &Value| http::request(dev.base(), "POST", path, &headers, &body.to_string());
    let placed = dev.order(&bearer, "p-1001").unwrap();
    assert_eq!(placed.status, 201, "{}", placed.text());
    let order = placed.json()["id"].as_str().unwrap().to_owned();
    let pending = || dev.admin("GET", "/admin/sales/pending", "").json()["items"].take();
    wait_for("the sale in the books", || pending().as_array().unwrap().len() == 1);
    let sale = &pending()[0];
    assert_eq!(
        (&sale["id"], &sale["share"], &sale["pending"]),
        (&json!(order), &json!("2.50"), &json!("2.50"))
    );
    assert_eq!(
        (&sale["unsettled"], &sale["settles_within_seconds"]),
        (&json!(false), &json!(45 * 24 * 3600))
    );
    assert_eq!(
        (accounts(&dev)["platform:pending"].clone(), dev.figure("tollgate_sales_unsettled")),
        (json!("-2.50"), 0)
    );

    let payment = post("/api/payments", &json!({"order_id": order, "provider": "alipay"})).json();
    let id = payment["id"].as_str().unwrap();
    let (site, page) = payment["pay_url"].as_str().unwrap().split_once("/pay/").unwrap();
    assert_eq!(post(&format!("/api/payments/{id}/settlement"), &json!({})).status, 409, "nothing was paid");
    assert_eq!(http::request(site, "POST", &format!("/pay/{page}"), &[], "").status, 200);
    // The provider tells as often as it likes.
    for _ in 0..2 {
        let settled = post(&format!("/api/payments/{id}/settlement"), &json!({}));
        assert_eq!(settled.status, 200, "{}", settled.text());
    }
    wait_for("the settlement in the books", || pending().as_array().unwrap().is_empty());
    assert_eq!(accounts(&dev)["platform:revenue:share"], "-2.50");

    let chargeback = json!({"amount": "40.00", "currency": "CNY"});
    let taken = post(&format!("/api/payments/{id}/chargebacks"), &chargeback);
    assert_eq!(taken.status, 201, "{}", taken.text());
    wait_for("the chargeback in the books", || accounts(&dev)["platform:revenue:share"] == "-1.50");
    assert_eq!(accounts(&dev)["platform:pending"], Value::Null);
    let checked = dev.admin("GET", "/admin/ledger/check", "").json();
    assert_eq!(checked["findings"], json!([]), "{checked}");
    assert_eq!(dev.admin("GET", "/admin/exceptions", "").json()["items"], json!([]));
}
