//! Catalog, order, logistics and payment upstreams to develop against: real HTTP servers with one state, in memory only.
//!
//! They stand behind the gateway and believe the `X-Tollgate-…` fields that it sends. Nothing survives a restart.

mod body;
mod catalog;
mod kept_orders;
mod logistics;
mod orders;
mod paging;
mod payments;
mod problem;
mod record;
mod seed;
mod shelf;
mod start;
mod state;
mod world;

pub use start::{Sandbox, SandboxAddresses};
