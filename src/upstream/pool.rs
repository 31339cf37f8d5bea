//! One core's connections to one endpoint: a stack of idle HTTP/1.1 connections, the latest used first.
//!
//! A connection comes back only when its response has been read to the end, so no caller ever sees bytes of
//! another's answer. Nothing here is shared between cores.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::policy::snapshot::Endpoint;

/// An error that a request body may end with.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Why a request brought no response.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No connection within the time.
    #[error("connecting to {host}:{port} took longer than {after:?}")]
    ConnectTimeout {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The time.
        after: Duration,
    },
    /// No connection at all.
    #[error("cannot connect to {host}:{port}")]
    Connect {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The connection broke, or what came was not HTTP.
    #[error("the upstream broke off")]
    Broken(#[source] hyper::Error),
    /// The connection was closed before any byte of a response.
    #[error("the upstream closed the connection instead of answering")]
    Closed(#[source] hyper::Error),
    /// A final answer with a status that can only be an interim one, such as an upgrade that nobody asked for.
    #[error("the upstream answered with status {0}, which ends no request")]
    Interim(u16),
    /// No endpoint took the request.
    #[error("no connection of the upstream took the request")]
    Unready,
    /// The response head took too long.
    #[error("the upstream took longer than {0:?}")]
    Timeout(Duration),
}

impl UpstreamError {
    /// Whether the upstream surely has not seen the request.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        match self {
            Self::ConnectTimeout { .. } | Self::Connect { .. } | Self::Unready => true,
            Self::Broken(_) | Self::Closed(_) | Self::Interim(_) | Self::Timeout(_) => false,
        }
    }
}

/// No server closes a connection that was idle for less.
const SHORTEST_IDLE_TIMEOUT: Duration = Duration::from_millis(500);

/// Bounds of a pool.
#[derive(Debug, Clone, Copy)]
pub struct PoolBounds {
    /// Idle connections kept.
    pub idle: usize,
    /// How long an idle one is kept.
    pub idle_time: Duration,
    /// Bytes of a response head; a longer one breaks the connection.
    pub head_bytes: usize,
}

/// One core's connections to one endpoint.
pub struct Pool<B> {
    endpoint: Endpoint,
    bounds: PoolBounds,
    idle: RefCell<Vec<Idle<B>>>,
    in_flight: Cell<usize>,
    /// Until when the endpoint is avoided after a failed connect, in monotonic time.
    avoided_until: Cell<Duration>,
}

struct Idle<B> {
    sender: SendRequest<B>,
    since: Duration,
}

impl<B> Pool<B>
where
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    /// An empty pool.
    #[must_use]
    pub fn new(endpoint: Endpoint, bounds: PoolBounds) -> Self {
        Self {
            endpoint,
            bounds,
            idle: RefCell::default(),
            in_flight: Cell::new(0),
            avoided_until: Cell::new(Duration::ZERO),
        }
    }

    /// The endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Requests under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// Whether the endpoint failed to take a connection lately.
    #[must_use]
    pub fn is_avoided(&self, now: Duration) -> bool {
        now < self.avoided_until.get()
    }

    /// Avoids the endpoint until then.
    pub fn avoid_until(&self, then: Duration) {
        self.avoided_until.set(then);
    }

    /// A connection that is ready: an idle one, or a new one.
    ///
    /// # Errors
    /// [`UpstreamError::Connect`], [`UpstreamError::ConnectTimeout`], or [`UpstreamError::Broken`] in the handshake.
    pub async fn connection(
        self: &Rc<Self>,
        connect_timeout: Duration,
        now: Duration,
    ) -> Result<Lease<B>, UpstreamError> {
        // Connecting counts as in flight: an endpoint that takes no connection must not look idle.
        self.in_flight.set(self.in_flight.get().saturating_add(1));
        let mut lease = Lease { pool: self.clone(), sender: None, rested: Duration::ZERO };
        match self.pop(now) {
            Some(idle) => {
                lease.rested = now.saturating_sub(idle.since);
                lease.sender = Some(idle.sender);
            }
            None => lease.sender = Some(self.connect(connect_timeout).await?),
        }
        Ok(lease)
    }

    fn pop(&self, now: Duration) -> Option<Idle<B>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(latest) = idle.pop() {
            if now.saturating_sub(latest.since) > self.bounds.idle_time {
                idle.clear();
                return None;
            }
            if latest.sender.is_ready() {
                return Some(latest);
            }
        }
        None
    }

    async fn connect(&self, within: Duration) -> Result<SendRequest<B>, UpstreamError> {
        let Endpoint { host, port } = &self.endpoint;
        let stream = timeout(within, TcpStream::connect((host.as_str(), *port)))
            .await
            .map_err(|_| UpstreamError::ConnectTimeout { host: host.clone(), port: *port, after: within })?
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|source| UpstreamError::Connect { host: host.clone(), port: *port, source })?;
        let (sender, connection) = Builder::new()
            .max_buf_size(self.bounds.head_bytes.max(8192))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(UpstreamError::Broken)?;
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an upstream connection ended");
            }
        });
        Ok(sender)
    }

    fn put_back(&self, sender: SendRequest<B>, now: Duration) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.bounds.idle && !sender.is_closed() {
            idle.push(Idle { sender, since: now });
        }
    }
}

/// A connection in use. Dropped before [`Lease::give_back`], it is closed: that is how a caller's abort
/// cancels the upstream's work.
pub struct Lease<B> {
    pool: Rc<Pool<B>>,
    sender: Option<SendRequest<B>>,
    /// How long the connection was idle before this request.
    rested: Duration,
}

fn no_answer(error: hyper::Error) -> UpstreamError {
    use std::error::Error;
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    let is_reset = io.is_some_and(|io| {
        matches!(io.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe)
    });
    if error.is_incomplete_message() || error.is_closed() || is_reset {
        UpstreamError::Closed(error)
    } else {
        UpstreamError::Broken(error)
    }
}

/// A request that was not sent because its idle connection had just been closed.
pub struct Unsent<B>(pub Request<B>);

impl<B> Lease<B>
where
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    /// Whether the upstream may just be closing the connection: it was idle for so long that an idle timeout may end
    /// it while a request is on its way (RFC 9112, section 9.3.1).
    #[must_use]
    pub fn may_be_closing(&self) -> bool {
        self.rested >= SHORTEST_IDLE_TIMEOUT
    }

    /// Sends a request and waits for the response head.
    ///
    /// # Errors
    /// `Ok(Err(Unsent))` gives the request back if the connection was closed before anything of it was sent.
    pub async fn send(
        &mut self,
        request: Request<B>,
    ) -> Result<Result<Response<Incoming>, Unsent<B>>, UpstreamError> {
        let Some(sender) = &mut self.sender else { return Ok(Err(Unsent(request))) };
        match sender.try_send_request(request).await {
            Ok(response) if response.status().is_informational() => {
                Err(UpstreamError::Interim(response.status().as_u16()))
            }
            Ok(response) => Ok(Ok(response)),
            Err(mut error) => match error.take_message() {
                Some(request) => Ok(Err(Unsent(request))),
                None => Err(no_answer(error.into_error())),
            },
        }
    }

    /// Returns the connection to its pool: its response has been read to the end.
    pub fn give_back(mut self, now: Duration) {
        if let Some(sender) = self.sender.take() {
            self.pool.put_back(sender, now);
        }
    }
}

impl<B> Drop for Lease<B> {
    fn drop(&mut self) {
        self.pool.in_flight.set(self.pool.in_flight.get().saturating_sub(1));
    }
}
