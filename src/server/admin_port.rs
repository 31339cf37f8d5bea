//! The administrators' port: its connections, each with a bound on how long a request head may take, and all with a bound on
//! how many there are. HTTP/1.1 alone, which every client of an admin API speaks.

use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::paced::Paced;
use crate::admin::PeerAddress;

/// How long accepting rests after the process ran out of descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Bounds of the administrators' port.
#[derive(Debug, Clone, Copy)]
pub struct AdminBounds {
    /// Connections; beyond: new ones wait in the kernel's backlog.
    pub connections: usize,
    /// How long a request head may take, also the longest idle time between requests; beyond: closed.
    pub head_time: Duration,
    /// How long a client may refuse to take any byte; beyond: closed.
    pub write_stall: Duration,
}

impl Default for AdminBounds {
    fn default() -> Self {
        Self { connections: 256, head_time: Duration::from_secs(30), write_stall: Duration::from_secs(30) }
    }
}

/// Serves `router` until `stop`; returns once the requests in flight are answered.
pub async fn serve(listener: TcpListener, router: Router, bounds: AdminBounds, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let room = Arc::new(Semaphore::new(bounds.connections));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = async {
                let place = room.clone().acquire_owned().await;
                listener.accept().await.map(|(stream, peer)| (stream, peer, place))
            } => accepted,
        };
        match accepted {
            Ok((stream, peer, place)) => {
                let router = router.clone().layer(Extension(PeerAddress(peer.ip())));
                let serving = serve_connection(stream, router, bounds, stop.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::error!(%error, "an administrator's connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn serve_connection(stream: TcpStream, router: Router, bounds: AdminBounds, stop: CancellationToken) {
    let io = TokioIo::new(Paced::new(stream, bounds.write_stall));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head_time)
        .half_close(false)
        .serve_connection(io, TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an administrator's connection ended");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    async fn start(bounds: AdminBounds) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let router = Router::new().route("/", get(|| async { "done" }));
        (address, stop.clone(), tokio::spawn(serve(listener, router, bounds, stop)))
    }

    async fn first_line(stream: &mut TcpStream) -> String {
        let mut line = String::new();
        while !line.ends_with("\r\n") {
            match stream.read_u8().await {
                Ok(byte) => line.push(char::from(byte)),
                Err(_) => break,
            }
        }
        line
    }

    #[tokio::test]
    async fn a_connection_that_sends_no_head_is_closed() {
        let bounds = AdminBounds { head_time: Duration::from_millis(20), ..AdminBounds::default() };
        let (address, ..) = start(bounds).await;
        for sent in [&b""[..], b"GET / HTTP/1.1\r\nHost: a\r\n"] {
            let mut slow = TcpStream::connect(address).await.unwrap();
            slow.write_all(sent).await.unwrap();
            let mut rest = Vec::new();
            assert!(slow.read_to_end(&mut rest).await.is_ok(), "{sent:?}");
        }
    }

    #[tokio::test]
    async fn beyond_the_bound_a_connection_waits_for_its_place() {
        let (address, ..) = start(AdminBounds { connections: 1, ..AdminBounds::default() }).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(REQUEST).await.unwrap();
        assert_eq!(first_line(&mut first).await, "HTTP/1.1 200 OK\r\n");
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(REQUEST).await.unwrap();
        let early = tokio::time::timeout(Duration::from_millis(50), second.read_u8()).await;
        assert!(early.is_err(), "the second was served beside the first");
        drop(first);
        assert_eq!(first_line(&mut second).await, "HTTP/1.1 200 OK\r\n");
    }

    #[tokio::test]
    async fn a_stop_closes_what_is_idle_and_ends() {
        let (address, stop, serving) = start(AdminBounds::default()).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(REQUEST).await.unwrap();
        assert_eq!(first_line(&mut idle).await, "HTTP/1.1 200 OK\r\n");
        stop.cancel();
        serving.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
