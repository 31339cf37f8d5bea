//! When a call is made, and what had happened by then.

use crate::domain::time::Timestamp;

/// When a call is made.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    /// It is imagined, and made now.
    Now(Timestamp),
    /// It is on record.
    Then(Timestamp),
}

impl When {
    /// The time.
    pub(super) fn at(self) -> Timestamp {
        match self {
            Self::Now(at) | Self::Then(at) => at,
        }
    }

    /// Whether what a node tells had happened by then. By now all of it has, whatever the clock here says.
    pub(super) fn has_seen(self, event: Timestamp) -> bool {
        match self {
            Self::Now(_) => true,
            Self::Then(at) => event <= at,
        }
    }
}
