//! Usage records on their way into the books, each exactly once, and what someone decides about those that were in doubt.

mod ahead;
mod batch;
pub(super) mod believed;
mod calendar;
mod distinct;
mod environments;
pub mod exceptions;
mod incoming;
mod memory;
pub mod overdue;
mod prices;
mod recorded_call;
pub mod recorder;
mod repeats;
mod runs;
mod standing;
mod tiers;
mod twins;
mod waiting;
pub mod write_off;

pub use self::calendar::BooksTime;
