//! Upstreams that are away, break off, or answer what nobody asked.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::dev::{Dev, wait_for};
use crate::support::http::Connection;
use crate::support::origin::{Origin, point};

#[test]
fn an_upstream_that_is_away_or_breaks_off_is_told_as_such() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let breaks = Origin::start(|stream, _| stream.shutdown(std::net::Shutdown::Both).unwrap());
    let nonsense = Origin::answering("this is not HTTP\r\n\r\n");
    let switches = Origin::answering("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n");
    for (address, code) in [
        (closed.as_str(), "upstream_unreachable"),
        (breaks.address.as_str(), "upstream_broken"),
        (nonsense.address.as_str(), "upstream_broken"),
        (switches.address.as_str(), "upstream_broken"),
    ] {
        let dev = Dev::with_policies(|policies| point(policies, "catalog", address));
        let answer = dev.get("/api/products", &[]);
        assert_eq!((answer.status, answer.code().as_str()), (502, code), "{}", answer.text());
        assert!(!answer.text().contains("127.0.0.1"), "an internal address in {}", answer.text());
    }
}

#[test]
fn a_slow_upstream_is_given_up_after_the_routes_time() {
    let origin = Origin::start(|_, _| {});
    let dev = Dev::with_policies(|policies| {
        point(policies, "catalog", &origin.address);
        let file = policies.join("routes/catalog.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(
            &file,
            text.replace("rewrite: /products\n", "rewrite: /products\n    timeout: 200ms\n"),
        )
        .unwrap();
    });
    let answer = dev.get("/api/products", &[]);
    assert_eq!((answer.status, answer.code().as_str()), (504, "upstream_timeout"));
}

#[test]
fn of_two_endpoints_one_may_be_away() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let both = format!("{}\", \"{closed}", origin.address);
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &both));
    for _ in 0..20 {
        assert_eq!(dev.get("/api/products", &[]).status, 200);
    }
}

#[test]
fn bytes_after_an_answer_are_never_seen_by_the_next_caller() {
    let answers = Arc::new(AtomicUsize::new(0));
    let counter = answers.clone();
    let origin = Origin::start(move |stream, _| {
        let number = counter.fetch_add(1, Ordering::SeqCst);
        // In one write: bytes that come later, with the next request under way, are an answer to it as any other.
        let bytes = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled"
        );
        let _ = stream.write_all(bytes.as_bytes());
    });
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    for _ in 0..10 {
        let answer = Connection::open(dev.base().strip_prefix("http://").unwrap())
            .exchange("GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        assert!(!answer.text().contains("smuggled"), "{}", answer.text());
    }
}

/// Closes each connection instead of answering a second request on it.
fn one_answer_a_connection(answered: &Arc<AtomicUsize>) -> Origin {
    let answered = answered.clone();
    let known = std::sync::Mutex::new(std::collections::HashSet::new());
    Origin::start(move |stream, _| {
        if known.lock().unwrap().insert(stream.peer_addr().unwrap()) {
            answered.fetch_add(1, Ordering::SeqCst);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n";
            let _ = stream.write_all(format!("{head}[]").as_bytes());
        } else {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    })
}

#[test]
fn a_get_that_met_a_closing_idle_connection_is_sent_again_and_a_post_is_not() {
    let answered = Arc::new(AtomicUsize::new(0));
    let origin = one_answer_a_connection(&answered);
    let dev = Dev::with_policies(|policies| {
        point(policies, "catalog", &origin.address);
        point(policies, "order", &origin.address);
    });
    let address = dev.base().strip_prefix("http://").unwrap().to_owned();
    let get = "GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n";
    let rest = || {
        let since = std::time::Instant::now();
        wait_for("an idle second", || since.elapsed() > std::time::Duration::from_secs(1));
    };
    // One connection stays on one core, whose pool has the idle connection.
    let mut connection = Connection::open(&address);
    assert_eq!(connection.exchange(get).unwrap().status, 200);
    rest();
    assert_eq!(connection.exchange(get).unwrap().status, 200);
    assert_eq!(answered.load(Ordering::SeqCst), 2);
    let bearer = dev.bearer(0);
    let post = format!(
        "POST /api/orders HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    assert_eq!(connection.exchange(&post).unwrap().status, 200);
    rest();
    let answer = connection.exchange(&post).unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_broken"));
}

#[test]
fn an_upstreams_own_error_passes_through_untouched() {
    let dev = Dev::start();
    let answer = dev.get("/api/products/none", &[]);
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("There is no product none"), "{}", answer.text());
    let head = dev.get("/api/products/p-1001", &[]);
    let mut connection = Connection::open(dev.base().strip_prefix("http://").unwrap());
    connection.send(b"HEAD /api/products/p-1001 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut text = String::new();
    connection.read_all(&mut text);
    assert!(
        text.contains("200 OK")
            && text.to_ascii_lowercase().contains(&format!("content-length: {}", head.body.len())),
        "{text}"
    );
}
