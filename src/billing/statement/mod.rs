//! Statements: of periods that run, and of those that are closed.

mod accrual;
mod arrange;
mod close;
pub mod closing;
pub mod content;
mod counting;
mod error;
pub mod export;
mod paid;
mod reading;
pub mod running_charges;
mod workings;

pub(super) use self::arrange::{arrange, hash};
pub use self::close::{CloseEarly, Closed, close};
pub(super) use self::counting::Counting;
pub use self::error::StatementError;
pub(super) use self::paid::{Payer, check_paid, payer_of};
pub(super) use self::reading::first_open;
pub use self::reading::{charges_of, foresee, kept, running, show};
pub(super) use self::workings::{reckoned, tell_workings};
