//! Policy files → checked → compiled [`snapshot::Snapshot`].

pub mod asked_of_caller;
pub mod body_reading;
pub mod compare;
pub mod compile;
pub mod diagnostic;
pub mod expression;
pub mod file;
pub mod issuer;
pub mod journal_terms;
pub mod kill_switches;
pub mod known_units;
pub mod lifetimes;
pub mod live;
pub mod load;
pub mod login;
pub mod mask;
pub mod places;
pub mod route_table;
pub mod schema;
pub mod shape;
pub mod snapshot;
pub mod source;
mod syntax;
pub mod token_source;
mod transaction_meter;
pub mod tree;
pub mod watch;
