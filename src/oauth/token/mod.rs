//! `POST /oauth/token`: one grant type a file.

pub mod asking;
pub mod authorization_code;
pub mod client_credentials;
pub mod device_code;
pub mod endpoint;
mod lifetimes;
pub mod refresh;
pub mod response;
pub mod standing;
