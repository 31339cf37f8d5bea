//! The `tollgate` command: one file a command.
//!
//! Invariant: with `--output json`, standard output holds one JSON value and nothing else; messages for people go to
//! standard error. Commands of administration speak to a running node's admin API and never open its store; `journal` reads the
//! files of a node beside it, and changes none.

mod app;
mod app_secret;
mod app_settings;
mod arguments;
mod audit;
mod balance;
mod client_authorities;
mod client_certificate;
mod closing;
mod credential;
mod dev;
mod doubted_calls;
mod exceptions;
mod explain;
mod failure;
mod grant;
mod hidden;
mod journal;
mod journal_export;
mod kept_journal;
mod key;
mod key_inspection;
mod ledger;
mod listen;
mod listing;
mod log;
mod merchant;
mod node;
mod partner;
mod personal_data_reads;
mod plan;
mod policy;
mod progress;
mod proof_key;
mod query;
mod rated;
mod run;
mod sale;
mod sandbox;
mod screen;
mod serve;
mod signature_key;
mod signing_key;
mod statement;
mod subscription;
mod switch;
mod token;
mod usage;

pub use run::main;
