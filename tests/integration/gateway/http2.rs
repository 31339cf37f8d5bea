//! HTTP/2 by prior knowledge on the same port, by a client of another make.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::abandoned::{record_of, shorten_orders};
use crate::support::dev::Dev;
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
