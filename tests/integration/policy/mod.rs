//! Policy sets from files, as administrators write them.

pub(crate) mod approved;
mod billing;
mod bound;
mod broken;
mod compared;
mod content;
mod fees;
mod issuers;
mod journal;
mod login;
mod mask;
mod meter;
mod reload;
mod shipped;
mod step_up;
mod tiers;
mod units;
mod upstream_token;
mod words;
