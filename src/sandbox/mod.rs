//! Catalog, order, logistics and payment upstreams to develop against: real HTTP servers with state, in memory only.

pub mod catalog;
pub mod http;
pub mod logistics;
pub mod orders;
pub mod payments;
pub mod problem;
pub mod record;
pub mod seed;
mod start;
pub mod state;

pub use start::{Sandbox, SandboxAddresses};
