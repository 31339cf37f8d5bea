//! One client connection: HTTP/1.1, or HTTP/2 by prior knowledge (RFC 9113, section 3.3), told apart by its first
//! bytes. No method begins with `PRI`, so what does is HTTP/2 or nothing.

use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http::HeaderValue;
use hyper_util::server::graceful::GracefulConnection;

use super::client_stream::{ClientStream, Shared};
use super::socket::{Protocol, Socket};
use super::{http1, http2};
use crate::domain::door::Door;
use crate::gateway::peer::Peer;
use crate::gateway::raw_head::RawHead;
use crate::gateway::worker::Worker;

/// How HTTP/2 begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves a connection to its end. When the core stops, requests in flight finish first.
///
/// What a connection needs while it is served is on the heap, and only then: this future stays small.
pub(super) async fn serve(worker: Rc<Worker>, stream: Socket, (address, door): (SocketAddr, Door)) {
    let (agreed, scheme) = (stream.protocol(), stream.scheme());
    let shared = Rc::new(Shared::new(worker.watches.watch()));
    let mut stream = ClientStream::new(stream, shared.clone(), &worker.shared.bounds);
    let protocol = match agreed {
        Some(agreed) => agreed,
        None => match open(&mut stream).await {
            Some(told) => told,
            None => return,
        },
    };
    shared.watch.met();
    let peer = Rc::new(peer(&worker, (address, scheme, door), shared.raw_head.clone()));
    let result = match protocol {
        Protocol::Http1 => http1::serve(worker, stream, peer, shared).await,
        Protocol::Http2 => Box::pin(http2::serve(worker, stream, peer, shared)).await,
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended");
    }
}

/// Drives a connection; once the core stops, which it is told once, only as long as its requests take.
pub(super) fn poll_serving<C: GracefulConnection>(
    mut connection: Pin<&mut C>,
    is_told: &mut bool,
    shared: &Shared,
    context: &mut Context<'_>,
) -> Poll<Result<(), C::Error>> {
    shared.watch.remember(context.waker());
    loop {
        // First what has come is looked at: a request that is there already is served.
        if let Poll::Ready(result) = connection.as_mut().poll(context) {
            return Poll::Ready(result);
        }
        if *is_told || !shared.watch.is_stopping() {
            return Poll::Pending;
        }
        *is_told = true;
        connection.as_mut().graceful_shutdown();
    }
}

/// Reads until the protocol is plain; `None` if the peer left, was too slow or speaks neither, or the core stops.
async fn open(stream: &mut ClientStream) -> Option<Protocol> {
    while stream.more().await {
        if let Some(told) = tell(stream.opening()) {
            return told;
        }
    }
    None
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

fn peer(
    worker: &Worker,
    (address, scheme, door): (SocketAddr, &'static str, Door),
    raw_head: Rc<RawHead>,
) -> Peer {
    let who = (address.ip().to_canonical(), HeaderValue::from_static(scheme), door);
    Peer::new(&worker.shared.trusted_proxies, who, raw_head)
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
