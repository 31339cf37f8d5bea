//! DPoP (RFC 9449): proofs by which the holder of a key shows with each request that it is the holder.

mod error;
mod nonce;
mod proof;
pub mod replay;
mod target;

pub use self::error::ProofError;
pub use self::nonce::Nonces;
pub use self::proof::{Expected, ProofId, Proven, only, verify};
pub use self::target::Target;
