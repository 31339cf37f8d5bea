//! Many streams on one HTTP/2 connection, whose answers are gathered into few sends: each arrives whole and in order.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use crate::support::dev::{Dev, wait_for};
use crate::support::origin::{Origin, point};

/// A body of `length` bytes that no other length begins.
fn body(length: usize) -> Vec<u8> {
    (0..length).map(|at| b'a' + ((at + length) % 23) as u8).collect()
}

/// Answers `/products/N` with N bytes, in pieces.
fn answering_by_length() -> Origin {
    Origin::start(|stream, head| {
        let length: usize = head.split(' ').nth(1).unwrap().rsplit('/').next().unwrap().parse().unwrap();
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        for piece in body(length).chunks(30_000) {
            let _ = stream.write_all(piece);
        }
    })
}

/// A client whose streams have windows of `window` bytes.
async fn connect(dev: &Dev, window: u32) -> (SendRequest<Full<Bytes>>, JoinHandle<Result<(), hyper::Error>>) {
    let stream = tokio::net::TcpStream::connect(dev.base().strip_prefix("http://").unwrap()).await.unwrap();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(window);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(connection))
}

async fn get(mut sender: SendRequest<Full<Bytes>>, length: usize) -> Result<Vec<u8>, hyper::Error> {
    let request = Request::get(format!("http://shop.example/api/products/{length}"));
    let answer = sender.send_request(request.body(Full::default()).unwrap()).await?;
    assert_eq!(answer.status(), 200);
    Ok(answer.into_body().collect().await?.to_bytes().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_all_lengths_arrive_whole_however_little_the_client_takes_at_once() {
    let origin = answering_by_length();
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    for window in [1 << 20, 65_535, 1_000] {
        let (sender, _connection) = connect(&dev, window).await;
        let mut answers = JoinSet::new();
        for round in 0..3 {
            for length in [0, 1, 255, 256, 512, 5_000, 16_384, 16_385, 70_000, 300_000] {
                let (sender, length) = (sender.clone(), length + round);
                answers.spawn(async move { (length, get(sender, length).await) });
            }
        }
        while let Some(answer) = answers.join_next().await {
            let (length, answer) = answer.unwrap();
            assert!(answer.unwrap() == body(length), "{length} bytes, window {window}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_takes_does_not_hold_up_the_others() {
    let origin = answering_by_length();
    let dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    let (mut sender, _connection) = connect(&dev, 10_000).await;
    let request = Request::get("http://shop.example/api/products/500000").body(Full::default()).unwrap();
    let untaken = sender.send_request(request).await.unwrap();
    for length in 0..50 {
        assert!(get(sender.clone(), length * 100).await.unwrap() == body(length * 100));
    }
    assert!(untaken.into_body().collect().await.unwrap().to_bytes() == body(500_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_stop_sends_what_is_under_way_and_closes() {
    let (reached, go_on) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (tell, wait) = (reached.clone(), go_on.clone());
    let origin = Origin::start(move |stream, _| {
        tell.fetch_add(1, Ordering::SeqCst);
        wait_for("the stop", || wait.try_acquire().is_ok());
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n");
        let _ = stream.write_all(&body(300));
    });
    let mut dev = Dev::with_policies(|policies| point(policies, "catalog", &origin.address));
    let (sender, connection) = connect(&dev, 65_535).await;
    let (idle, idle_connection) = connect(&dev, 65_535).await;
    let mut answers = JoinSet::new();
    for _ in 0..10 {
        answers.spawn(get(sender.clone(), 300));
    }
    let stopping = tokio::task::spawn_blocking(move || {
        wait_for("the upstream to be reached", || reached.load(Ordering::SeqCst) == 10);
        let address = dev.base().strip_prefix("http://").unwrap().to_owned();
        let listening = std::thread::spawn(move || {
            wait_for("the listener to close", || std::net::TcpStream::connect(&address).is_err());
            go_on.add_permits(10);
        });
        let status = dev.terminate();
        listening.join().unwrap();
        (status, dev.log())
    });
    while let Some(answer) = answers.join_next().await {
        assert!(answer.unwrap().unwrap() == body(300));
    }
    let (status, log) = stopping.await.unwrap();
    assert!(status.success() && !log.contains("are cut"), "{status} {log}");
    // Told by GOAWAY that no more is served, the client ends the connections without an error.
    connection.await.unwrap().unwrap();
    idle_connection.await.unwrap().unwrap();
    drop((sender, idle));
}
