//! Evidence capture and usage records → journal.

pub mod capture;
pub mod drain;
pub mod evidence;
pub mod json;
pub mod record;
pub mod tally;
