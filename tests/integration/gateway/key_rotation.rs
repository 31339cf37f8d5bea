//! A key takes another's place, and callers go on meanwhile.

use serde_json::{Value, json};

use crate::support::dev::{Dev, wait_for};
use crate::support::fleet::Fleet;
use crate::support::http;
use crate::support::stores::Place;

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

#[test]
fn both_keys_work_until_the_old_one_ends() {
    let dev = Dev::start();
    let status = |key: &str| dev.get("/api/products", &[("X-Api-Key", key)]).status;
    let call = |path: &str, body: &Value| {
        let answer = dev.admin("POST", path, &body.to_string());
        assert!(answer.status < 300, "{}", answer.text());
        answer.json()
    };
    let old = call("/admin/keys", &json!({"app": dev.told("/app/client_id"), "addresses": ["127.0.0.1"]}));
    assert_eq!(status(&text(&old, "key")), 200);
    let path = format!("/admin/keys/{}/rotate", text(&old, "id"));
    let new = call(&path, &json!({"overlap": "1h"}));
    assert_eq!((status(&text(&old, "key")), status(&text(&new, "key"))), (200, 200));
    let path = format!("/admin/keys/{}/rotate", text(&new, "id"));
    let newest = call(&path, &json!({"overlap": "500ms"}));
    wait_for("the end of the overlap", || status(&text(&new, "key")) == 401);
    assert_eq!((status(&text(&old, "key")), status(&text(&newest, "key"))), (200, 200));
    let path = format!("/admin/keys/{}/rotate", text(&newest, "id"));
    let last = call(&path, &json!({"overlap": "0s"}));
    assert_eq!((status(&text(&newest, "key")), status(&text(&last, "key"))), (401, 200), "at once");
    let narrowed = http::request_from(
        "127.0.0.2".parse().unwrap(),
        dev.base(),
        "GET",
        "/api/products",
        &[("X-Api-Key", &text(&last, "key"))],
    );
    assert_eq!(narrowed.code(), "address_not_allowed");
}

#[tokio::test]
async fn of_rotations_at_once_on_several_nodes_one_makes_a_key_and_all_nodes_know_the_old_ones_end() {
    let place = Place::postgres().await;
    let address = place.address();
    let test = move || {
        let fleet = Fleet::start(address, 2, |_| {});
        let old = fleet.admin(0, "POST", "/admin/keys", &json!({"app": fleet.client_id}));
        let works = |node: usize, key: &str| {
            let answer = http::request(fleet.base(node), "GET", "/api/orders", &[("X-Api-Key", key)], "");
            assert!(matches!(answer.status, 401 | 403), "{}", answer.text());
            answer.code() == "merchant_missing"
        };
        assert!(works(0, &text(&old, "key")) && works(1, &text(&old, "key")));
        let path = format!("/admin/keys/{}/rotate", text(&old, "id"));
        let made: Vec<Option<Value>> = std::thread::scope(|scope| {
            let rotate = |number: usize| fleet.try_admin(number % 2, &path, &json!({"overlap": "2s"}));
            let threads: Vec<_> = (0..8).map(|number| scope.spawn(move || rotate(number))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let made: Vec<Value> = made.into_iter().flatten().collect();
        assert_eq!(made.len(), 1, "{made:?}");
        let new = text(&made[0], "key");
        assert!(works(0, &new) && works(1, &new));
        for node in [0, 1] {
            wait_for("the old key's end", || !works(node, &text(&old, "key")));
        }
        let keys = fleet.admin(1, "GET", &format!("/admin/keys?app={}", fleet.client_id), &Value::Null);
        assert_eq!(keys["items"].as_array().unwrap().len(), 2, "{keys}");
    };
    tokio::task::spawn_blocking(test).await.unwrap();
    drop(place);
}
