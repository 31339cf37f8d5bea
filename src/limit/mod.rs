//! Admission arithmetic with the clock passed in.

pub mod balance_purse;
pub mod cell;
pub mod gcra;
mod keyed;
pub mod purse;
pub mod purses;
pub mod quota_purse;
pub mod uniform;
pub mod unit_cell;
