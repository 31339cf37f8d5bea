//! TLS for partners: certificates from a folder, and handshakes.

mod any_certificate;
mod bundle;
pub(super) mod certificate;
pub(super) mod certificates;
pub(super) mod client_certificates;
mod client_names;
pub(super) mod folder;
pub(super) mod handshake;
mod in_clear;
mod revocation_list;
pub(super) mod set;
pub(super) mod watch;
