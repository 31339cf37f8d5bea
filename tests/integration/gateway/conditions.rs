//! A route's last condition, in CEL.

use std::net::IpAddr;

use crate::support::bound::Bound;
use crate::support::http;

#[test]
fn who_does_not_meet_a_condition_is_told_what_its_policy_says() {
    let world = Bound::start();
    let key = world.dev.told("/app/api_key");
    let call = |more: &[(&str, &str)]| {
        let headers = [&[("X-Api-Key", key)], more].concat();
        http::request(world.dev.base(), "GET", "/api/beta", &headers, "")
    };
    assert_eq!(call(&[("X-Channel", "beta")]).status, 200);
    for fields in [
        &[][..],
        &[("X-Channel", "alpha")],
        &[("X-Channel", "Beta")],
        &[("X-Channel", "beta"), ("X-Channel", "beta")],
        &[("X-Channel", "beta"), ("x-channel", "alpha")],
        &[("X-Channel", "b\u{e9}ta")],
        &[("X-Channel", "beta"), ("X_Channel", "alpha")],
        &[("X_Channel", "beta")],
        &[("X-Channel", "beta"), ("Connection", "X-Channel")],
    ] {
        let answer = call(fields);
        assert_eq!((answer.status, answer.code().as_str()), (403, "condition_unmet"), "{fields:?}");
        assert_eq!(answer.json()["detail"], "This is open to the beta channel alone.");
    }
    assert_eq!(world.seen().len(), 1);
}

#[test]
fn a_parameter_that_some_server_sees_twice_meets_no_condition() {
    let world = Bound::start();
    let key = world.dev.told("/app/api_key");
    let call = |query: &str| world.dev.get(&format!("/api/summaries?{query}"), &[("X-Api-Key", key)]);
    for good in ["kind=summary", "x=1&kind=summary", "%6bind=summary&page[size]=2"] {
        assert_eq!(call(good).status, 200, "{good}");
    }
    assert_eq!(world.seen().len(), 3);
    for bad in [
        "kind=full",
        "Kind=summary",
        "kind=summary&kind=full",
        "kind=summary&Kind=full",
        "kind=summary&kind[]=full",
        "kind=summary&[kind]=full",
        "kind=summary&x;kind=full",
        "kind=summary&%u006bind=full",
    ] {
        assert_eq!(call(bad).code(), "condition_unmet", "{bad}");
    }
    assert_eq!(world.seen().len(), 0);
}

#[test]
fn a_condition_asks_in_which_network_the_caller_is() {
    let world = Bound::start();
    let key = [("X-Api-Key", world.dev.told("/app/api_key"))];
    let from = |last: u8| {
        let source = IpAddr::from([127, 0, 0, last]);
        http::request_from(source, world.dev.base(), "GET", "/api/inside", &key)
    };
    for inside in [1, 2, 3] {
        assert_eq!(from(inside).status, 200, "127.0.0.{inside}");
    }
    assert_eq!(world.seen().len(), 3);
    for outside in [4, 9] {
        let answer = from(outside);
        assert_eq!((answer.status, answer.code().as_str()), (403, "condition_unmet"), "127.0.0.{outside}");
    }
    assert_eq!(world.seen().len(), 0);
}
