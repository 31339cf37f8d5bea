//! Which app calls an endpoint, and whether it is that app (RFC 6749, section 2.3): one way of proving it a file.

mod authenticate;
mod secret;

pub use self::authenticate::{authenticate, form};
pub use self::secret::Proven;
