//! Statements: of periods that run, and of those that are closed.

mod accrual;
mod close;
pub mod content;
mod counting;
pub mod export;
mod paid;
pub mod running_charges;
mod workings;

pub use self::close::{CloseEarly, Closed, StatementError, charges_of, close, foresee, kept, running, show};
pub(super) use self::close::{arrange, first_open, hash};
pub(super) use self::counting::Counting;
pub(super) use self::paid::{Payer, check_paid, payer_of};
pub(super) use self::workings::{reckoned, tell_workings};
