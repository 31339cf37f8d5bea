//! The OAuth2 authorization server: one endpoint a file.
//!
//! Served on the partners' port; the data plane hands these calls over to the control plane's runtime.

pub mod apps;
pub mod authorize;
pub mod client_auth;
pub mod client_request;
pub mod consent;
pub mod error;
pub mod federation;
pub mod interaction;
pub mod introspect;
pub mod login;
pub mod login_form;
pub mod logout;
pub mod metadata;
pub mod pages;
pub mod parameters;
pub mod pkce;
pub mod redirect;
pub mod revoke;
pub mod router;
pub mod scopes;
pub mod session;
pub mod throttle;
pub mod token;
