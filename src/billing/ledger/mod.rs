//! Charges as postings, and whether the books are right.

pub mod check;
pub mod posting;
mod share_posting;
