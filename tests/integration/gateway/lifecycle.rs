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

/// How many login sessions the store of `dev` has.
async fn sessions(store: &str, statement: &'static str) -> i64 {
    use sqlx::Connection;
    let mut file = sqlx::SqliteConnection::connect(store).await.unwrap();
    let count = sqlx::query_scalar(statement).fetch_one(&mut file).await.unwrap();
    file.close().await.unwrap();
    count
}

#[test]
fn a_node_forgets_what_expired_long_ago_and_nothing_else() {
    const INSERT: &str = "insert into login_session \
        (hash, id, merchant, csrf_secret, authenticated_at, acr, created_at, expires_at) \
        select randomblob(32), 'ses_' || at, id, randomblob(32), 0, 'urn:tollgate:acr:one-factor', 0, at from merchant, \
        (select 1 as at union all select unixepoch() * 1000000) where username = 'shop' returning 0";
    let dev = Dev::start();
    dev.admin("POST", "/admin/merchants", r#"{"username":"shop","name":"Shop"}"#);
    let store = format!("sqlite:{}", dev.policies().with_file_name("data").join("tollgate.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let count = || runtime.block_on(sessions(&store, "select count(*) from login_session"));
    runtime.block_on(sessions(&store, INSERT));
    assert_eq!(count(), 2);
    let _dev = dev.kill_and_restart();
    wait_for("what expired to be forgotten", || count() < 2);
    assert_eq!(count(), 1);
}
