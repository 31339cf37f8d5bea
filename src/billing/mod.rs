//! Rating, posting, statements: usage records become money.

pub mod books;
pub mod check;
pub mod error;
pub mod exceptions;
pub mod export;
pub mod lines;
pub mod plans;
pub mod posting;
pub mod rating;
pub mod recorder;
pub mod statement;
pub mod totals;
