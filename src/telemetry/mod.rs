//! Metrics, access log and tracing set-up.
