//! Routes that are for some networks alone.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::support::bound::Bound;
use crate::support::http::{self, Answer};

const PATH: &str = "/api/private";

fn call(world: &Bound, last: u8, method: &str, headers: &[(&str, &str)]) -> Answer {
    let source = IpAddr::from([127, 0, 0, last]);
    http::send_from(source, world.dev.base(), (method, PATH), headers, "{}")
}

#[track_caller]
fn is_from_elsewhere(answer: &Answer, address: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (403, "address_not_allowed"), "{}", answer.text());
    let detail = format!("This route is for networks that do not have {address}, where the call comes from.");
    assert_eq!(answer.json()["detail"], json!(detail));
    assert_eq!((answer.header("www-authenticate"), answer.header("ratelimit")), (None, None));
}

#[test]
fn a_call_from_elsewhere_is_refused_whatever_it_brings() {
    let world = Bound::start();
    let good = [("X-Api-Key", world.dev.told("/app/api_key"))];
    let (bad, nothing) = ([("X-Api-Key", "tg_test_nonsense")], []);
    for inside in [1, 2, 3] {
        assert_eq!(call(&world, inside, "POST", &good).status, 200, "127.0.0.{inside}");
        assert_eq!(call(&world, inside, "POST", &bad).code(), "credential_invalid");
        assert_eq!(call(&world, inside, "POST", &nothing).code(), "credential_missing");
    }
    assert_eq!(world.seen().len(), 3);
    for headers in [&good[..], &bad, &nothing] {
        // Twice, as the core knows the key by then.
        for _ in 0..2 {
            is_from_elsewhere(&call(&world, 9, "POST", headers), "127.0.0.9");
        }
    }
    assert_eq!(call(&world, 2, "GET", &nothing).status, 200, "who is let in needs no credential there");
    for elsewhere in [1, 3] {
        is_from_elsewhere(&call(&world, elsewhere, "GET", &good), &format!("127.0.0.{elsewhere}"));
    }
    assert_eq!(world.seen().len(), 1);
    assert_eq!(world.dev.figure("tollgate_refusals_total{code=\"address_not_allowed\"}"), 8);
}

#[test]
fn an_app_is_told_which_of_its_routes_are_for_where_it_asks_from() {
    let world = Bound::start();
    let headers = [("X-Api-Key", world.dev.told("/app/api_key"))];
    let is_for = |last: u8, name: &str| {
        let source = IpAddr::from([127, 0, 0, last]);
        let me = http::request_from(source, world.dev.base(), "GET", "/me", &headers).json();
        assert!(!me.to_string().contains("127.0.0.0/30"), "whose networks these are is not its concern");
        let routes: Vec<Value> = me["routes"].as_array().unwrap().clone();
        let route = routes.into_iter().find(|route| route["name"] == name);
        route.unwrap_or_else(|| panic!("no {name} in {me}"))["is_for_this_address"].clone()
    };
    for (last, of_app, of_anyone) in [(1, true, false), (2, true, true), (9, false, false)] {
        assert_eq!(is_for(last, "for-networks"), json!(of_app), "127.0.0.{last}");
        assert_eq!(is_for(last, "open-for-networks"), json!(of_anyone), "127.0.0.{last}");
        assert_eq!(is_for(last, "list-products"), json!(true), "127.0.0.{last}");
    }
}
