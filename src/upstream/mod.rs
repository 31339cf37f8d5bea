//! Connections to internal backends: endpoints, pools, balancing.

pub mod balance;
pub mod pool;
