//! The OAuth2 authorization server: one endpoint a file.
//!
//! Served on the partners' port; the data plane hands these calls over to the control plane's runtime.

pub mod apps;
pub mod asked_access;
pub mod authorize;
pub mod call;
pub mod client_auth;
pub mod client_request;
pub mod consent;
pub mod device;
pub mod device_authorization;
pub mod device_cookie;
pub mod dpop;
pub mod error;
pub mod federation;
pub mod interaction;
pub mod introspect;
pub mod key_revocation;
pub mod last_uses;
pub mod logged_in;
pub mod login;
pub mod login_form;
pub mod logout;
pub mod metadata;
pub mod observed;
pub mod opened;
pub mod pages;
pub mod par;
pub mod parameters;
pub mod pkce;
pub mod recorded;
pub mod redirect;
pub mod resource;
pub mod revoke;
pub mod router;
pub mod scopes;
pub mod second_factor;
pub mod session;
pub mod step_up;
pub mod throttle;
pub mod token;
