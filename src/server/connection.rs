//! One client connection: HTTP/1.1, or HTTP/2 by prior knowledge (RFC 9113, section 3.3), told apart by its first
//! bytes. No method begins with `PRI`, so what does is HTTP/2 or nothing.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http::HeaderValue;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::paced::Paced;
use crate::gateway::fields::ConnectionFields;
use crate::gateway::pipeline::{self, Peer};
use crate::gateway::worker::Worker;

/// Wait between looks at the first bytes of a connection that sends them one by one.
const SNIFF_AGAIN: Duration = Duration::from_millis(5);

/// Serves a connection to its end; `stop` lets requests in flight finish and then closes it.
pub async fn serve(worker: Rc<Worker>, stream: TcpStream, address: SocketAddr, stop: CancellationToken) {
    let bounds = &worker.shared.bounds;
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let sniffed = tokio::select! {
        sniffed = tokio::time::timeout(bounds.head_time, sniff(&stream)) => sniffed,
        () = stop.cancelled() => return,
    };
    let Ok(Ok(protocol)) = sniffed else { return };
    let io = TokioIo::new(Paced::new(stream, bounds.write_stall));
    let peer = Rc::new(peer(address));
    let result = match protocol {
        Protocol::Http1 => serve_http1(&worker, io, peer, stop).await,
        Protocol::Http2 => serve_http2(&worker, io, peer, stop).await,
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn serve_http1(
    worker: &Rc<Worker>,
    io: TokioIo<Paced>,
    peer: Rc<Peer>,
    stop: CancellationToken,
) -> hyper::Result<()> {
    let bounds = &worker.shared.bounds;
    let service = service_fn(|request| {
        let serving = pipeline::serve(worker.clone(), peer.clone(), request);
        async { Ok::<_, Infallible>(serving.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head_time)
        // Room beyond what the pipeline takes, so that it is the one to say no, in words.
        .max_buf_size((bounds.head_bytes * 4).max(8192))
        .max_headers(256)
        .half_close(false)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        result = connection.as_mut() => return result,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

async fn serve_http2(
    worker: &Rc<Worker>,
    io: TokioIo<Paced>,
    peer: Rc<Peer>,
    stop: CancellationToken,
) -> hyper::Result<()> {
    let bounds = &worker.shared.bounds;
    let (worker, streams) = (worker.clone(), bounds.streams_per_connection);
    let head_bytes = u32::try_from(bounds.head_bytes * 2).unwrap_or(u32::MAX);
    let service = service_fn(move |request| {
        let serving = pipeline::serve(worker.clone(), peer.clone(), request);
        async { Ok::<_, Infallible>(serving.await) }
    });
    let connection = http2::Builder::new(OnThisCore)
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .max_concurrent_streams(streams)
        .max_header_list_size(head_bytes)
        .max_pending_accept_reset_streams(32)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        result = connection.as_mut() => return result,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

enum Protocol {
    Http1,
    Http2,
}

async fn sniff(stream: &TcpStream) -> std::io::Result<Protocol> {
    let mut first = [0; 3];
    loop {
        let seen = stream.peek(&mut first).await?;
        if seen == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if first[..seen] != b"PRI"[..seen] {
            return Ok(Protocol::Http1);
        }
        if seen == first.len() {
            return Ok(Protocol::Http2);
        }
        tokio::time::sleep(SNIFF_AGAIN).await;
    }
}

fn peer(address: SocketAddr) -> Peer {
    let address = address.ip().to_canonical();
    let forwarded_for =
        HeaderValue::from_str(&address.to_string()).unwrap_or(HeaderValue::from_static("unknown"));
    let forwarded_proto = HeaderValue::from_static("http");
    Peer { address, fields: ConnectionFields { forwarded_for, forwarded_proto } }
}

/// Runs a connection's streams on the core that accepted it.
#[derive(Clone, Copy)]
struct OnThisCore;

impl<F: Future<Output = ()> + 'static> Executor<F> for OnThisCore {
    fn execute(&self, stream: F) {
        tokio::task::spawn_local(stream);
    }
}
