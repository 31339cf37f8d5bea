//! The admin API over real HTTP, on a fresh store and a copy of the shipped policies.

mod access;
mod app_funds;
mod audit;
mod audit_walk;
pub(crate) mod books;
mod client_certificates;
mod clients;
mod credentials;
mod identity;
mod keys;
mod ledger;
mod open;
mod open_exceptions;
mod policy;
mod proof_keys;
mod signature_keys;
mod strict;
pub(crate) mod world;
