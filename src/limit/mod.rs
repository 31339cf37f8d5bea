//! Admission arithmetic with the clock passed in.

pub mod cell;
pub mod gcra;
pub mod purse;
pub mod purses;
pub mod uniform;
