//! Charges as postings, what is posted by hand or waits, and whether the books are right.

pub mod check;
mod check_fees;
mod check_journals;
mod check_rates;
mod check_runs;
mod check_sales;
mod check_workings;
pub mod export;
pub mod history;
pub(super) mod kept_tariffs;
pub mod manual;
pub mod pending;
pub mod posting;
mod share_posting;
pub mod waiting_posting;
