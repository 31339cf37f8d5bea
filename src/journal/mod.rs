//! Append-only segments of usage records: frame, group commit, recovery.
//!
//! The journal knows no usage records, only bytes. What was acknowledged is on disk; what is on disk is read back
//! exactly once, in order, under a sequence number without gaps.

mod committer;
pub mod error;
pub mod frame;
mod identity;
mod inbox;
#[expect(clippy::module_inception, reason = "the journal is the main thing of its folder")]
pub mod journal;
mod quarantine;
pub mod reader;
pub mod recover;
pub mod reservation;
pub mod segment;
pub mod state;
pub mod writer;
