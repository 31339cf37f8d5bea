//! The data plane from outside.

mod abandoned;
mod bodies;
mod credentials;
mod framing;
mod lifecycle;
mod limits;
mod outside;
mod reload;
mod upstreams;
