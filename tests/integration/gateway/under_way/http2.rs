//! Streams of one HTTP/2 connection: those of one app end, and another's go on.

use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;

use super::world::{SOON, World};
use crate::support::dev::wait_for;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

fn get(credential: &str, how: &str) -> Request<Body> {
    let (name, value) = credential.split_once(": ").unwrap();
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    Request::get(format!("http://a/api/watch/{how}")).header(name, value).body(body).unwrap()
}

/// A request whose body does not end.
fn post(credential: &str) -> Request<Body> {
    let (name, value) = credential.split_once(": ").unwrap();
    let data = stream::iter([Ok(Frame::data(Bytes::from_static(b"the beginning")))]);
    let body = StreamBody::new(data.chain(stream::pending())).boxed_unsync();
    Request::post("http://a/api/watch/upload").header(name, value).body(body).unwrap()
}

async fn code(answer: Response<Incoming>) -> (u16, String) {
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    (status, problem["code"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_streams_of_a_revoked_key_end_and_others_of_their_connection_go_on() {
    let world = World::start();
    let (key, id) = world.key(world.dev.told("/app/client_id"));
    let address = world.dev.base().strip_prefix("http://").unwrap();
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    let send = |request: Request<Body>| {
        let mut sender = sender.clone();
        tokio::spawn(async move { sender.send_request(request).await.unwrap() })
    };
    let (waiting, upload) = (send(get(&key, "waiting")), send(post(&key)));
    let mut silent = send(get(&key, "silent")).await.unwrap().into_body();
    let mut ticking = send(get(&key, "ticking")).await.unwrap().into_body();
    let mut other = send(get(&world.other(), "ticking")).await.unwrap().into_body();
    let others_waiting = send(get(&world.other(), "waiting"));
    for body in [&mut silent, &mut ticking, &mut other] {
        assert!(body.frame().await.unwrap().is_ok());
    }
    let begun = tokio::task::block_in_place(|| {
        let arrived = |path: &str| world.upstream.arrived(path);
        wait_for("the upstream", || arrived("/waiting") == 2 && arrived("/upload") == 1);
        let begun = Instant::now();
        world.admin("POST", &format!("/admin/keys/{id}/revoke"), &Value::Null);
        begun
    });
    for answer in [waiting, upload] {
        assert_eq!(code(answer.await.unwrap()).await, (401, "revoked_under_way".to_owned()));
    }
    for mut body in [silent, ticking] {
        while let Ok(frame) = body.frame().await.expect("it does not look whole") {
            assert!(frame.is_data() && begun.elapsed() < SOON);
        }
    }
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    for _ in 0..20 {
        assert!(other.frame().await.unwrap().is_ok());
    }
    assert!(!others_waiting.is_finished());
}
