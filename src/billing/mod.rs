//! Rating, posting, statements: usage records become money.

pub mod books;
mod bounds;
pub mod check;
pub mod content;
pub mod error;
pub mod exceptions;
pub mod export;
mod incoming;
pub mod lines;
pub mod plans;
pub mod posting;
pub mod rating;
pub mod recorder;
pub mod running;
pub mod sale;
pub mod statement;
pub mod subscribed;
pub mod totals;
mod waiting;
