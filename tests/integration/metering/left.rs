//! A call whose caller did not wait for the answer is not free for that, nor billed by a guess.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::bodies::{upstream, with_routes};
use crate::support::dev::{Dev, wait_for};
use crate::support::http;
use crate::support::origin::Origin;

const BODY: &str = "{\"quantity\":3}\n";

/// The exceptions that nobody has resolved.
fn open(dev: &Dev) -> Vec<Value> {
    dev.admin("GET", "/admin/exceptions", "").json()["items"].as_array().unwrap().clone()
}

/// A platform whose upstream knows for a day which lines it was sent.
fn idempotent(address: &str) -> Dev {
    Dev::with_policies(|policies| {
        with_routes(policies, address);
        let file = policies.join("routes/catalog.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let idempotent = "request.lines.sum.quantity, idempotent_for: 24h}";
        std::fs::write(&file, text.replace("request.lines.sum.quantity}", idempotent)).unwrap();
    })
}

#[test]
fn what_was_seen_and_not_understood_is_not_answered_by_what_comes_again() {
    let dev = idempotent(&upstream());
    let call = |of: &str, key: &str| {
        let key =
            [("X-Api-Key", dev.told("/other_app/api_key")), ("Idempotency-Key", key), ("Content-Type", of)];
        assert_eq!(http::request(dev.base(), "POST", "/api/stock", &key, BODY).status, 200);
    };
    // To its upstream the same bytes may be something else, and as much as it likes.
    call("application/x-www-form-urlencoded", "\"a\"");
    wait_for("the exception", || open(&dev).len() == 1);
    call("application/x-ndjson", "\"a\"");
    call("application/x-www-form-urlencoded", "\"a\"");
    wait_for("the other exception", || open(&dev).len() == 2);
    let path = format!("/admin/usage?app={}", dev.told("/other_app/client_id"));
    let usage = dev.admin("GET", &path, "").json();
    let outcomes = usage["items"].as_array().unwrap().iter().map(|record| record["outcome"].clone());
    assert_eq!(outcomes.filter(|outcome| outcome == "billable").count(), 1, "{usage}");
}

#[test]
fn a_call_whose_caller_left_is_for_someone_to_look_at_until_it_comes_again() {
    let (arrived, left) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let (has_arrived, has_left) = (arrived.clone(), left.clone());
    let origin = Origin::start(move |stream, _| {
        has_arrived.store(true, Ordering::SeqCst);
        wait_for("the caller to leave", || has_left.load(Ordering::SeqCst));
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    });
    let dev = idempotent(&origin.address);
    let key = dev.told("/other_app/api_key");
    let mut stream = TcpStream::connect(dev.base().strip_prefix("http://").unwrap()).unwrap();
    let length = BODY.len();
    let head =
        format!("POST /api/stock HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\nIdempotency-Key: \"a\"\r\n");
    stream.write_all(format!("{head}Content-Length: {length}\r\n\r\n{BODY}").as_bytes()).unwrap();
    wait_for("the upstream to have it", || arrived.load(Ordering::SeqCst));
    drop(stream);
    // Only an upstream that waits tells that the caller left before the answer.
    wait_for("the exception", || open(&dev).len() == 1);
    left.store(true, Ordering::SeqCst);
    let exception = open(&dev).remove(0);
    assert_eq!(exception["reason"], "the caller left before the upstream's answer", "{exception}");

    let headers = [("X-Api-Key", key), ("Idempotency-Key", "\"a\"")];
    let answer = http::request(dev.base(), "POST", "/api/stock", &headers, BODY);
    assert_eq!(answer.status, 200, "{}", answer.text());
    wait_for("the exception to be resolved", || open(&dev).is_empty());
    let usage = exception["usage"].as_str().unwrap();
    let record = dev.admin("GET", &format!("/admin/usage/{usage}"), "").json();
    let billed = record["repeat_of"].as_str().unwrap();
    let billed = dev.admin("GET", &format!("/admin/usage/{billed}"), "").json();
    assert_eq!((&billed["outcome"], &billed["units"]), (&"billable".into(), &3.into()), "{billed}");
}
