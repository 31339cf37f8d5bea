//! A route's last condition, in CEL.

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
    ] {
        let answer = call(fields);
        assert_eq!((answer.status, answer.code().as_str()), (403, "condition_unmet"), "{fields:?}");
        assert_eq!(answer.json()["detail"], "This is open to the beta channel alone.");
    }
    assert_eq!(world.seen().len(), 1);
}
