//! What calls are worth. Pure: no clock, no store, no float.

mod bounds;
mod call;
mod fee;
mod lifecycle;
mod outcome;
mod rate;
mod running;
mod sale;
mod share;
mod tiers;
pub mod totals;

pub(super) use self::bounds::HALF;
pub use self::call::{Billable, Booking, MAX_TRANSACTION, MAX_UNITS};
pub use self::lifecycle::{Standing, standing};
pub use self::outcome::{Rated, ShareChange, Unrated};
pub use self::rate::{Prices, rate};
pub(super) use self::running::Running;
pub use self::sale::rate_transaction;
pub use self::tiers::family_of;
