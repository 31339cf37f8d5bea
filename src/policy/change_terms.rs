//! What the platform asks of another set of its policies before it comes into force: that what it narrows was told in time, and that a
//! second person has signed it.

use std::time::Duration;

use crate::domain::location::Location;
use crate::domain::time::Timestamp;

/// What is asked of the set that follows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeTerms {
    /// How long before something is narrowed, or may cost more, that must have been announced; none: it need not be.
    pub notice: Option<Duration>,
    /// Which sets need a second signature.
    pub second_signature: SecondSignature,
    /// Who may give it, each once.
    pub approvers: Vec<Approver>,
}

/// Which sets need a second signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecondSignature {
    /// None.
    #[default]
    Never,
    /// Those that may raise a price, or change what is asked of sets.
    Raises,
    /// All.
    Always,
}

/// Who may give a second signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    /// Whose key it is.
    pub name: String,
    /// The public key (Ed25519).
    pub key: [u8; 32],
}

/// That somebody has signed a set.
#[derive(Debug, Clone)]
pub struct Approval {
    /// The content hash of the set, for people: what is signed is more.
    pub set: String,
    /// The approver's name.
    pub by: String,
    /// The signature.
    pub signature: Vec<u8>,
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
