//! Admission arithmetic with the clock passed in.

pub mod cell;
pub mod gcra;
pub mod uniform;
