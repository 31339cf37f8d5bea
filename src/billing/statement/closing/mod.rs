//! Closing a period: a cut, behind which it takes nothing more; its statements, a few apps at a time; and its seal.
//!
//! All that is made behind a cut follows from what it froze: whoever goes on with a closing, after a kill at any moment, makes the same
//! bytes under the same numbers.

mod begin;
mod chunk;
mod due;

pub use self::begin::{Terms, begin};
pub use self::chunk::{finish, go_on};
pub use self::due::close_due;
