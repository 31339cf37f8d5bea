//! Routes and upstreams that an administrator switches off.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::dev::{Dev, wait_for};
use crate::support::fleet::Fleet;
use crate::support::http::{self, Answer};
use crate::support::stores::Place;

const PRODUCT: &str = "/api/products/p-1001";

#[track_caller]
fn switch_off(dev: &Dev, what: &str, body: &Value) -> Value {
    let answer = dev.admin("PUT", &format!("/admin/kill-switches/{what}"), &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[track_caller]
fn switch_on(dev: &Dev, what: &str) {
    let answer = dev.admin("DELETE", &format!("/admin/kill-switches/{what}"), "");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[track_caller]
fn is_off(answer: &Answer, detail: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (503, "switched_off"), "{}", answer.text());
    let problem = answer.json();
    assert_eq!((&problem["detail"], &problem["fault"]), (&json!(detail), &json!("platform")));
    assert_eq!(answer.header("retry-after"), None);
}

const NO_MESSAGE: &str = "It is off for the time being, and the call had no effect.";

#[test]
fn a_route_is_off_at_once_for_whoever_calls_and_others_are_not() {
    let dev = Dev::start();
    let key = [("X-Api-Key", dev.told("/app/api_key"))];
    let by_key = |path: &str| dev.get(path, &key);
    // Its callers are remembered by then.
    assert_eq!((by_key(PRODUCT).status, dev.get(PRODUCT, &[]).status), (200, 200));
    let body = json!({"reason": "prices are wrong", "message": "Prices are being corrected."});
    let off = switch_off(&dev, "route/get-product", &body);
    assert_eq!((&off["kind"], &off["name"]), (&json!("route"), &json!("get-product")));
    let refused = by_key(PRODUCT);
    is_off(&refused, "Prices are being corrected.");
    is_off(&dev.get(PRODUCT, &[]), "Prices are being corrected.");
    assert!(!refused.text().contains("wrong"), "the reason is for administrators");
    assert_eq!(dev.get(PRODUCT, &[("X-Api-Key", "tg_test_nonsense")]).status, 401);
    assert_eq!(by_key("/api/products").status, 200, "another route of the same upstream");
    let me = by_key("/me").json();
    let is_off_by_name = |name: &str| {
        let route = me["routes"].as_array().unwrap().iter().find(|route| route["name"] == name);
        route.unwrap_or_else(|| panic!("no {name} in {me}"))["is_switched_off"].clone()
    };
    assert_eq!((is_off_by_name("get-product"), is_off_by_name("list-products")), (json!(true), json!(false)));

    let listed = dev.admin("GET", "/admin/kill-switches", "").json();
    assert_eq!(listed["items"], json!([off]));
    assert_eq!(dev.admin("GET", "/admin/kill-switches/route/get-product", "").json(), off);
    assert_eq!(dev.figure("tollgate_switched_off{kind=\"route\",name=\"get-product\"}"), 1);
    assert!(dev.figure("tollgate_refusals_total{code=\"switched_off\"}") >= 2);
    assert!(dev.log().contains("switched off"), "{}", dev.log());

    // A record that costs nothing.
    let path = format!("/admin/usage/{}", refused.header("x-request-id").unwrap());
    wait_for("the usage record", || dev.admin("GET", &path, "").status == 200);
    let record = dev.admin("GET", &path, "").json();
    assert_eq!((&record["refusal"], &record["outcome"]), (&json!("switched_off"), &json!("free")));

    switch_off(&dev, "route/get-product", &json!({"reason": "still wrong"}));
    is_off(&by_key(PRODUCT), NO_MESSAGE);
    switch_on(&dev, "route/get-product");
    assert_eq!(by_key(PRODUCT).status, 200);
    let again = dev.admin("DELETE", "/admin/kill-switches/route/get-product", "");
    assert_eq!((again.status, &again.json()["off_since"]), (200, &Value::Null), "{}", again.text());
    for name in ["route/get-produkt", "upstream/get-product", "app/app_shop_manager"] {
        let unknown = dev.admin("DELETE", &format!("/admin/kill-switches/{name}"), "");
        assert_eq!((unknown.status, unknown.code().as_str()), (404, "not_found"), "{name}");
    }
}

#[test]
fn an_upstream_is_off_with_all_its_routes_over_reloads_and_restarts() {
    let dev = Dev::start();
    switch_off(&dev, "upstream/catalog", &json!({"reason": "moving house"}));
    for path in ["/api/products", PRODUCT] {
        is_off(&dev.get(path, &[]), NO_MESSAGE);
    }
    let bearer = dev.bearer(0);
    assert_eq!(dev.get("/api/orders", &[("Authorization", &bearer)]).status, 200);
    let scopes = dev.policies().join("scopes.yaml");
    let text = std::fs::read_to_string(&scopes).unwrap();
    std::fs::write(&scopes, format!("{text}\n# Another content.\n")).unwrap();
    let version = dev.figure("tollgate_policy_version");
    wait_for("the other policies", || dev.figure("tollgate_policy_version") > version);
    is_off(&dev.get(PRODUCT, &[]), NO_MESSAGE);
    let dev = dev.kill_and_restart();
    is_off(&dev.get(PRODUCT, &[]), NO_MESSAGE);
    assert_eq!(dev.figure("tollgate_switched_off{kind=\"upstream\",name=\"catalog\"}"), 1);
    switch_on(&dev, "upstream/catalog");
    assert_eq!(dev.get(PRODUCT, &[]).status, 200);
}

#[test]
fn a_switch_outlives_its_route_and_does_nothing_then() {
    let dev = Dev::start();
    switch_off(&dev, "route/get-product", &json!({"reason": "it goes anyway"}));
    let rename = |from: &str, to: &str| {
        for name in ["routes/catalog.yaml", "products.yaml"] {
            let file = dev.policies().join(name);
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.contains(from), "{name}");
            std::fs::write(&file, text.replace(from, to)).unwrap();
        }
        dev.admin("POST", "/admin/policy/reload", "");
    };
    rename("get-product", "show-product");
    wait_for("the route to have another name", || dev.get(PRODUCT, &[]).status == 200);
    assert_eq!(dev.admin("GET", "/admin/kill-switches", "").json()["items"][0]["name"], "get-product");
    rename("show-product", "get-product");
    wait_for("the route to have its name again", || dev.get(PRODUCT, &[]).status == 503);
    rename("get-product", "show-product");
    wait_for("the route to have another name", || dev.get(PRODUCT, &[]).status == 200);
    switch_on(&dev, "route/get-product");
    let again = dev.admin("DELETE", "/admin/kill-switches/route/get-product", "");
    assert_eq!((again.status, again.code()), (404, "not_found".to_owned()), "{}", again.text());
}

#[test]
fn what_is_mistyped_or_unexplained_is_refused() {
    let dev = Dev::start();
    let put = |what: &str, body: &Value| {
        let answer = dev.admin("PUT", &format!("/admin/kill-switches/{what}"), &body.to_string());
        (answer.status, answer.code())
    };
    let reason = json!({"reason": "a test"});
    for what in ["route/get-produkt", "upstream/get-product", "route/catalog", "app/app_shop_manager"] {
        assert_eq!(put(what, &reason), (404, "not_found".to_owned()), "{what}");
    }
    let long = "x".repeat(501);
    for body in [
        json!({}),
        json!({"reason": ""}),
        json!({"reason": "a\nb"}),
        json!({"reason": long}),
        json!({"reason": "a", "massage": "b"}),
        json!({"reason": "a", "message": ""}),
    ] {
        assert_eq!(put("route/get-product", &body), (422, "fields_invalid".to_owned()), "{body}");
    }
    assert_eq!(dev.admin("GET", "/admin/kill-switches", "").json()["items"], json!([]));
}

#[tokio::test]
async fn every_node_follows_within_a_second() {
    let place = Place::postgres().await;
    let address = place.address();
    let test = move || {
        let fleet = Fleet::start(address, 2, |_| {});
        // Behind it is no upstream: a call that may go there ends with 502.
        let status = |node: usize| http::request(fleet.base(node), "GET", PRODUCT, &[], "").status;
        assert!([0, 1].iter().all(|node| status(*node) != 503));
        let path = "/admin/kill-switches/upstream/catalog";
        let put = |node: usize| fleet.admin(node, "PUT", path, &json!({"reason": "a test"}));
        for node in [0, 1] {
            let begun = Instant::now();
            put(node);
            assert_eq!(status(node), 503, "at once where it was switched off");
            wait_for("the other node to follow", || status(1 - node) == 503);
            // Generous to a machine that does much else: it asks twice a second.
            assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
            fleet.admin(node, "DELETE", path, &Value::Null);
            assert_ne!(status(node), 503);
            wait_for("the other node to follow", || status(1 - node) != 503);
        }
    };
    tokio::task::spawn_blocking(test).await.unwrap();
    drop(place);
}
