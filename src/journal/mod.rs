//! Append-only segments of usage records: frame, group commit, recovery, archives.
//!
//! The journal knows no usage records, only bytes. What was acknowledged is on disk; what is on disk is read back
//! exactly once, in order, under a sequence number without gaps. Each group is sealed by a chain over all before it.

pub mod accepted;
pub mod archive;
pub mod chain;
mod committer;
pub mod error;
pub mod export;
pub mod finding;
pub mod frame;
pub mod frames;
pub mod given_up;
mod identity;
mod inbox;
#[expect(clippy::module_inception, reason = "the journal is the main thing of its folder")]
pub mod journal;
pub mod kept_heads;
mod open_segment;
mod quarantine;
pub mod reader;
pub mod recover;
pub mod reservation;
pub mod retention;
pub mod segment;
mod segment_reader;
mod spare;
pub mod state;
pub mod verify;
pub mod writer;
