//! Keys that somebody has found and presents: revoked at once, without a login, and without a word on which there are.

use std::net::IpAddr;

use serde_json::{Value, json};
use tollgate::domain::api_key::ApiKey;
use tollgate::domain::identity::Environment;

use crate::support::dev::{Dev, wait_for};
use crate::support::fleet::Fleet;
use crate::support::http::{self, Answer};
use crate::support::stores::Place;

const PATH: &str = "/oauth/keys/revoke";
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn present(base: &str, body: &Value) -> Answer {
    http::request(base, "POST", PATH, &[JSON], &body.to_string())
}

/// A key that nobody has.
fn unknown(number: u8) -> String {
    ApiKey::from_random(Environment::Live, &[number; 32]).reveal().to_owned()
}

/// Another key of an app, by its id and itself.
fn key(dev: &Dev, app: &str) -> (String, String) {
    let body = json!({"app": dev.told(&format!("/{app}/client_id"))}).to_string();
    let made = dev.admin("POST", "/admin/keys", &body).json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

fn works(dev: &Dev, key: &str) -> bool {
    match dev.get("/api/products", &[("X-Api-Key", key)]).status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

#[track_caller]
fn is_taken(answer: &Answer, presented: usize) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json(), json!({"presented": presented, "not_keys": []}));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn a_key_that_is_presented_is_of_no_use_from_then_on_and_it_is_on_record_by_whom() {
    let dev = Dev::start();
    let ((id, key), (_, other)) = (key(&dev, "app"), key(&dev, "app"));
    assert!(works(&dev, &key) && works(&dev, &other));
    let answer = present(dev.base(), &json!({"key": key}));
    is_taken(&answer, 1);
    assert!(!works(&dev, &key) && works(&dev, &other));
    let records = || dev.admin("GET", &format!("/admin/audit?subject={id}"), "").json()["items"].clone();
    let record = records()[0].clone();
    assert_eq!((&record["action"], &record["actor"]), (&json!("key.revoke"), &json!("presenter:127.0.0.1")));
    assert_eq!((&record["address"], &record["credential"]), (&json!("127.0.0.1"), &Value::Null));
    assert_eq!(record["request_id"], answer.header("x-request-id").unwrap());
    assert!(
        record["before"]["revoked_at"].is_null() && record["after"]["revoked_at"].is_string(),
        "{record}"
    );
    let by_actor = dev.admin("GET", "/admin/audit?actor=presenter:127.0.0.1", "").json();
    assert_eq!(by_actor["items"], json!([record]));
    is_taken(&present(dev.base(), &json!({"key": key})), 1);
    assert_eq!(records().as_array().unwrap().len(), 2, "made, and revoked once");
    let log = dev.log();
    assert!(log.contains(&id) && log.contains("is revoked") && !log.contains(&key), "{log}");
}

#[test]
fn the_answer_is_the_same_whether_there_is_such_a_key_was_or_never_was() {
    let dev = Dev::start();
    let (id, known) = key(&dev, "app");
    let (revoked_id, revoked) = key(&dev, "app");
    let (_, suspended) = key(&dev, "other_app");
    dev.admin("POST", &format!("/admin/keys/{revoked_id}/revoke"), "");
    let app = format!("/admin/apps/{}/suspend", dev.told("/other_app/client_id"));
    assert_eq!(dev.admin("POST", &app, "").status, 200);
    let seen = |text: &str| {
        let answer = present(dev.base(), &json!({"key": text}));
        let mut headers = answer.headers.clone();
        headers.retain(|(name, _)| !["x-request-id", "date"].contains(&name.to_ascii_lowercase().as_str()));
        (answer.status, headers, answer.text())
    };
    let expected = seen(&unknown(1));
    for text in [&known, &revoked, &suspended, &known] {
        assert_eq!(seen(text), expected);
    }
    let shown = dev.admin("GET", &format!("/admin/keys/{id}"), "").json();
    assert!(shown["revoked_at"].is_string(), "{shown}");
}

#[test]
fn many_are_presented_at_once_and_what_can_be_no_key_is_told_by_its_place() {
    let dev = Dev::start();
    let keys: Vec<_> = (0..4).map(|_| key(&dev, "app").1).collect();
    let mistyped = unknown(1).replacen("tg_live_", "tg_test_", 1);
    let list = json!({"keys": [keys[0], mistyped, unknown(2), keys[1], "", keys[0]]});
    let answer = present(dev.base(), &list);
    assert_eq!((answer.status, answer.json()), (200, json!({"presented": 6, "not_keys": [1, 4]})));
    assert_eq!([0, 1, 2].map(|place| works(&dev, &keys[place])), [false, false, true]);
    // As scanners of public code report what they find.
    let found = json!([{"token": keys[2], "type": "tollgate_api_key", "url": "https://code.example/x"}]);
    is_taken(&present(dev.base(), &found), 1);
    assert_eq!([2, 3].map(|place| works(&dev, &keys[place])), [false, true]);
}

#[test]
fn what_is_not_presented_as_it_should_be_is_refused_without_what_it_was() {
    let dev = Dev::start();
    let (_, key) = key(&dev, "app");
    let many: Vec<String> = (0..51).map(unknown).collect();
    for body in [
        json!({}),
        json!([]),
        json!({"keys": []}),
        json!({"keys": many}),
        json!({"key": key, "app": "x"}),
        json!({"key": [key]}),
        json!({"keys": key}),
        json!({"keys": [key, 1]}),
        json!([key]),
        json!([{"key": key}]),
        json!(key),
    ] {
        let answer = present(dev.base(), &body);
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{body}");
        assert!(!answer.text().contains(&key), "{}", answer.text());
    }
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(http::request(dev.base(), "POST", PATH, &[form], &format!("key={key}")).status, 400);
    assert_eq!(http::request(dev.base(), "POST", PATH, &[JSON], &format!("{{\"key\": \"{key}")).status, 400);
    assert_eq!(dev.get(&format!("{PATH}?key={key}"), &[]).status, 405);
    let as_token = dev.token_call(&[("grant_type", "refresh_token"), ("refresh_token", &key)]);
    assert_eq!(as_token.status, 400);
    assert!(works(&dev, &key), "nothing of it was presented");
}

#[test]
fn who_presents_what_there_is_not_is_told_to_wait_and_who_found_keys_is_not() {
    let dev = Dev::start();
    for _ in 0..60 {
        is_taken(&present(dev.base(), &json!({"key": key(&dev, "app").1})), 1);
    }
    let keys: Vec<String> = (0..50).map(unknown).collect();
    is_taken(&present(dev.base(), &json!({"keys": keys})), 50);
    let (_, key) = key(&dev, "app");
    let refused = present(dev.base(), &json!({"keys": [key, unknown(60)]}));
    assert_eq!((refused.status, &refused.json()["error"]), (429, &json!("temporarily_unavailable")));
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() <= 6);
    assert!(works(&dev, &key), "none of them was looked at");
    let elsewhere: IpAddr = "127.0.0.2".parse().unwrap();
    let body = json!({"key": key}).to_string();
    let taken = http::send_from(elsewhere, dev.base(), ("POST", PATH), &[JSON], &body);
    is_taken(&taken, 1);
    assert!(!works(&dev, &key));
}

