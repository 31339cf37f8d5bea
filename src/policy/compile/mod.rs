//! Well-shaped files → a snapshot: names resolved, texts parsed, rules across files checked, all errors at once.

mod access;
mod basics;
mod billing;
mod binding;
mod changes;
mod fed;
mod fees;
mod issuers;
mod journal;
mod login;
mod mask;
mod meter;
mod plans;
mod quotas;
mod routes;
mod set;
mod shares;
mod signing_keys;
mod tiers;
mod token_source;
mod transaction;
mod variables;

pub use set::compile;
