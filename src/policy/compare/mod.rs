//! What another policy set changes for those who use it: what they pay, how much they may use, and what they may do. Pure: from two
//! snapshots and a time to a list of changes, each of a class, with the places where it stands.

pub mod announced;
pub mod change;
mod limits;
mod meters;
mod offer;
mod pairs;
mod platform;
mod prices;
mod reach;
mod sets;
mod shares;
mod words;

pub use self::sets::compare;
pub use self::words::{markdown, to_json};
