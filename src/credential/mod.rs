//! Bytes in a request → [`crate::domain::principal::Principal`].

pub mod access_token;
pub mod client_keys;
pub mod cookie;
pub mod directory;
pub mod dpop;
pub mod freshness;
mod guesses;
pub mod identity;
pub mod jwk;
pub mod key_ring;
pub mod keys;
mod loader;
pub mod one_time_password;
pub mod password;
pub mod presented;
pub mod proofs;
pub mod recent;
mod revoked;
pub mod ring_source;
pub mod sealing;
pub mod signing_key;
pub mod signing_keys;
pub mod source;
mod stored;
mod subjects;
pub mod token_verifier;
mod verifying_key;
