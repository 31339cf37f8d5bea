//! Metrics, access log and tracing set-up.

pub mod counters;
pub mod logs;
pub mod metrics;
pub mod oauth_counters;
