//! A client's HTTP/2 connection: each stream in a task of its own on the core that accepted it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::client_stream::{ClientStream, Shared};
use super::connection::poll_serving;
use super::gathered::Gathered;
use super::taken::{Stream, Taken};
use crate::gateway::fields::X_REQUEST_ID;
use crate::gateway::peer::Peer;
use crate::gateway::pipeline;
use crate::gateway::raw_head::Unseen;
use crate::gateway::worker::Worker;

/// What is kept of an HTTP/2 answer that its client does not take yet.
const SEND_BUFFER: usize = 64 << 10;
/// Bytes of request bodies under way on an HTTP/2 connection, and of one of them: one that stands still leaves the others
/// room.
const WINDOWS: (u32, u32) = (1 << 20, 256 << 10);

/// Fields of answers whose values hardly ever come again.
const UNIQUE: [HeaderName; 2] = [X_REQUEST_ID, HeaderName::from_static("ratelimit")];

/// Serves a connection to its end.
pub(super) async fn serve(
    worker: Rc<Worker>,
    stream: ClientStream,
    peer: Rc<Peer>,
    shared: Rc<Shared>,
) -> hyper::Result<()> {
    let bounds = &worker.shared.bounds;
    let (worker, streams) = (worker.clone(), bounds.streams_per_connection);
    let head_bytes = u32::try_from(bounds.head_bytes * 2).unwrap_or(u32::MAX);
    shared.is_multiplexed.set(true);
    shared.watch.expect(bounds.head_time);
    let connection = shared.clone();
    let service = service_fn(move |request| {
        let stream = Stream::open(worker.clone(), connection.clone());
        // Boxed, for it is big, and is moved some fifteen times on its way through the stream's task.
        let serving = Box::pin(pipeline::serve(worker.clone(), peer.clone(), request, Unseen::default()));
        async {
            let mut answer = serving.await;
            keep_out_of_table(answer.headers_mut());
            Ok::<_, Infallible>(answer.map(|answer| Taken::new(answer, stream)))
        }
    });
    let (stream, _sending) = Gathered::new(stream);
    let connection = http2::Builder::new(OnThisCore)
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .max_concurrent_streams(streams)
        .max_header_list_size(head_bytes)
        .max_pending_accept_reset_streams(32)
        .max_send_buf_size(SEND_BUFFER)
        .initial_connection_window_size(WINDOWS.0)
        .initial_stream_window_size(WINDOWS.1)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut is_told = false;
    poll_fn(|context| {
        if shared.stalled.is_raised(context.waker()) {
            return Poll::Ready(Ok(()));
        }
        poll_serving(connection.as_mut(), &mut is_told, &shared, context)
    })
    .await
}

/// Marks the fields that differ from answer to answer as never indexed (RFC 7541, section 7.1.3). In the connection's table
/// they would drive out those that are worth it, and be searched through by name for each answer.
fn keep_out_of_table(headers: &mut HeaderMap) {
    for name in UNIQUE {
        if let Some(value) = headers.get_mut(name) {
            value.set_sensitive(true);
        }
    }
}

/// Runs a connection's streams on the core that accepted it.
#[derive(Clone, Copy)]
struct OnThisCore;

impl<F: Future<Output = ()> + 'static> Executor<F> for OnThisCore {
    fn execute(&self, stream: F) {
        tokio::task::spawn_local(stream);
    }
}
