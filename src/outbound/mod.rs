//! Calls that the control plane itself makes to other servers: for tokens that upstreams want, for logins by the
//! platform's identity provider, and for the keys of other issuers. Never on the data plane's threads, and never to an address that a caller gave.

pub mod authorities;
pub mod client;
pub mod rest;
pub mod token_cell;
pub mod token_request;
pub mod upstream_tokens;
