//! Answers that cannot be masked: what their callers, the books, the metrics and the log are told, and what they cost the upstream.

use std::collections::HashSet;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::masked::{SECRET, change, in_front_of, mask_products};
use super::masked_streams::{in_pieces, read_until};
use crate::support::dev::{Dev, wait_for};
use crate::support::http::Connection;
use crate::support::origin::{Origin, point};

/// The usage record of a call of the second app, who lacks the scope, once it is in the books.
fn record(dev: &Dev, id: &str) -> Value {
    let path = format!("/admin/usage/{id}");
    let mut record = Value::Null;
    wait_for("the usage record", || {
        let answer = dev.admin("GET", &path, "");
        record = answer.json();
        answer.status == 200
    });
    record
}

#[test]
fn a_failure_that_cannot_be_shown_keeps_its_status_and_says_so() {
    let (dev, _origin) = in_front_of(&[
        ("404 Not Found\r\nContent-Type: text/html\r\n", "<h1>404 Not Found</h1><hr>nginx, Li Lei"),
        (
            "503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 7\r\nX-Buyer: Li Lei\r\n",
            "Li Lei, later",
        ),
        ("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n", "Li Lei"),
        ("500 Failed\r\nContent-Type: application/json\r\n", r#"{"receiver":{"name":"Li Lei"#),
        ("422 Unprocessable\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n", "Li Lei"),
    ]);
    let key = [("X-Api-Key", dev.told("/other_app/api_key"))];
    for (place, (status, fault)) in
        [(404, "caller"), (503, "upstream"), (401, "caller"), (500, "upstream"), (422, "caller")]
            .into_iter()
            .enumerate()
    {
        let answer = dev.get(&format!("/api/products?{place}"), &key);
        assert_eq!((answer.status, answer.code().as_str()), (status, "answer_withheld"), "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let problem = answer.json();
        assert_eq!((&problem["status"], &problem["fault"]), (&json!(status), &json!(fault)), "{problem}");
        let all = format!("{:?}{}", answer.headers, answer.text());
        assert!(!all.contains(SECRET), "{all}");
        assert_eq!(answer.header("retry-after"), (place == 1).then_some("7"));
        assert_eq!(answer.header("www-authenticate"), (place == 2).then_some("Basic realm=\"x\""));
        let record = record(&dev, answer.header("x-request-id").unwrap());
        assert_eq!(
            (&record["status"], &record["refusal"], &record["outcome"]),
            (&json!(status), &json!("answer_withheld"), &json!("free")),
            "{record}"
        );
    }
    assert_eq!(dev.figure("tollgate_answers_withheld_total{route=\"list-products\"}"), 5);
    assert_eq!(dev.figure("tollgate_refusals_total{code=\"answer_withheld\"}"), 5);
}

#[test]
fn a_call_whose_answer_is_refused_is_in_the_books_as_the_upstream_took_it() {
    let (dev, _origin) = in_front_of(&[
        ("200 OK\r\nContent-Type: text/html\r\n", "<p>Li Lei</p>"),
        ("200 OK\r\nContent-Type: application/json\r\n", "Li Lei"),
    ]);
    let key = [("X-Api-Key", dev.told("/other_app/api_key"))];
    for place in 0..2 {
        let answer = dev.get(&format!("/api/products?{place}"), &key);
        assert_eq!((answer.status, answer.code().as_str()), (502, "answer_unmaskable"));
        let record = record(&dev, answer.header("x-request-id").unwrap());
        assert_eq!(
            (&record["status"], &record["refusal"], &record["outcome"], &record["units"]),
            (&json!(502), &json!("answer_unmaskable"), &json!("billable"), &json!(1)),
            "{record}"
        );
    }
}

#[test]
fn a_sale_on_a_route_that_is_not_durable_is_in_the_books_though_its_answer_is_refused() {
    const ORDER: &str =
        r#"{"id":"o-1","total_amount":"100.00","currency":"CNY","receiver":{"name":"Li Lei"}}"#;
    let origin = Origin::start(|stream, _| {
        let _ = write!(stream, "HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{ORDER}", ORDER.len());
    });
    let dev = Dev::with_policies(|policies| {
        point(policies, "order", &origin.address);
        change(policies, "orders", "    durable: true\n", |_| String::new());
    });
    let answer = dev.order(&dev.bearer(0), "p-1001").unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (502, "answer_unmaskable"), "{}", answer.text());
    let record = record(&dev, answer.header("x-request-id").unwrap());
    assert_eq!(
        (&record["outcome"], &record["transaction"]["amount"]),
        (&json!("billable"), &json!("100.00")),
        "{record}"
    );
}

#[test]
fn a_failure_on_a_durable_route_keeps_its_status_too() {
    let origin = Origin::start(|stream, _| {
        let _ = stream.write_all(
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nRetry-After: 7\r\n\
              Content-Length: 13\r\n\r\n<p>Li Lei</p>",
        );
    });
    let dev = Dev::with_policies(|policies| point(policies, "order", &origin.address));
    let answer = dev.order(&dev.bearer(0), "p-1001").unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (503, "answer_withheld"), "{}", answer.text());
    assert_eq!(answer.header("retry-after"), Some("7"));
    let record = record(&dev, answer.header("x-request-id").unwrap());
    assert_eq!(
        (&record["status"], &record["refusal"], &record["outcome"]),
        (&json!(503), &json!("answer_withheld"), &json!("free")),
        "{record}"
    );
}

