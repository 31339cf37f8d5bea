//! Plan versions as the books keep them, and what subscriptions use of them.

mod announced;
mod keep;
pub mod moves;
mod notice;
mod sets;
mod subscribed;

pub use self::keep::{Changed, Occasion, PlanError, admit, admit_after, in_force, keep_due, next_after};
pub use self::notice::TooSoon;
pub use self::subscribed::{Lack, Lacking};
