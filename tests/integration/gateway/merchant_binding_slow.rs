//! Bodies that must name the merchant, and come slowly: they hold little, not for long, and what ended meanwhile has ended.

use std::time::{Duration, Instant};

use crate::support::bound::Bound;
use crate::support::dev::wait_for;
use crate::support::http::{self, Connection};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A connection on which all of a body has been sent but for its last byte.
fn begin(world: &Bound, body: &str) -> Connection {
    let mut connection = Connection::open(world.dev.base().strip_prefix("http://").unwrap());
    let (bearer, length) = (&world.bearers[0], body.len());
    let head = format!(
        "POST /api/listings HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    connection.send(head.as_bytes());
    connection.send(&body.as_bytes()[..length - 1]);
    connection
}

fn body(own: &str, length: usize) -> String {
    let start = format!(r#"{{"seller":{{"id":"{own}"}},"count":1,"text":""#);
    format!(r#"{start}{}"}}"#, "x".repeat(length.saturating_sub(start.len() + 2)))
}

#[test]
fn a_call_whose_grant_ended_while_its_body_came_does_not_go_on() {
    let world = Bound::start();
    let body = body(&world.ids[0], 200);
    assert_eq!(world.call("POST", "/api/listings", &[JSON], &body).status, 200);
    let (mut kept, mut ended) = (begin(&world, &body), begin(&world, &body));
    kept.send(&body.as_bytes()[body.len() - 1..]);
    assert_eq!(kept.receive().unwrap().status, 200);
    assert_eq!(world.seen().len(), 2);
    let app = world.dev.told("/app/client_id");
    let grants = world.dev.admin("GET", &format!("/admin/grants?app={app}"), "").json();
    let grants = grants["items"].as_array().unwrap();
    let grant = grants.iter().find(|grant| grant["merchant"] == world.ids[0].as_str()).unwrap();
    let path = format!("/admin/grants/{}/revoke", grant["id"].as_str().unwrap());
    assert_eq!(world.dev.admin("POST", &path, "").status, 200);
    ended.send(&body.as_bytes()[body.len() - 1..]);
    let answer = ended.receive().unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (401, "credential_invalid"), "{}", answer.text());
    assert_eq!(world.seen().len(), 0);
    let record = format!("/admin/usage/{}", answer.header("x-request-id").unwrap());
    wait_for("the usage record", || world.dev.admin("GET", &record, "").status == 200);
    assert_eq!(world.dev.admin("GET", &record, "").json()["refusal"], "credential_invalid");
}

#[test]
fn a_route_that_was_switched_off_while_a_body_came_serves_it_no_more() {
    let world = Bound::start();
    let body = body(&world.ids[0], 200);
    let mut begun = begin(&world, &body);
    assert_eq!(world.call("POST", "/api/listings", &[JSON], &body).status, 200);
    let reason = serde_json::json!({"reason": "it sells what is not there"}).to_string();
    let path = "/admin/kill-switches/route/bound-by-body";
    assert_eq!(world.dev.admin("PUT", path, &reason).status, 200);
    begun.send(&body.as_bytes()[body.len() - 1..]);
    let answer = begun.receive().unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (503, "switched_off"), "{}", answer.text());
    assert_eq!(world.seen().len(), 1);
    assert_eq!(world.dev.admin("DELETE", path, "").status, 200);
    assert_eq!(world.call("POST", "/api/listings", &[JSON], &body).status, 200);
}

#[test]
fn a_body_that_does_not_end_in_time_is_refused() {
    let world = Bound::start();
    let begun = Instant::now();
    let answer = begin(&world, &body(&world.ids[0], 60_000)).receive().unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (408, "body_too_slow"), "{}", answer.text());
    assert!(begun.elapsed() < Duration::from_secs(19), "after {:?}", begun.elapsed());
    assert_eq!(world.seen().len(), 0);
}

#[test]
fn what_one_app_may_have_under_way_is_bounded_and_comes_back() {
    const LONGEST: usize = 1 << 20;
    let world = Bound::with_policies(|policies| {
        let file = policies.join("routes/bound.yaml");
        let routes = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, routes.replace("    durable: true\n", "    max_body: 1MiB\n")).unwrap();
    });
    let long = body(&world.ids[0], LONGEST);
    let held: Vec<Connection> = (0..8).map(|_| begin(&world, &long)).collect();
    let call = || world.call("POST", "/api/listings", &[JSON], &body(&world.ids[0], 200));
    wait_for("the merchant's part to be taken", || call().status != 200);
    let other = [("Authorization", world.bearers[1].as_str()), JSON];
    let body_of_other = body(&world.ids[1], 200);
    let answer = http::request(world.dev.base(), "POST", "/api/listings", &other, &body_of_other);
    assert_eq!(answer.status, 200, "another merchant has a part of its own: {}", answer.text());
    let answer = call();
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "{}", answer.text());
    let path = format!("/api/reports?merchant_id={}", world.ids[0]);
    assert_eq!(world.call("GET", &path, &[], "").status, 200, "a call without a body needs no room");
    drop(held);
    wait_for("the share to come back", || call().status == 200);
}
