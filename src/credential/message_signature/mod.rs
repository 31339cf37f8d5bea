//! HTTP message signatures (RFC 9421): requests that the holder of a key signed.

mod base;
mod component;
mod error;
mod fields;
mod input;
mod query;

pub use self::base::Message;
pub use self::component::Covers;
pub use self::error::SignatureError;
pub(super) use self::input::AHEAD;
pub use self::input::{Body, MessageSignature, SIGNATURE, SIGNATURE_INPUT};

#[cfg(test)]
mod tests;
