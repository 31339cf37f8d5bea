//! Orderly stop: what is under way ends well.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::dev::{Dev, wait_for};
use crate::support::http::Connection;
use crate::support::origin::{Origin, point};

#[test]
fn sigterm_lets_requests_in_flight_finish_and_exits_with_zero() {
    let (reached, go_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (tell, wait) = (reached.clone(), go_on.clone());
    let origin = Origin::start(move |stream, _| {
        tell.store(true, Ordering::SeqCst);
        wait_for("the stop", || wait.load(Ordering::SeqCst));
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]").unwrap();
    });
    let mut dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    let address = dev.base().strip_prefix("http://").unwrap().to_owned();
    let mut connection = Connection::open(&address);
    connection.send(b"GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for("the upstream to be reached", || reached.load(Ordering::SeqCst));
    let answered = std::thread::spawn(move || connection.receive());
    let stopping = std::thread::spawn(move || {
        let status = dev.terminate();
        (status, dev)
    });
    wait_for("the listener to close", || std::net::TcpStream::connect(&address).is_err());
    go_on.store(true, Ordering::SeqCst);
    assert_eq!(answered.join().unwrap().unwrap().status, 200);
    let (status, _dev) = stopping.join().unwrap();
    assert!(status.success(), "{status}");
}
