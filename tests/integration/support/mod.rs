//! What tests share.

pub(crate) mod bound;
pub(crate) mod clients;
pub(crate) mod dev;
pub(crate) mod dpop;
pub(crate) mod faults;
pub(crate) mod fleet;
pub(crate) mod folder;
pub(crate) mod http;
pub(crate) mod issuer;
pub(crate) mod machines;
pub(crate) mod message_signer;
pub(crate) mod origin;
pub(crate) mod parameter_signer;
pub(crate) mod provider;
pub(crate) mod server;
pub(crate) mod signer;
pub(crate) mod stores;
pub(crate) mod tls;
pub(crate) mod tokens;
pub(crate) mod webdriver;
