//! One client connection: HTTP/1.1, or HTTP/2 by prior knowledge (RFC 9113, section 3.3), told apart by its first
//! bytes. No method begins with `PRI`, so what does is HTTP/2 or nothing.

use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, ReadBuf};

use super::client_stream::{ClientStream, Shared};
use super::served::Served;
use super::socket::{Protocol, Socket};
use super::taken::{Stream, Taken};
use crate::gateway::fields::ConnectionFields;
use crate::gateway::pipeline::{self, Peer};
use crate::gateway::raw_head::{NextBody, RawHead, Unseen};
use crate::gateway::watch::Watch;
use crate::gateway::worker::Worker;

/// How HTTP/2 begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes that are read at most to tell the protocol; what follows is read by hyper.
const OPENING: usize = 1024;
/// What is kept of an HTTP/2 answer that its client does not take yet.
const SEND_BUFFER: usize = 64 << 10;
/// Bytes of request bodies under way on an HTTP/2 connection, and of one of them: one that stands still leaves the others
/// room.
const WINDOWS: (u32, u32) = (1 << 20, 256 << 10);

/// Serves a connection to its end. When the core stops, requests in flight finish first.
pub(super) async fn serve(worker: Rc<Worker>, mut stream: Socket, address: SocketAddr) {
    let watch = worker.watches.watch();
    let opened = match stream.protocol() {
        Some(agreed) => Some((agreed, Bytes::new())),
        None => open(&mut stream, &watch, worker.shared.bounds.head_time).await,
    };
    let Some((protocol, opening)) = opened else { return };
    let raw_head = Rc::<RawHead>::default();
    let peer = Rc::new(peer(address, stream.scheme(), raw_head.clone()));
    let (stalled, streams, is_cut) = (Rc::default(), Cell::new(0), Cell::new(false));
    let shared = Rc::new(Shared { watch, raw_head, stalled, streams, is_cut });
    let io = TokioIo::new(ClientStream::new(stream, opening, shared.clone(), &worker.shared.bounds));
    let result = match protocol {
        Protocol::Http1 => serve_http1(&worker, io, peer, shared).await,
        Protocol::Http2 => serve_http2(&worker, io, peer, shared).await,
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn serve_http1(
    worker: &Rc<Worker>,
    io: TokioIo<ClientStream>,
    peer: Rc<Peer>,
    shared: Rc<Shared>,
) -> hyper::Result<()> {
    shared.raw_head.answered();
    let service = service_fn(|request: Request<Incoming>| {
        shared.watch.met();
        let body = if request.body().is_end_stream() { NextBody::None } else { NextBody::Some };
        let unseen = shared.raw_head.end(body);
        let serving = pipeline::serve(worker.clone(), peer.clone(), request, unseen);
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(serving.await.map(|answer| Served::new(answer, shared))) }
    });
    let connection = http1::Builder::new()
        // Heads are awaited by `ClientStream`.
        .header_read_timeout(None)
        // Room beyond what the pipeline takes, so that it is the one to say no, in words.
        .max_buf_size((worker.shared.bounds.head_bytes * 4).max(8192))
        .max_headers(256)
        .half_close(false)
        .serve_connection(io, service);
    until_closed(connection, &shared).await
}

async fn serve_http2(
    worker: &Rc<Worker>,
    io: TokioIo<ClientStream>,
    peer: Rc<Peer>,
    shared: Rc<Shared>,
) -> hyper::Result<()> {
    let bounds = &worker.shared.bounds;
    let (worker, streams) = (worker.clone(), bounds.streams_per_connection);
    let head_bytes = u32::try_from(bounds.head_bytes * 2).unwrap_or(u32::MAX);
    shared.watch.expect(bounds.head_time);
    let connection = shared.clone();
    let service = service_fn(move |request| {
        let stream = Stream::open(worker.clone(), connection.clone());
        let serving = pipeline::serve(worker.clone(), peer.clone(), request, Unseen::default());
        async { Ok::<_, Infallible>(serving.await.map(|answer| Taken::new(answer, stream))) }
    });
    let connection = http2::Builder::new(OnThisCore)
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .max_concurrent_streams(streams)
        .max_header_list_size(head_bytes)
        .max_pending_accept_reset_streams(32)
        .max_send_buf_size(SEND_BUFFER)
        .initial_connection_window_size(WINDOWS.0)
        .initial_stream_window_size(WINDOWS.1)
        .serve_connection(io, service);
    until_closed(connection, &shared).await
}

/// Drives a connection; once the core stops, only as long as its requests take.
async fn until_closed<C: GracefulConnection>(connection: C, shared: &Shared) -> Result<(), C::Error> {
    let watch = &shared.watch;
    let mut connection = pin!(connection);
    let mut is_told = false;
    std::future::poll_fn(|context| {
        watch.remember(context.waker());
        if shared.stalled.is_raised(context.waker()) {
            return Poll::Ready(Ok(()));
        }
        loop {
            // First what has come is looked at: a request that is there already is served.
            if let Poll::Ready(result) = connection.as_mut().poll(context) {
                return Poll::Ready(result);
            }
            if is_told || !watch.is_stopping() {
                return Poll::Pending;
            }
            is_told = true;
            connection.as_mut().graceful_shutdown();
        }
    })
    .await
}

/// Reads until the protocol is plain; `None` if the peer left, was too slow or speaks neither, or the core stops.
async fn open(stream: &mut Socket, watch: &Watch, time: Duration) -> Option<(Protocol, Bytes)> {
    let mut opening = vec![0; OPENING];
    let mut length = 0;
    std::future::poll_fn(|context| {
        watch.remember(context.waker());
        loop {
            match read(stream, context, &mut opening[length..]) {
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(more)) => length += more,
                Poll::Pending if watch.is_late() || watch.is_stopping() => return Poll::Ready(None),
                Poll::Pending => {
                    watch.expect(time);
                    return Poll::Pending;
                }
            }
            if let Some(told) = tell(&opening[..length]) {
                watch.met();
                let opening = Bytes::copy_from_slice(&opening[..length]);
                return Poll::Ready(told.map(|protocol| (protocol, opening)));
            }
        }
    })
    .await
}