#[test]
fn whose_own_body_is_refused_is_told_so_whatever_the_upstream_answers() {
    let (begun, has_begun) = channel();
    let origin = Origin::start(move |stream, _| {
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<p>");
        let _ = begun.send(());
    });
    let dev = Dev::with_policies(|policies| {
        point(policies, "order", &origin.address);
        change(policies, "orders", "    durable: true\n", |_| String::new());
        change(policies, "orders", "max_body: 256KiB", |_| "max_body: 1KiB".to_owned());
    });
    let (bearer, body) = (dev.bearer(0), "x".repeat(1000));
    let mut connection = Connection::open(dev.base().strip_prefix("http://").unwrap());
    let head = format!(
        "POST /api/orders HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let chunk = format!("3e8\r\n{body}\r\n");
    connection.send(format!("{head}{chunk}").as_bytes());
    has_begun.recv().unwrap();
    connection.send(chunk.as_bytes());
    let answer = connection.receive().unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"), "{}", answer.text());
}

#[test]
fn an_answer_without_a_byte_is_let_through_whatever_its_head_says() {
    let (dev, _origin) = in_front_of(&[
        ("200 OK\r\nTransfer-Encoding: chunked\r\n", ""),
        ("202 Accepted\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n", ""),
        ("500 Failed\r\nTransfer-Encoding: chunked\r\n", ""),
    ]);
    for (place, status) in [200, 202, 500].into_iter().enumerate() {
        let answer = dev.get(&format!("/api/products?{place}"), &[]);
        assert_eq!((answer.status, answer.body.len()), (status, 0), "{}", answer.text());
    }
    let origin = Origin::start(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    });
    let dev = Dev::with_policies(|policies| point(policies, "order", &origin.address));
    let answer = dev.order(&dev.bearer(0), "p-1001").unwrap();
    assert_eq!((answer.status, answer.body.len()), (202, 0), "{}", answer.text());
}

#[test]
fn many_that_cannot_be_masked_keep_their_connection_and_are_one_line_of_the_log() {
    let peers = Arc::<Mutex<HashSet<SocketAddr>>>::default();
    let seen = peers.clone();
    let origin = Origin::start(move |stream, _| {
        seen.lock().unwrap().insert(stream.peer_addr().unwrap());
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<p>Li Lei</p>",
        );
    });
    let dev = Dev::with_options(&["--workers", "1"], |policies| {
        point(policies, "catalog", &origin.address);
        point(policies, "order", &origin.address);
        mask_products(policies);
    });
    let first = dev.get("/api/products", &[]);
    assert!(dev.line_of(&first).contains("left_out=0"));
    for _ in 0..9 {
        assert_eq!(dev.get("/api/products", &[]).code(), "answer_unmaskable");
    }
    assert_eq!(peers.lock().unwrap().drain().count(), 1, "the connection goes on");
    let bearer = dev.bearer(0);
    for _ in 0..5 {
        assert_eq!(dev.order(&bearer, "p-1001").unwrap().code(), "answer_unmaskable");
    }
    assert!(peers.lock().unwrap().len() <= 1, "those of durable calls, too");
    let lines = |route: &str| {
        let log = dev.log();
        log.lines().filter(|line| line.contains("cannot be masked") && line.contains(route)).count()
    };
    wait_for("the line of the other route", || lines("place-order") == 1);
    assert_eq!(lines("list-products"), 1);
    assert_eq!(dev.figure("tollgate_answers_withheld_total{route=\"list-products\"}"), 10);
    assert_eq!(dev.figure("tollgate_answers_withheld_total{route=\"place-order\"}"), 5);
}

#[test]
fn an_answer_that_is_cut_is_in_the_books_with_a_code_and_in_the_metrics() {
    let (dev, tell) = in_pieces();
    let key = dev.told("/other_app/api_key");
    let mut connection = Connection::open(dev.base().strip_prefix("http://").unwrap());
    tell.send(b"{\"a\":1,").unwrap();
    let request = format!("GET /api/products HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\n\r\n");
    connection.send(request.as_bytes());
    let mut seen = read_until(&mut connection, "{\"a\":1,");
    tell.send(b"Li Lei").unwrap();
    connection.read_all(&mut seen);
    tell.send(b"").unwrap();
    assert!(seen.starts_with("HTTP/1.1 200") && !seen.contains(SECRET), "{seen}");
    let id = seen.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
    let record = record(&dev, id);
    assert_eq!(
        (&record["status"], &record["refusal"], &record["outcome"]),
        (&json!(200), &json!("answer_cut"), &json!("billable")),
        "{record}"
    );
    assert_eq!(dev.figure("tollgate_refusals_total{code=\"answer_cut\"}"), 1);
    assert_eq!(dev.figure("tollgate_answers_withheld_total{route=\"list-products\"}"), 1);
}
