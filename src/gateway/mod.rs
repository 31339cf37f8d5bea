//! The data plane. Start with `pipeline.rs`: a request's life as one straight function.

pub mod admit;
pub mod answer;
pub mod authorize;
pub mod challenge;
pub mod confirm;
pub mod control;
mod document;
mod durable;
pub mod fields;
pub mod forward;
pub mod head;
pub mod pipeline;
mod places;
pub mod raw_head;
pub mod recording;
pub mod request_id;
pub mod respond;
mod signed;
pub mod target;
pub mod trusted_proxies;
mod unread;
pub mod upload;
pub mod upstream_token;
pub mod view;
pub mod watch;
pub mod worker;
