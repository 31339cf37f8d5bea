//! Policy files → checked → compiled [`snapshot::Snapshot`].

pub mod expression;
pub mod route_table;
pub mod snapshot;
