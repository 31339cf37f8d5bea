//! Keys that somebody makes up, or that work no longer: they cost their network, and nobody else.

use std::net::IpAddr;

use serde_json::json;
use tollgate::domain::api_key::ApiKey;
use tollgate::domain::identity::Environment;

use crate::support::dev::Dev;
use crate::support::http;

fn made_up(number: u16) -> String {
    let mut random = [7; 32];
    random[..2].copy_from_slice(&number.to_be_bytes());
    ApiKey::from_random(Environment::Sandbox, &random).reveal().to_owned()
}

#[test]
fn who_makes_up_keys_is_told_to_wait_and_who_is_known_or_elsewhere_is_not() {
    let dev = Dev::start();
    let elsewhere: IpAddr = "127.0.0.2".parse().unwrap();
    let status = |key: &str| dev.get("/api/products", &[("X-Api-Key", key)]).status;
    let from_elsewhere = |key: &str| {
        http::request_from(elsewhere, dev.base(), "GET", "/api/products", &[("X-Api-Key", key)]).status
    };
    let new_key = || {
        let body = json!({"app": dev.told("/app/client_id")}).to_string();
        dev.admin("POST", "/admin/keys", &body).json()["key"].as_str().unwrap().to_owned()
    };
    let known = dev.told("/app/api_key").to_owned();
    assert_eq!(status(&known), 200);
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let guess = |of: u16| (0..100).map(|number| status(&made_up(of * 100 + number))).collect::<Vec<_>>();
        let threads: Vec<_> = (0..8).map(|of| scope.spawn(move || guess(of))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let of = |wanted: u16| answers.iter().filter(|status| **status == wanted).count();
    assert!(of(401) >= 50 && of(429) > 0 && of(401) + of(429) == 800, "{answers:?}");
    assert_eq!((status(&known), from_elsewhere(&known)), (200, 200));
    let (one, other) = (new_key(), new_key());
    assert_eq!(from_elsewhere(&one), 200, "a new key from another network");
    // By the network that guesses, a new key is taken once it has waited.
    let answer = dev.get("/api/products", &[("X-Api-Key", &other)]);
    assert!(matches!(answer.status, 200 | 429), "{}", answer.text());
    // What is no key by its checksum costs nothing and is never told to wait.
    let mistyped = made_up(0).replacen("tg_test_", "tg_live_", 1);
    assert!((0..200).all(|_| from_elsewhere(&mistyped) == 401));
    assert_eq!(from_elsewhere(&other), 200);
}
