//! Policy files → checked → compiled [`snapshot::Snapshot`].

pub mod diagnostic;
pub mod expression;
pub mod file;
pub mod route_table;
pub mod snapshot;
pub mod tree;
