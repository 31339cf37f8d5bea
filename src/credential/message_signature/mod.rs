//! HTTP message signatures (RFC 9421): requests that the holder of a key signed.

mod base;
mod component;
mod fields;
mod input;
mod query;
mod shown;

pub use self::base::Message;
pub use self::component::Covers;
pub(super) use self::input::AHEAD;
pub use self::input::{Body, MessageSignature, SIGNATURE, SIGNATURE_INPUT};

#[cfg(test)]
mod tests;
