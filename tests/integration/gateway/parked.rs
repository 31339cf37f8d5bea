//! Connections that rest are parked, their buffers freed: nobody but the metrics may notice.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::dev::{Dev, wait_for};
use crate::support::http::Connection;
use crate::support::origin::{Origin, point};

const GET: &str = "GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n";

/// How many connections are parked.
fn parked(dev: &Dev) -> u64 {
    let page = dev.admin("GET", "/metrics", "").text();
    let line = page.lines().find(|line| line.starts_with("tollgate_connections_parked ")).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[track_caller]
fn wait_until_parked(dev: &Dev, count: u64) {
    wait_for("connections to be parked", || parked(dev) == count);
}

fn start() -> (Dev, Origin) {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]");
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    (dev, origin)
}

fn open(dev: &Dev) -> Connection {
    Connection::open(dev.base().strip_prefix("http://").unwrap())
}

#[test]
fn a_parked_connection_serves_its_next_requests() {
    let (dev, _origin) = start();
    let mut connections: Vec<Connection> = (0..20).map(|_| open(&dev)).collect();
    for _ in 0..3 {
        for connection in &mut connections {
            assert_eq!(connection.exchange(GET).unwrap().text(), "[]");
        }
        wait_until_parked(&dev, 20);
    }
    // More than is read at once before hyper reads, and pipelined.
    let long = GET.replace("\r\n\r\n", &format!("\r\nX-Long: {}\r\n\r\n", "x".repeat(10_000)));
    let wrong = "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n";
    let connection = &mut connections[0];
    connection.send(format!("{GET}{long}{GET}{wrong}").as_bytes());
    for status in [200, 200, 200] {
        assert_eq!(connection.receive().unwrap().status, status);
    }
    assert!(connection.receive().is_some());
    // What only the raw head shows is seen in the first one after parking too.
    assert_eq!(connections[1].exchange(wrong).unwrap().status, 400);
    assert!(connections[2].exchange(&GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).is_some());
    assert!(connections[2].receive().is_none(), "it was to be closed");
    drop(connections);
    wait_until_parked(&dev, 0);
}

#[test]
fn a_head_of_which_a_part_had_come_is_whole() {
    let (dev, origin) = start();
    let head = GET.replace("\r\n\r\n", &format!("\r\nX-One: {}two\r\n\r\n", "x".repeat(6_000)));
    let cuts = [1, 20, 5_000, head.len() - 3];
    let mut connections: Vec<Connection> = Vec::new();
    for request in [None, Some(GET)] {
        for cut in cuts {
            let mut connection = open(&dev);
            assert!(request.is_none_or(|request| connection.exchange(request).unwrap().status == 200));
            connection.send(&head.as_bytes()[..cut]);
            connections.push(connection);
        }
    }
    wait_until_parked(&dev, connections.len() as u64);
    while origin.received().is_some() {}
    for (connection, cut) in connections.iter_mut().zip(cuts.into_iter().cycle()) {
        connection.send(&head.as_bytes()[cut..]);
        assert_eq!(connection.receive().unwrap().status, 200, "cut at {cut}");
        let seen = origin.received().unwrap().to_ascii_lowercase();
        assert!(seen.contains("xtwo\r\n") && seen.len() > 6_000, "cut at {cut}: {seen}");
    }
}

#[test]
fn a_connection_whose_request_is_under_way_is_not_parked() {
    let go_on = Arc::new(AtomicBool::new(false));
    let wait = go_on.clone();
    let origin = Origin::start(move |stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n[").unwrap();
        wait_for("the test to go on", || wait.load(Ordering::SeqCst));
        stream.write_all(b"42]").unwrap();
    });
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    let (mut busy, mut idle) = (open(&dev), open(&dev));
    busy.send(GET.as_bytes());
    assert_eq!(idle.exchange("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().status, 404);
    wait_until_parked(&dev, 1);
    go_on.store(true, Ordering::SeqCst);
    assert_eq!(busy.receive().unwrap().text(), "[42]");
    wait_until_parked(&dev, 2);
}

#[test]
fn a_refused_upload_does_not_keep_its_connection_from_being_parked() {
    let (dev, _origin) = start();
    let mut connection = open(&dev);
    let refused = "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
    for _ in 0..2 {
        assert_eq!(connection.exchange(refused).unwrap().status, 404);
        wait_until_parked(&dev, 1);
    }
    assert_eq!(connection.exchange(GET).unwrap().status, 200);
}

#[test]
fn an_orderly_stop_closes_parked_connections_at_once() {
    let (mut dev, _origin) = start();
    let mut connections: Vec<Connection> = (0..5).map(|_| open(&dev)).collect();
    for connection in &mut connections {
        assert_eq!(connection.exchange(GET).unwrap().status, 200);
    }
    connections.push(open(&dev));
    wait_until_parked(&dev, 5);
    connections[0].send(&GET.as_bytes()[..20]);
    wait_until_parked(&dev, 5);
    assert!(dev.terminate().success());
    for connection in &mut connections {
        assert!(connection.receive().is_none());
    }
    assert!(!dev.log().contains("are cut"), "{}", dev.log());
}

#[test]
fn a_connection_on_which_no_request_comes_for_too_long_is_closed_parked_or_not() {
    let (dev, _origin) = start();
    let address = dev.base().strip_prefix("http://").unwrap();
    let half = &GET[..20];
    let mut connections: Vec<TcpStream> = ["", half, GET, &format!("{GET}{half}")]
        .into_iter()
        .map(|sent| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
            stream.write_all(sent.as_bytes()).unwrap();
            stream
        })
        .collect();
    wait_until_parked(&dev, 3);
    for stream in &mut connections {
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
    wait_until_parked(&dev, 0);
}
