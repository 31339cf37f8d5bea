//! The data plane. Start with `pipeline.rs`: a request's life as one straight function.
