//! Why a walk through the policies ends before its last question.

use crate::cli::failure::Failure;
use crate::domain::refusal::Refusal;

/// Why it ends.
pub(super) enum Stopped {
    /// The call is refused.
    Refused(Refusal),
    /// What is asked cannot be found out.
    Failed(Failure),
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
