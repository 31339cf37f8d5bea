//! HTTP/2 by prior knowledge on the same port, by a client of another make.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::abandoned::{record_of, shorten_orders};
use crate::support::bound::Bound;
use crate::support::dev::{Dev, wait_for};
use crate::support::origin::{Origin, point};

async fn connect(dev: &Dev) -> SendRequest<Full<Bytes>> {
    let address = dev.base().strip_prefix("http://").unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn send(
    sender: &mut SendRequest<Full<Bytes>>,
    request: http::request::Builder,
) -> (Response<()>, String) {
    let answer = sender.send_request(request.body(Full::default()).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(parts, ()), String::from_utf8_lossy(&body).into_owned())
}

fn get(authority: &str, path: &str) -> http::request::Builder {
    Request::get(format!("http://{authority}{path}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_streams_of_one_connection_are_served_at_once() {
    let dev = Dev::start();
    let sender = connect(&dev).await;
    let streams: Vec<_> = (0..100)
        .map(|_| {
            let mut sender = sender.clone();
            tokio::spawn(async move { send(&mut sender, get("shop.example", "/api/products/p-1001")).await })
        })
        .collect();
    for stream in streams {
        let (answer, body) = stream.await.unwrap();
        assert_eq!(answer.status(), 200, "{body}");
        assert!(body.contains("p-1001") && answer.headers().contains_key("x-request-id"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_becomes_one_that_http_1_1_can_be_sure_of_or_is_refused() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]");
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    let mut sender = connect(&dev).await;
    let crumbs = get("Shop.Example", "/api/products").header("cookie", "a=1").header("cookie", "b=2");
    let (answer, _) = send(&mut sender, crumbs.header("x-tollgate-app", "forged")).await;
    assert_eq!(answer.status(), 200);
    let seen = origin.received().unwrap().to_ascii_lowercase();
    assert!(
        seen.starts_with("get /products http/1.1\r\n") && seen.contains("cookie: a=1; b=2\r\n"),
        "{seen}"
    );
    assert!(seen.contains("host: shop.example\r\n") && !seen.contains("forged"), "{seen}");
    let refused = [
        get("user@shop.example", "/api/products"),
        get("a,b", "/api/products"),
        get("a", "/api/products").header("host", "b"),
    ];
    for request in refused {
        let shown = format!("{request:?}");
        let (answer, body) = send(&mut sender, request).await;
        assert_eq!(answer.status(), 400, "{shown}: {body}");
        assert!(body.contains("message_malformed"), "{body}");
        assert_eq!(origin.received(), None, "{shown} reached the upstream");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_stream_has_not_ended_was_whole_once_its_length_has_come() {
    let silent = Origin::start(|_, _| {});
    let dev = Dev::with_policies(|policies| {
        point(policies, "order", &silent.address);
        shorten_orders(policies);
    });
    let stream = tokio::net::TcpStream::connect(dev.base().strip_prefix("http://").unwrap()).await.unwrap();
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let data = stream::iter([Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"{}")))]);
    let request = Request::post("http://shop.example/api/orders")
        .header("authorization", dev.bearer(0))
        .header("content-length", "2")
        .body(StreamBody::new(data.chain(stream::pending())))
        .unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 504);
    let record = record_of(&dev, "place-order");
    assert_eq!(record["outcome"], "exception", "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_whose_length_nobody_says_is_one_and_may_be_a_form() {
    let world = tokio::task::spawn_blocking(Bound::start).await.unwrap();
    let stream =
        tokio::net::TcpStream::connect(world.dev.base().strip_prefix("http://").unwrap()).await.unwrap();
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let pieces =
        ["merchant_id=", "mer_other"].map(|piece| Ok::<_, std::io::Error>(Frame::data(Bytes::from(piece))));
    let request = Request::get(format!("http://shop.example/api/reports?merchant_id={}", world.ids[0]))
        .header("authorization", &world.bearers[0])
        .body(StreamBody::new(stream::iter(pieces)))
        .unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 400);
    assert_eq!(world.seen().len(), 0);
}

/// One frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as literals that are not indexed and not compressed (RFC 7541, section 6.2.2).
fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            match text.len().checked_sub(127) {
                None => block.push(u8::try_from(text.len()).unwrap()),
                Some(rest) => {
                    let (low, high) = (rest % 128, rest / 128);
                    block.extend([127, u8::try_from(low).unwrap() | 128, u8::try_from(high).unwrap()]);
                }
            }
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

#[test]
fn what_is_owed_of_a_body_whose_stream_was_reset_is_never_taken_from_the_next_request() {
    let peers = Arc::new(Mutex::new(Vec::<SocketAddr>::new()));
    let seen = peers.clone();
    // It answers before the body has come, and keeps the connection.
    let origin = Origin::start(move |stream, _| {
        seen.lock().unwrap().push(stream.peer_addr().unwrap());
        let head = "HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n";
        let _ = stream.write_all(format!("{head}{{}}").as_bytes());
    });
    let dev = Dev::with_policies(|policies| point(policies, "order", &origin.address));
    let bearer = dev.bearer(0);
    let mut stream = TcpStream::connect(dev.base().strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    let order = |number: u32, length: &str, body: &[u8], ends: bool| {
        let head = fields(&[
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/api/orders"),
            ("authorization", &bearer),
            ("content-length", length),
        ]);
        [frame(1, 4, number, &head), frame(0, u8::from(ends), number, body)].concat()
    };
    let reset = frame(3, 0, 1, &0_u32.to_be_bytes());
    stream.write_all(&[frame(4, 0, 0, &[]), order(1, "1000", b"{\"items\":", false)].concat()).unwrap();
    wait_for("the order at the upstream", || !peers.lock().unwrap().is_empty());
    stream.write_all(&[reset, order(3, "2", b"[]", true)].concat()).unwrap();
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while peers.lock().unwrap().len() < 2 || !answer.windows(2).any(|pair| pair == b"{}") {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "closed after {answer:?}");
        answer.extend_from_slice(&chunk[..read]);
    }
    let peers = peers.lock().unwrap();
    let connections: HashSet<_> = peers.iter().collect();
    assert_eq!(connections.len(), peers.len(), "a connection that was owed bytes was used again");
}
