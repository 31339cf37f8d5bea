//! What the platform asks of another set of its policies before it comes into force: that what it narrows was told in time.

use std::time::Duration;

use crate::domain::location::Location;
use crate::domain::time::Timestamp;

/// What is asked of the set that follows.
#[derive(Debug, Clone, Default)]
pub struct ChangeTerms {
    /// How long before something is narrowed, or may cost more, that must have been announced; none: it need not be.
    pub notice: Option<Duration>,
}

/// That a change will come.
#[derive(Debug, Clone)]
pub struct Announcement {
    /// Which, by the sentence that names it: [`super::compare::change::Change`] as text.
    pub change: String,
    /// From when on it may.
    pub from: Timestamp,
    /// Where it stands.
    pub source: Location,
}
