//! The data plane. Start with `pipeline.rs`: a request's life as one straight function.

pub mod fields;
pub mod head;
pub mod target;
