//! Which app calls an endpoint, and whether it is that app (RFC 6749, section 2.3): one way of proving it a file.

mod assertion;
mod authenticate;
mod certificate;
mod key_sets;
mod presented;
mod prove;
mod secret;

pub use self::assertion::WrongAssertion;
pub use self::authenticate::{authenticate, form};
pub use self::key_sets::KeySets;
pub use self::prove::Proven;
