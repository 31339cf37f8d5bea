//! Rating, posting, statements: usage records become money.

pub mod balance;
pub mod books;
pub mod error;
pub mod explain;
pub mod ledger;
pub mod plans;
pub mod proof;
pub mod quota;
pub mod rating;
pub mod statement;
