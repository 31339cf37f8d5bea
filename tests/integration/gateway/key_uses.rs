//! When keys were last used: known some seconds after a call, and after a kill.

use serde_json::{Value, json};

use crate::support::dev::{Dev, wait_for};
use crate::support::fleet::Fleet;
use crate::support::http;
use crate::support::stores::Place;
use tollgate::domain::time::{Clock, Timestamp};
use tollgate::server::clock::SystemClock;

fn made(told: &Value) -> (String, String) {
    let text = |name: &str| told[name].as_str().unwrap_or_else(|| panic!("no {name} in {told}")).to_owned();
    (text("id"), text("key"))
}

fn hour(now: Timestamp) -> String {
    now.rounded_down(std::time::Duration::from_secs(3600)).to_string()
}

#[test]
fn the_hour_of_a_keys_last_use_is_told_also_of_a_refused_call_and_outlives_a_kill() {
    let dev = Dev::start();
    let make = |body: Value| {
        let mut body = body;
        body["app"] = json!(dev.told("/app/client_id"));
        made(&dev.admin("POST", "/admin/keys", &body.to_string()).json())
    };
    let (used, refused, unused, revoked) =
        (make(json!({})), make(json!({"addresses": ["192.0.2.1"]})), make(json!({})), make(json!({})));
    let clock = SystemClock::new();
    let before = hour(clock.now());
    let status = |key: &str| dev.get("/api/products", &[("X-Api-Key", key)]).status;
    dev.admin("POST", &format!("/admin/keys/{}/revoke", revoked.0), "");
    assert_eq!([&used, &refused, &revoked].map(|(_, key)| status(key)), [200, 403, 401]);
    let after = hour(clock.now());
    let last_use = |dev: &Dev, id: &str| {
        dev.admin("GET", &format!("/admin/keys/{id}"), "").json()["last_used_at"].clone()
    };
    for id in [&used.0, &refused.0] {
        wait_for("the last use to be known", || last_use(&dev, id).is_string());
        let told = last_use(&dev, id);
        assert!(told == before.as_str() || told == after.as_str(), "{told}, but used at {before} or {after}");
    }
    let known = last_use(&dev, &used.0);
    let dev = dev.kill_and_restart();
    assert_eq!(last_use(&dev, &used.0), known);
    assert_eq!([&unused.0, &revoked.0].map(|id| last_use(&dev, id)), [Value::Null, Value::Null]);
}

#[tokio::test]
async fn a_node_that_ends_writes_down_what_it_has_noted_and_another_node_tells_it() {
    let place = Place::postgres().await;
    let address = place.address();
    let test = move || {
        let mut fleet = Fleet::start(address, 2, |_| {});
        let make = || made(&fleet.admin(0, "POST", "/admin/keys", &json!({"app": fleet.client_id})));
        let keys: Vec<_> = (0..20).map(|_| make()).collect();
        for ((_, key), node) in keys.iter().flat_map(|key| [(key, 0), (key, 1)]) {
            let answer = http::request(fleet.base(node), "GET", "/api/orders", &[("X-Api-Key", key)], "");
            assert_eq!(answer.code(), "merchant_missing");
        }
        for node in [0, 1] {
            fleet.signal(node, "TERM");
            fleet.restart(node);
        }
        let listed = fleet.admin(1, "GET", &format!("/admin/keys?app={}", fleet.client_id), &Value::Null);
        let listed = listed["items"].as_array().unwrap().clone();
        assert_eq!(listed.len(), keys.len());
        assert!(listed.iter().all(|key| key["last_used_at"].is_string()), "{listed:?}");
    };
    tokio::task::spawn_blocking(test).await.unwrap();
    drop(place);
}
