//! A client's HTTP/1.1 connection. One that rests is taken apart: hyper's buffers and futures, some 20 KiB, are freed,
//! and what is kept waits for the next bytes by itself ([`ClientStream::more`]). They are carried over in both
//! directions, so that neither a head that has begun to come nor a pipelined one is lost.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::Request;
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::client_stream::{ClientStream, Shared};
use super::connection::poll_serving;
use super::served::Served;
use crate::gateway::peer::Peer;
use crate::gateway::pipeline;
use crate::gateway::raw_head::NextBody;
use crate::gateway::worker::Worker;

/// How long a connection rests before it is taken apart: longer than the pauses of a client at work.
const REST: Duration = Duration::from_millis(300);

/// Serves a connection to its end.
pub(super) async fn serve(
    worker: Rc<Worker>,
    mut stream: ClientStream,
    peer: Rc<Peer>,
    shared: Rc<Shared>,
) -> hyper::Result<()> {
    shared.raw_head.answered();
    shared.raw_head.see(stream.opening());
    loop {
        let requests = Box::pin(serve_requests(worker.clone(), stream, peer.clone(), shared.clone()));
        match requests.await? {
            Some(resting) => {
                stream = resting;
                // What hyper gives back begins with a head, whatever became of the bodies before it.
                shared.raw_head.begin();
                shared.raw_head.see(stream.opening());
            }
            None => return Ok(()),
        }
        worker.counters.parked.add(1);
        let is_more = stream.more().await;
        worker.counters.parked.subtract(1);
        if !is_more {
            return Ok(());
        }
    }
}

/// Serves requests until the connection ends, or rests and is given back.
async fn serve_requests(
    worker: Rc<Worker>,
    stream: ClientStream,
    peer: Rc<Peer>,
    shared: Rc<Shared>,
) -> hyper::Result<Option<ClientStream>> {
    let service = service_fn(|request: Request<Incoming>| {
        shared.watch.met();
        let body = if request.body().is_end_stream() { NextBody::None } else { NextBody::Some };
        let unseen = shared.raw_head.end(body);
        // Boxed, for it is big, and hyper moves it twice.
        let serving = Box::pin(pipeline::serve(worker.clone(), peer.clone(), request, unseen));
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(serving.await.map(|answer| Served::new(answer, shared))) }
    });
    let mut connection = http1::Builder::new()
        // Heads are awaited by `ClientStream`.
        .header_read_timeout(None)
        // Room beyond what the pipeline takes, so that it is the one to say no, in words.
        .max_buf_size((worker.shared.bounds.head_bytes * 2).max(8192))
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service);
    let (mut is_told, head_time) = (false, worker.shared.bounds.head_time);
    let then = poll_fn(|context| {
        let then = poll_serving(Pin::new(&mut connection), &mut is_told, &shared, context);
        if then.is_pending() && !is_told && has_rested(&shared, head_time) {
            return Poll::Ready(Ok(Then::Rested));
        }
        then.map_ok(|()| Then::Ended)
    });
    match then.await? {
        Then::Ended => Ok(None),
        Then::Rested => {
            let parts = connection.into_parts();
            let mut stream = parts.io.into_inner();
            stream.take_back(&parts.read_buf);
            Ok(Some(stream))
        }
    }
}

/// What became of a connection.
enum Then {
    Ended,
    Rested,
}

/// Whether a connection that hyper has just looked at has had nothing to do for a while. If a head is awaited, it is so
/// within `head_time`.
fn has_rested(shared: &Shared, head_time: Duration) -> bool {
    if shared.raw_head.is_awaited() {
        shared.watch.expect(head_time);
    }
    if !shared.is_at_rest() {
        return false;
    }
    shared.watch.rest(REST);
    shared.watch.has_rested()
}
