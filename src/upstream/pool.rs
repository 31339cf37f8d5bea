//! One core's connections to one endpoint: a stack of idle HTTP/1.1 connections, the latest used first.
//!
//! A connection comes back only when its response has been read to the end, so no caller ever sees bytes of
//! another's answer. Nothing here is shared between cores.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connection::Connection;
use super::error::UpstreamError;
use crate::policy::snapshot::Endpoint;

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
pub struct Pool {
    endpoint: Endpoint,
    bounds: PoolBounds,
    idle: RefCell<Vec<Idle>>,
    in_flight: Cell<usize>,
    /// Until when the endpoint is avoided after a failed connect, in monotonic time.
    avoided_until: Cell<Duration>,
}

struct Idle {
    connection: Connection,
    since: Duration,
}

impl Pool {
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

    /// An idle connection, if there is one.
    pub fn idle(self: &Rc<Self>, now: Duration) -> Option<Lease> {
        let mut idle = self.idle.borrow_mut();
        while let Some(latest) = idle.pop() {
            let rested = now.saturating_sub(latest.since);
            if rested > self.bounds.idle_time {
                idle.clear();
                return None;
            }
            if latest.connection.is_quiet() {
                return Some(Lease::of(self, Some(latest.connection), rested));
            }
        }
        None
    }

    /// Closes connections that were idle for too long or that the endpoint closed.
    pub fn sweep(&self, now: Duration) {
        let is_of_use = |idle: &Idle| {
            now.saturating_sub(idle.since) <= self.bounds.idle_time && idle.connection.is_quiet()
        };
        self.idle.borrow_mut().retain(is_of_use);
    }

    /// A new connection.
    ///
    /// # Errors
    /// [`UpstreamError::Connect`] or [`UpstreamError::ConnectTimeout`].
    pub async fn connect(self: &Rc<Self>, within: Duration) -> Result<Lease, UpstreamError> {
        let mut lease = Lease::of(self, None, Duration::ZERO);
        let Endpoint { host, port } = &self.endpoint;
        let stream = timeout(within, TcpStream::connect((host.as_str(), *port)))
            .await
            .map_err(|_| UpstreamError::ConnectTimeout { host: host.clone(), port: *port, after: within })?
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|source| UpstreamError::Connect { host: host.clone(), port: *port, source })?;
        lease.connection = Some(Connection::new(stream));
        Ok(lease)
    }

    fn put_back(&self, mut connection: Connection, now: Duration) {
        let mut idle = self.idle.borrow_mut();
        // Bytes that nobody asked for are of no answer, or of one to a request that was smuggled.
        if idle.len() < self.bounds.idle && connection.read.is_empty() {
            connection.rest();
            idle.push(Idle { connection, since: now });
        }
    }
}

/// A connection in use. Dropped before it was given back, it is closed: that is how a caller's abort
/// cancels the upstream's work.
pub struct Lease {
    pool: Rc<Pool>,
    connection: Option<Connection>,
    /// How long the connection was idle before this request.
    rested: Duration,
}

impl Lease {
    /// Counts as in flight from now on, while it connects too: an endpoint that takes no connection must not look idle.
    fn of(pool: &Rc<Pool>, connection: Option<Connection>, rested: Duration) -> Self {
        pool.in_flight.set(pool.in_flight.get().saturating_add(1));
        Self { pool: pool.clone(), connection, rested }
    }

    /// Whether the upstream may just be closing the connection: it was idle for so long that an idle timeout may end
    /// it while a request is on its way (RFC 9112, section 9.3.1).
    #[must_use]
    pub fn may_be_closing(&self) -> bool {
        self.rested >= SHORTEST_IDLE_TIMEOUT
    }

    /// Longest head of a response, in bytes.
    pub(super) fn head_bytes(&self) -> usize {
        self.pool.bounds.head_bytes
    }

    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut()
    }

    /// Returns the connection to its pool: its response has been read to the end.
    pub(super) fn give_back(mut self, now: Duration) {
        if let Some(connection) = self.connection.take() {
            self.pool.put_back(connection, now);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.in_flight.set(self.pool.in_flight.get().saturating_sub(1));
    }
}
