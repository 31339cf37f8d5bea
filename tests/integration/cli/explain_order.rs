//! The README tells in which order a call is asked, and neither `tollgate policy explain` nor a node has another.

use serde_json::{Value, json};

use super::explain::{check, decisions, explained, offline, on_node};
use super::explain_money::price;
use super::readme::table_of;
use crate::support::bound::add;
use crate::support::dev::Dev;

/// One that asks for all that can be asked for, and one that may not be called from here.
const ROUTES: &str = r#"
routes:
  - name: all-asked
    methods: [POST]
    path: /api/everything
    upstream: order
    access:
      addresses: [127.0.0.0/8]
      scopes: [order:write]
      merchant: {body: seller.id}
      authentication: {max_age: 1h}
      condition: request.method == 'POST'
    mask: [{fields: [receiver.name], scope: order:pii}]
    meter:
      transaction: {id: response.body.id, amount: response.body.amount, currency: response.body.currency, kind: sale}
  - name: elsewhere
    methods: [GET]
    path: /api/elsewhere
    upstream: order
    access: {addresses: [192.0.2.0/24], scopes: [order:read]}
    meter: {}
"#;

/// A key of the first app with these networks: its id, and the key.
fn key(dev: &Dev, addresses: &[&str]) -> (String, String) {
    let body = json!({ "app": dev.told("/app/client_id"), "addresses": addresses });
    let made = dev.admin("POST", "/admin/keys", &body.to_string()).json();
    (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
}

fn names(told: &Value) -> Vec<String> {
    decisions(told).into_iter().map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn a_call_is_asked_in_the_order_that_the_readme_tells() {
    let dev = Dev::with_policies(|policies| {
        add(policies, ROUTES);
        price(policies, "requests: 1000");
    });
    let call = "POST /api/everything";
    let app = [call, "--app", "app_1", "--subscription", "storefront=standard", "--merchant", "mer_1"];
    let more = ["--scope", "order:write", "--body", r#"{"seller":{"id":"mer_1"}}"#];
    let by_token = explained(&offline(&dev.policies(), &[&app[..], &more].concat()));
    assert_eq!(by_token["allowed"], true, "{by_token}");
    // Only what is not a token may be for some networks.
    let by_key = explained(&on_node(&dev, &[call, "--key", &key(&dev, &["127.0.0.0/8"]).0]));
    assert_eq!(by_key["code"], "merchant_missing", "{by_key}");
    let told: Vec<String> = table_of("| decision | what is asked |").concat();
    let (by_token, by_key) = (names(&by_token), names(&by_key));
    for asked in [&by_token, &by_key] {
        let in_order: Vec<String> = told.iter().filter(|name| asked.contains(name)).cloned().collect();
        assert_eq!(asked, &in_order);
    }
    let never: Vec<_> =
        told.iter().filter(|name| !by_token.contains(name) && !by_key.contains(name)).collect();
    assert!(never.is_empty(), "the README tells what is not asked: {never:?}");
}

#[test]
fn what_is_switched_off_is_told_after_a_routes_networks_and_the_credential_and_before_the_networks_of_a_key()
{
    let dev = Dev::with_policies(|policies| add(policies, ROUTES));
    let (id, key) = key(&dev, &["192.0.2.0/24"]);
    let agree = |path: &str, code: &str| {
        let sent = dev.get(path, &[("X-Api-Key", &key)]);
        assert_eq!(sent.code(), code, "{path}: {}", sent.text());
        check(&sent, &explained(&on_node(&dev, &[path, "--key", &id])));
    };
    let product = "/api/products/p-1001";
    agree(product, "address_not_allowed");
    for route in ["get-product", "elsewhere"] {
        let body = json!({"reason": "prices are wrong"}).to_string();
        assert_eq!(dev.admin("PUT", &format!("/admin/kill-switches/route/{route}"), &body).status, 200);
    }
    agree(product, "switched_off");
    agree("/api/elsewhere", "address_not_allowed");
    dev.admin("POST", &format!("/admin/keys/{id}/revoke"), "");
    agree(product, "credential_invalid");
}
