//! Every test that needs the whole binary, a socket or a store; the folders mirror the product.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test reads its own environment, and may talk"
)]

mod admin;
mod benches;
mod billing;
mod cli;
mod fuzz;
mod gateway;
mod journal;
mod metering;
mod oauth;
mod policy;
mod sandbox;
mod store;
mod support;
