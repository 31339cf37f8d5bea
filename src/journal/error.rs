//! Why the journal could not do what was asked.

use std::io;
use std::path::PathBuf;

use super::frame::Sequence;
use crate::domain::random::RandomUnavailable;

/// Why the journal could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file or folder could not be used.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no such folder.
    #[error("there is no journal in {}", .0.display())]
    Missing(PathBuf),
    /// Another process has the folder.
    #[error("another process uses the journal in {}", .0.display())]
    Locked(PathBuf),
    /// The folder belongs to another node.
    #[error("the journal in {} belongs to node {found}, not to {expected}", folder.display())]
    OtherNode {
        /// The folder.
        folder: PathBuf,
        /// The node in its segments.
        found: String,
        /// The node that was to open it.
        expected: String,
    },
    /// A node's name that a segment's header cannot hold.
    #[error("a node's name has 1 to 128 bytes, not {0}")]
    NodeName(usize),
    /// What is kept as the journal's identity is none.
    #[error(
        "{} does not hold a journal's identity of 32 hexadecimal digits: put the right one there, which the store has of the node \
         (journal_position.journal)",
        .0.display()
    )]
    Identity(PathBuf),
    /// The file that has the identity of a journal with records is gone.
    #[error(
        "the journal in {} has records, and its file `identity` is gone: put it back, or one with the 32 hexadecimal digits that the \
         store has of the node (journal_position.journal)",
        .0.display()
    )]
    NoIdentity(PathBuf),
    /// No identity can be made.
    #[error("the journal cannot be given an identity")]
    Random(#[from] RandomUnavailable),
    /// Records are wanted that are in no file any more.
    #[error(
        "journal records {first} to {last} are wanted, and no file has them any more: put their segments back into the journal's folder, or \
         those of its archive; or give them up by `tollgate journal give-up --until {last}`, which makes an exception of them"
    )]
    Gone {
        /// The first of them.
        first: Sequence,
        /// The last of them, right before the file that goes on.
        last: Sequence,
    },
    /// A segment that does not follow on the one before it.
    #[error(
        "{} does not begin with the seal that the segment before it ends with: it is of another journal, or one of the two was changed, as \
         `tollgate journal verify` tells; put the right file in its place, or, if that is lost, have it read as it is by `tollgate journal \
         accept --from {first}`",
        path.display()
    )]
    OtherBefore {
        /// The file.
        path: PathBuf,
        /// The record with which it begins.
        first: Sequence,
    },
    /// No segment begins where one was to be read as it is.
    #[error("no segment of the journal in {} begins with record {first}, and with a seal before it", folder.display())]
    NoSegment {
        /// The folder.
        folder: PathBuf,
        /// The record.
        first: Sequence,
    },
    /// Records that were to be given up are there.
    #[error(
        "records up to {last} cannot be given up: a file of the journal in {} has the last of them, or none begins behind it",
        folder.display()
    )]
    StillThere {
        /// The folder.
        folder: PathBuf,
        /// The last record that was to be given up.
        last: Sequence,
    },
    /// What is kept of records that were given up is no number.
    #[error(
        "{} does not hold the number of a record: give the records up again, by `tollgate journal give-up`",
        .0.display()
    )]
    GivenUp(PathBuf),
    /// A record longer than [`super::frame::MAX_PAYLOAD`].
    #[error("a record of {0} bytes is longer than the journal takes")]
    TooLong(usize),
    /// The disk does not keep up: nothing more is taken until it does.
    #[error("the journal is full: the disk does not keep up")]
    Full,
    /// Writing or syncing failed; the record is not acknowledged.
    #[error("the journal could not be written")]
    NotCommitted,
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
}

impl JournalError {
    /// Wraps an I/O error with its path.
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
