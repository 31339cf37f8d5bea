//! `POST /oauth/token`: one grant type a file.

pub mod authorization_code;
pub mod client_credentials;
pub mod endpoint;
mod lifetimes;
pub mod refresh;
pub mod response;
pub mod standing;
