//! Calls whose caller, or whose upstream, leaves before the end: each is in the books all the same.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::support::dev::{Dev, wait_for};
use crate::support::origin::{Origin, point};

const ORDERED: &str = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n";
const ORDER: &str = r#"{"id":"o-77","total_amount":"100.00","currency":"CNY"}"#;

/// The usage record of the only call of `route`, once it is in the books.
pub(super) fn record_of(dev: &Dev, route: &str) -> Value {
    let mut found = Value::Null;
    wait_for("the usage record", || {
        let usage = dev.admin("GET", &format!("/admin/usage?app={}", dev.told("/app/client_id")), "").json();
        let records = usage["items"].as_array().unwrap();
        found = records.iter().find(|record| record["route"] == route).cloned().unwrap_or_default();
        !found.is_null()
    });
    found
}

/// Sends a request and leaves once the upstream has it; the upstream answers only then.
fn leave_before_the_answer(dev: &Dev, request: &str, arrived: &AtomicBool, left: &AtomicBool) {
    let mut stream = TcpStream::connect(dev.base().strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    wait_for("the upstream to have it", || arrived.load(Ordering::SeqCst));
    drop(stream);
    left.store(true, Ordering::SeqCst);
}

struct World {
    dev: Dev,
    arrived: Arc<AtomicBool>,
    left: Arc<AtomicBool>,
}

fn world() -> World {
    let (arrived, left) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let (has_arrived, has_left) = (arrived.clone(), left.clone());
    let origin = Origin::start(move |stream, _| {
        has_arrived.store(true, Ordering::SeqCst);
        wait_for("the caller to leave", || has_left.load(Ordering::SeqCst));
        let _ = write!(stream, "{ORDERED}Content-Length: {}\r\n\r\n{ORDER}", ORDER.len());
    });
    let dev = Dev::with_policies(|policies| point(policies, "order", &origin.address));
    World { dev, arrived, left }
}

#[test]
fn an_order_whose_caller_left_before_the_answer_is_in_the_books_as_it_was_placed() {
    let World { dev, arrived, left } = world();
    let bearer = dev.bearer(0);
    let request = format!(
        "POST /api/orders HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    leave_before_the_answer(&dev, &request, &arrived, &left);
    let record = record_of(&dev, "place-order");
    assert_eq!(record["status"], 201, "{record}");
    assert_eq!(record["outcome"], "billable", "{record}");
}

#[test]
fn a_read_whose_caller_left_before_the_answer_is_recorded_and_free() {
    let World { dev, arrived, left } = world();
    let bearer = dev.bearer(0);
    let request = format!("GET /api/orders HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\n\r\n");
    leave_before_the_answer(&dev, &request, &arrived, &left);
    let record = record_of(&dev, "list-orders");
    assert_eq!((record["status"].as_u64(), record["refusal"].as_str()), (Some(499), Some("caller_left")));
    assert_eq!(record["outcome"], "free", "{record}");
}

#[test]
fn an_order_whose_answer_nobody_saw_is_an_exception_for_someone_to_look_at() {
    let breaks = Origin::start(|stream, _| stream.shutdown(std::net::Shutdown::Both).unwrap());
    let silent = Origin::start(|_, _| {});
    let cut = Origin::start(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"id\":");
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    for (origin, status, code) in [
        (&breaks, 502, "upstream_broken"),
        (&silent, 504, "upstream_timeout"),
        (&cut, 502, "upstream_broken"),
    ] {
        let dev = Dev::with_policies(|policies| {
            point(policies, "order", &origin.address);
            shorten_orders(policies);
        });
        let answer = dev.order(&dev.bearer(0), "p-1001").unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text());
        let record = record_of(&dev, "place-order");
        assert_eq!(record["outcome"], "exception", "{record}");
        assert_eq!(record["status"], status, "what the caller was told: {record}");
    }
}

pub(super) fn shorten_orders(policies: &Path) {
    for entry in std::fs::read_dir(policies.join("routes")).unwrap() {
        let file = entry.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        let shortened = text.replace("durable: true\n    meter:\n      transaction:\n        id: response.body.id\n        amount: response.body.total_amount", "timeout: 500ms\n    durable: true\n    meter:\n      transaction:\n        id: response.body.id\n        amount: response.body.total_amount");
        std::fs::write(&file, shortened).unwrap();
    }
}
