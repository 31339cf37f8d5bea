//! The data plane from outside.

mod abandoned;
mod answers;
mod bodies;
mod credentials;
mod dpop;
mod forged;
mod framing;
mod guessed_keys;
mod http2;
mod key_rotation;
mod key_uses;
mod lifecycle;
mod limits;
mod me;
mod narrow_keys;
mod outside;
mod parked;
mod reload;
mod resource;
mod signed;
mod streams;
mod tls;
mod tls_reload;
mod upstream_token;
mod upstreams;
