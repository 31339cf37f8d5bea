//! The management API, on a port of its own: one noun a file.
//!
//! Invariants: everything below `/admin` needs the admin token; every change to who may call is told to the data plane
//! before it is answered; a secret is in one answer and never again; every change is recorded with who made it
//! (`administrator.rs`). Statuses stand in `problem.rs` alone.
//! Policies are not changed here: they are files.

mod administrator;
mod answer;
mod app;
mod app_balance;
mod app_fields;
mod app_quota;
mod app_secret;
mod audit;
mod balance;
mod balance_change;
mod client_certificate;
mod client_fields;
mod closing;
mod credential;
mod credential_fields;
mod doubted_calls;
mod exception_figures;
mod exceptions;
mod explanation;
mod fields;
mod given_transaction;
mod grant;
mod health;
mod introspection;
mod key;
mod key_inspection;
mod ledger;
mod linked_account;
mod manual_posting;
mod merchant;
mod named_token;
mod open_exceptions;
mod page;
mod parameters;
mod partner;
mod personal_data_read;
mod plan;
mod policy;
mod problem;
mod proof_key;
mod rated;
mod reach;
mod redirect_uri;
mod rotation;
mod router;
mod sale;
mod session;
mod show;
mod signature_key;
mod signature_style;
mod signing_key;
mod standing;
mod state;
mod statement;
mod subscription;
mod switch;
mod token;
mod usage;
mod waiting_posting;

pub use administrator::PeerAddress;
pub use exception_figures::ExceptionFigures;
pub use problem::codes;
pub use router::router;
pub use state::{AdminState, Invalidation};
pub use token::{AdminToken, WeakToken};
