//! Bodies stream, have bounds, and end what they belong to.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::dev::{Dev, wait_for};
use crate::support::http::{self, Connection};
use crate::support::origin::{Origin, point};

#[test]
fn a_body_beyond_the_routes_bound_is_refused_with_and_without_a_length() {
    let dev = Dev::start();
    let key = dev.told("/other_app/api_key");
    let body = "x".repeat((64 << 10) + 1);
    let answer = http::request(dev.base(), "PUT", "/api/products/p-1001", &[("X-Api-Key", key)], &body);
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    let address = dev.base().strip_prefix("http://").unwrap();
    let mut connection = Connection::open(address);
    connection.send(format!("PUT /api/products/p-1001 HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes());
    connection.send(format!("{:x}\r\n{body}\r\n", body.len()).as_bytes());
    let answer = connection.receive().unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
}

#[test]
fn an_answer_streams_while_the_upstream_still_writes_it() {
    let go_on = Arc::new(AtomicBool::new(false));
    let waiting = go_on.clone();
    let origin = Origin::start(move |stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").unwrap();
        wait_for("the reader", || waiting.load(Ordering::SeqCst));
        stream.write_all(b"6\r\nsecond\r\n0\r\n\r\n").unwrap();
    });
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    let mut stream = std::net::TcpStream::connect(dev.base().strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(b"GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut seen = String::new();
    let mut chunk = [0; 1024];
    while !seen.contains("first") {
        let read = std::io::Read::read(&mut stream, &mut chunk).unwrap();
        seen.push_str(&String::from_utf8_lossy(&chunk[..read]));
    }
    assert!(!seen.contains("second"));
    go_on.store(true, Ordering::SeqCst);
    while !seen.contains("0\r\n\r\n") {
        let read = std::io::Read::read(&mut stream, &mut chunk).unwrap();
        assert!(read > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&chunk[..read]));
    }
    assert!(seen.contains("second"));
}

#[test]
fn a_caller_that_leaves_cancels_the_upstreams_work() {
    let left = Arc::new(AtomicBool::new(false));
    let noticed = left.clone();
    let origin = Origin::start(move |stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").unwrap();
        let mut byte = [0; 1];
        let ended = std::io::Read::read(stream, &mut byte);
        noticed.store(matches!(ended, Ok(0) | Err(_)), Ordering::SeqCst);
    });
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    let mut stream = std::net::TcpStream::connect(dev.base().strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(b"GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut chunk = [0; 1024];
    assert!(std::io::Read::read(&mut stream, &mut chunk).unwrap() > 0);
    drop(stream);
    wait_for("the upstream to be left", || left.load(Ordering::SeqCst));
}

#[test]
fn a_truncated_answer_never_looks_whole() {
    let origin = Origin::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this").unwrap();
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    });
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    let mut connection = Connection::open(dev.base().strip_prefix("http://").unwrap());
    assert!(connection.exchange("GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n").is_none());
}

#[test]
fn a_get_with_a_body_of_unknown_length_keeps_it() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]");
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    let mut connection = Connection::open(dev.base().strip_prefix("http://").unwrap());
    let request =
        "GET /api/products HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(connection.exchange(request).unwrap().status, 200);
    let received = origin.received().unwrap().to_ascii_lowercase();
    assert!(received.contains("transfer-encoding: chunked\r\n"), "{received}");
}

#[test]
fn who_still_sends_a_refused_body_gets_the_answer_and_not_a_reset() {
    let dev = Dev::start();
    let stream = std::net::TcpStream::connect(dev.base().strip_prefix("http://").unwrap()).unwrap();
    let mut sending = &stream;
    let body = vec![b'x'; 4 << 20];
    let head = format!("POST /api/orders HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    sending.write_all(head.as_bytes()).unwrap();
    sending.write_all(&body).unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut &stream, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[test]
fn a_truncated_answer_to_http_1_0_is_a_reset_and_not_an_end() {
    let origin = Origin::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").unwrap();
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    });
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    let mut stream = std::net::TcpStream::connect(dev.base().strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(b"GET /api/products HTTP/1.0\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let ended = std::io::Read::read_to_end(&mut stream, &mut answer);
    assert!(ended.is_err(), "a whole answer: {}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_refusal_before_the_body_came_leaves_the_connection_usable_or_says_that_it_ends() {
    let dev = Dev::start();
    let address = dev.base().strip_prefix("http://").unwrap();
    let head = |path: &str, more: &str| format!("PUT {path} HTTP/1.1\r\nHost: a\r\n{more}\r\n");
    let next = "GET /api/products/p-1001 HTTP/1.1\r\nHost: a\r\n\r\n";
    for (path, status) in [("/api/products/p-1001/stock", 401), ("/nowhere", 404), ("/api/products", 405)] {
        for (more, body) in [
            ("Content-Length: 14\r\n", "{\"stock\":1000}"),
            ("Transfer-Encoding: chunked\r\n", "e\r\n{\"stock\":1000}\r\n0\r\n\r\n"),
        ] {
            let mut connection = Connection::open(address);
            // The answer does not wait for the body.
            let refused = connection.exchange(&head(path, more)).unwrap();
            assert_eq!((refused.status, refused.header("connection")), (status, None), "{more}");
            connection.send(body.as_bytes());
            assert_eq!(connection.exchange(next).unwrap().status, 200, "{path} {more}");
        }
        for more in ["Content-Length: 1000000\r\n", "Content-Length: 14\r\nExpect: 100-continue\r\n"] {
            let mut connection = Connection::open(address);
            let refused = connection.exchange(&head(path, more)).unwrap();
            assert_eq!((refused.status, refused.header("connection")), (status, Some("close")), "{more}");
            assert_eq!(connection.read_to_end().unwrap(), b"", "{path} {more}");
        }
    }
}
