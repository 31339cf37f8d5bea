//! Masked answers that come in pieces, by HTTP/1.1 and HTTP/2: nothing leaves unmasked, and what breaks never looks whole.

use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::masked::{SECRET, change, mask_products};
use crate::support::dev::Dev;
use crate::support::http::Connection;
use crate::support::origin::{Origin, point};

const BEGUN: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A gateway before an upstream that sends a piece of its answer each time that it is told to.
pub(super) fn in_pieces() -> (Dev, Sender<&'static [u8]>) {
    let (tell, told) = channel();
    let told: Arc<Mutex<Receiver<&'static [u8]>>> = Arc::new(Mutex::new(told));
    let origin = Origin::start(move |stream, _| {
        let _ = stream.write_all(BEGUN);
        for piece in told.lock().unwrap().iter() {
            let _ = write!(stream, "{:x}\r\n", piece.len());
            let _ = stream.write_all(piece);
            let _ = stream.write_all(b"\r\n");
            if piece.is_empty() {
                return;
            }
        }
    });
    let dev = Dev::with_policies(|policies| {
        point(policies, "catalog", &origin.address);
        mask_products(policies);
    });
    (dev, tell)
}

/// Reads until `text` has come; gives all that has.
pub(super) fn read_until(connection: &mut Connection, text: &str) -> String {
    use std::io::Read;
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(text) {
        let mut byte = [0];
        assert_eq!(connection.stream().read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&seen));
        seen.push(byte[0]);
    }
    String::from_utf8(seen).unwrap()
}

#[test]
fn what_comes_before_and_after_a_masked_value_leaves_at_once() {
    let (dev, tell) = in_pieces();
    let mut connection = Connection::open(dev.base().strip_prefix("http://").unwrap());
    tell.send(b"[{\"a\":1,\"receiver\":{\"name\":\"Li").unwrap();
    connection.send(b"GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n");
    let seen = read_until(&mut connection, r#""name":"***""#);
    assert!(seen.starts_with("HTTP/1.1 200 OK") && !seen.contains("\"Li"), "{seen}");
    tell.send(b" Lei").unwrap();
    tell.send(b"\",\"b\":2}},").unwrap();
    let seen = read_until(&mut connection, r#","b":2}},"#);
    assert!(!seen.contains("Lei"), "{seen}");
    tell.send(b"null]").unwrap();
    tell.send(b"").unwrap();
    assert!(read_until(&mut connection, "0\r\n\r\n").contains("null]"));
    connection.send(b"GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n");
    tell.send(b"[]").unwrap();
    tell.send(b"").unwrap();
    let again = connection.receive().expect("the connection goes on");
    assert_eq!(again.text(), "[]");
}

#[test]
fn an_answer_that_turns_out_to_be_no_json_is_cut_off() {
    let (dev, tell) = in_pieces();
    for rest in [&b"} Li Lei"[..], b"}, \"Li Lei\"", b", Li Lei: 1}", b""] {
        let mut connection = Connection::open(dev.base().strip_prefix("http://").unwrap());
        tell.send(b"{\"a\":{\"b\":1}").unwrap();
        connection.send(b"GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut seen = read_until(&mut connection, r#"{"a":{"b":1}"#);
        tell.send(rest).unwrap();
        connection.read_all(&mut seen);
        assert!(!seen.contains(SECRET) && !seen.ends_with("0\r\n\r\n"), "{rest:?}: {seen}");
        if !rest.is_empty() {
            // The upstream goes on to wait; its answer ends.
            tell.send(b"").unwrap();
        }
    }
}

async fn connect(dev: &Dev) -> SendRequest<Empty<Bytes>> {
    let address = dev.base().strip_prefix("http://").unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

#[tokio::test(flavor = "multi_thread")]
async fn by_http_2_it_is_the_same() {
    let (dev, tell) = in_pieces();
    let mut sender = connect(&dev).await;
    let mut get = async || {
        let request = Request::get("http://a/api/products").body(Empty::new()).unwrap();
        sender.send_request(request).await.unwrap()
    };
    for piece in [&b"{\"receiver\":{\"na"[..], b"me\":\"Li L", b"ei\",\"b\":\"\xe6", b"\x9d\x8e\"}}", b""] {
        tell.send(piece).unwrap();
    }
    let answer = get().await;
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "{\"receiver\":{\"name\":\"***\",\"b\":\"李\"}}");

    tell.send(b"{\"a\":1,").unwrap();
    let mut body = get().await.into_body();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.data_ref().unwrap(), "{\"a\":1,");
    tell.send(b"Li Lei").unwrap();
    assert!(body.frame().await.unwrap().is_err(), "the stream is reset");
    tell.send(b"").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_withheld_does_not_leave_behind_the_body() {
    let origin = Origin::start(|stream, _| {
        let _ = stream.write_all(BEGUN);
        let _ = stream.write_all(b"2\r\n[]\r\n0\r\nX-Buyer: Li Lei\r\n\r\n");
    });
    let dev = Dev::with_policies(|policies| {
        point(policies, "catalog", &origin.address);
        change(policies, "catalog", "  - name: list-products\n", |name| {
            format!("{name}    mask: [{{headers: [X-Buyer], scope: order:pii}}]\n")
        });
    });
    let mut sender = connect(&dev).await;
    for (key, is_theirs) in [("/other_app/api_key", false), ("/app/api_key", true)] {
        let request = Request::get("http://a/api/products").header("X-Api-Key", dev.told(key));
        let answer = sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
        let body = answer.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().is_some(), is_theirs, "{key}");
        assert_eq!(body.to_bytes(), "[]");
    }
}
