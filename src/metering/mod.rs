//! Evidence capture and usage records → journal.

mod bodies;
pub mod capture;
pub mod coding;
pub mod drain;
pub mod evidence;
pub mod form;
pub mod lines;
pub mod omission;
pub mod record;
mod sum;
pub mod tally;
mod transaction;
