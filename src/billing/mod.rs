//! Rating, posting, statements: usage records become money.

pub mod check;
pub mod export;
pub mod plans;
pub mod rating;
pub mod recorder;
pub mod statement;
