//! What goes wrong between the gateway and an upstream.

use std::time::Duration;

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
    /// What came was not a response, or not all of one.
    #[error("the upstream broke off")]
    Broken(#[source] Broken),
    /// The connection was closed before any byte of a response.
    #[error("the upstream closed the connection instead of answering")]
    Closed(#[source] Broken),
    /// An interim answer and none that ends the request: an upgrade that nobody asked for, or one after the other.
    #[error("the upstream answered with status {0}, which ends no request")]
    Interim(u16),
    /// No endpoint took the request.
    #[error("no connection of the upstream took the request")]
    Unready,
    /// The response head took too long.
    #[error("the upstream took longer than {0:?}")]
    Timeout(Duration),
    /// The body to be sent ended with an error; whose it is knows why.
    #[error("the request's body broke off")]
    Body,
}

impl UpstreamError {
    /// Whether no connection was there to see the request.
    #[must_use]
    pub fn is_unconnected(&self) -> bool {
        match self {
            Self::ConnectTimeout { .. } | Self::Connect { .. } | Self::Unready => true,
            Self::Broken(_) | Self::Closed(_) | Self::Interim(_) | Self::Timeout(_) | Self::Body => false,
        }
    }
}

/// What is wrong with a response.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The connection failed.
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
    /// It was closed within a message.
    #[error("the connection was closed within a message")]
    Incomplete,
    /// The head is no head of HTTP/1.
    #[error("the response's head is malformed: {0}")]
    Head(#[from] httparse::Error),
    /// The head is too long.
    #[error("the response's head is longer than {0} bytes")]
    HeadTooLong(usize),
    /// Nobody can tell for sure where the body ends.
    #[error("the response's framing is ambiguous: {0}")]
    Framing(&'static str),
    /// The body is not well chunked.
    #[error("the response's body is not well chunked: {0}")]
    Chunk(&'static str),
    /// The request's body broke off, and with it the exchange.
    #[error("the request's body broke off")]
    RequestBody,
}