/// The protocol that begins so: `None` if that is not plain yet, `Some(None)` if it is none.
fn tell(opening: &[u8]) -> Option<Option<Protocol>> {
    let length = opening.len().min(PREFACE.len());
    if opening[..length] == PREFACE[..length] {
        return (length == PREFACE.len()).then_some(Some(Protocol::Http2));
    }
    if opening.len() >= 3 && opening.starts_with(b"PRI") {
        return Some(None);
    }
    Some(Some(Protocol::Http1))
}

/// How many bytes came; `None` at the end.
fn read(stream: &mut Socket, context: &mut Context<'_>, into: &mut [u8]) -> Poll<Option<usize>> {
    let mut buffer = ReadBuf::new(into);
    Pin::new(stream)
        .poll_read(context, &mut buffer)
        .map(|read| read.ok().map(|()| buffer.filled().len()).filter(|length| *length > 0))
}

fn peer(address: SocketAddr, scheme: &'static str, raw_head: Rc<RawHead>) -> Peer {
    let address = address.ip().to_canonical();
    let forwarded_for =
        HeaderValue::from_str(&address.to_string()).unwrap_or(HeaderValue::from_static("unknown"));
    let forwarded_proto = HeaderValue::from_static(scheme);
    Peer { address, fields: ConnectionFields { forwarded_for, forwarded_proto }, raw_head }
}

/// Runs a connection's streams on the core that accepted it.
#[derive(Clone, Copy)]
struct OnThisCore;

impl<F: Future<Output = ()> + 'static> Executor<F> for OnThisCore {
    fn execute(&self, stream: F) {
        tokio::task::spawn_local(stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_protocol() {
        for length in 0..PREFACE.len() {
            assert_eq!(tell(&PREFACE[..length]), None, "{length}");
        }
        assert_eq!(tell(PREFACE), Some(Some(Protocol::Http2)));
        assert_eq!(tell(b"PRI * HTTP/2.0\r\n\r\nXX"), Some(None));
        for http1 in ["GET / HTTP/1.1\r\n", "P", "PO", "PRO", "PATCH /", "x"] {
            let expected = (http1 != "P").then_some(Some(Protocol::Http1));
            assert_eq!(tell(http1.as_bytes()), expected, "{http1}");
        }
    }
}
