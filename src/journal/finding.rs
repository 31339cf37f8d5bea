//! What can be wrong with a journal on disk, in a sentence each.

use std::fmt;

use super::frame::Sequence;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, from the journal's folder on.
    pub file: String,
    /// The offset in it, in bytes; of an archive, in what it holds.
    pub at: u64,
    /// What is wrong there.
    pub flaw: Flaw,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: byte {}: {}", self.file, self.at, self.flaw)
    }
}

/// What is wrong at a place of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The identity is none.
    #[error("this is no journal's identity of 32 hexadecimal digits")]
    Identity,
    /// The archive is damaged.
    #[error("the archive is damaged, and only read up to there: {0}")]
    Archive(String),
    /// The header is broken.
    #[error("the segment's header is broken")]
    Header,
    /// The file bears another segment's name.
    #[error("the header is that of the segment that begins with record {0}, which the file's name is not")]
    OtherName(Sequence),
    /// The segment is another node's.
    #[error("the segment is of node {found}, those before it of {expected}")]
    OtherNode {
        /// The node of the segments before.
        expected: String,
        /// The node in its header.
        found: String,
    },
    /// A segment without a chain behind one that has it.
    #[error("the segment has no seals, and those before it have")]
    Unchained,
    /// The segment does not follow on the one before.
    #[error(
        "the segment does not begin with the last seal of the one before it, or with this journal's beginning"
    )]
    OtherBefore,
    /// Bytes that are no frame.
    #[error("{0} bytes are no whole record and no seal")]
    Broken(u64),
    /// Records that are not there, first and last.
    #[error("records {0} to {1} are missing")]
    Missing(Sequence, Sequence),
    /// A record or seal at another's place.
    #[error("record {found} stands where {expected} is due")]
    OutOfOrder {
        /// What should be there.
        expected: Sequence,
        /// What is there.
        found: Sequence,
    },
    /// A seal that does not fit.
    #[error("the seal behind record {0} is not that of the bytes before it")]
    Seal(Sequence),
    /// Bytes at the end without a seal.
    #[error(
        "{0} bytes at the end have no seal: a stop tore them off, which the next start of the node mends, or they were changed"
    )]
    Unsealed(u64),
    /// Bytes of which a later segment says that they do not count.
    #[error("{0} bytes count for nothing: a later segment begins before them")]
    Leftover(u64),
}

impl Flaw {
    /// A name for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Archive(_) => "archive",
            Self::Header => "header",
            Self::OtherName(_) => "other_name",
            Self::OtherNode { .. } => "other_node",
            Self::Unchained => "unchained",
            Self::OtherBefore => "other_before",
            Self::Broken(_) => "broken",
            Self::Missing(..) => "missing",
            Self::OutOfOrder { .. } => "out_of_order",
            Self::Seal(_) => "seal",
            Self::Unsealed(_) => "unsealed",
            Self::Leftover(_) => "leftover",
        }
    }
}
