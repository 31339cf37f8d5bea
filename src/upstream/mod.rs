//! Connections to internal backends: endpoints, pools, balancing, and HTTP/1.1 as its client speaks it (RFC 9112).
//!
//! The codec is our own: a request is written once, straight from what came in, and an answer's fields are filtered while
//! they are read. [`exchange`] is where to start.

pub mod answer_head;
pub mod balance;
mod chunked;
mod connection;
pub mod error;
pub mod exchange;
pub mod pool;
pub mod request;