#[test]
fn while_the_store_cannot_be_read_nobody_is_told_to_wait_for_what_was_not_tried() {
    let dev = Dev::start();
    let (_, key) = key(&dev, "app");
    let keys: Vec<String> = (0..49).map(unknown).chain([key.clone()]).collect();
    dev.tamper("alter table api_key rename to api_key_elsewhere");
    for _ in 0..3 {
        let failed = present(dev.base(), &json!({"keys": keys}));
        assert!(failed.status >= 500, "{}: {}", failed.status, failed.text());
    }
    dev.tamper("alter table api_key_elsewhere rename to api_key");
    is_taken(&present(dev.base(), &json!({"keys": keys})), 50);
    assert!(!works(&dev, &key));
}

#[tokio::test]
async fn every_node_refuses_what_was_presented_to_one() {
    let place = Place::postgres().await;
    let address = place.address();
    let test = move || {
        let fleet = Fleet::start(address, 2, |_| {});
        let made = fleet.admin(0, "POST", "/admin/keys", &json!({"app": fleet.client_id}));
        let key = made["key"].as_str().unwrap();
        let works = |node: usize| {
            let answer = http::request(fleet.base(node), "GET", "/api/orders", &[("X-Api-Key", key)], "");
            assert!(matches!(answer.status, 401 | 403), "{}", answer.text());
            answer.status == 403
        };
        assert!(works(0) && works(1));
        // Of many who have found it at once, one revokes it.
        std::thread::scope(|scope| {
            for number in 0..8 {
                let base = fleet.base(number % 2);
                scope.spawn(move || is_taken(&present(base, &json!({"key": key})), 1));
            }
        });
        assert!(!works(0) && !works(1), "each node that took it knows at once");
        let path = format!("/admin/audit?subject={}&action=key.revoke", made["id"].as_str().unwrap());
        assert_eq!(fleet.admin(1, "GET", &path, &Value::Null)["items"].as_array().unwrap().len(), 1);
        let second = fleet.admin(0, "POST", "/admin/keys", &json!({"app": fleet.client_id}));
        let second = second["key"].as_str().unwrap();
        let refused = |node: usize| {
            http::request(fleet.base(node), "GET", "/api/orders", &[("X-Api-Key", second)], "").status == 401
        };
        assert!(!refused(0) && !refused(1));
        is_taken(&present(fleet.base(0), &json!({"key": second})), 1);
        assert!(refused(0));
        wait_for("the other node to hear of it", || refused(1));
    };
    tokio::task::spawn_blocking(test).await.unwrap();
    drop(place);
}
