//! The OAuth2 authorization server: one endpoint a file.

pub mod keys;
