//! What goes wrong at the OAuth2 endpoints, and how each tells it: the one place here with status codes.

mod authorize;
mod endpoint;
mod page;
mod path;
mod refused;
mod unproven;

pub use self::authorize::{AuthorizeError, see_other};
pub use self::endpoint::{DPOP_NONCE, EndpointError, pushed};
pub use self::page::{PageError, Registered, stale};
pub use self::path::{method_not_allowed, no_such_path};
pub use self::refused::Refused;
pub use self::unproven::Unproven;
