//! TLS for partners: certificates from a folder, and handshakes.

pub(super) mod certificate;
pub(super) mod certificates;
mod client_certificates;
pub(super) mod folder;
pub(super) mod handshake;
mod in_clear;
pub(super) mod set;
pub(super) mod watch;
