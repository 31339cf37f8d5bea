//! Evidence capture and usage records → journal.

mod bodies;
pub mod capture;
pub mod coding;
pub mod drain;
pub mod evidence;
pub mod record;
pub mod tally;
mod transaction;
