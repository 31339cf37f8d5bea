//! Why a signature proves nothing.

use crate::domain::refusal::Refusal;
use crate::domain::signature_mistake::SignatureMistake;

/// Why a signature proves nothing, and what about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct SignatureError {
    /// What is wrong.
    pub mistake: SignatureMistake,
    /// A sentence without its point, for whoever made it.
    pub detail: String,
}

impl SignatureError {
    /// Of that kind.
    pub fn new(mistake: SignatureMistake, detail: impl Into<String>) -> Self {
        Self { mistake, detail: detail.into() }
    }
}

impl From<SignatureError> for Refusal {
    fn from(error: SignatureError) -> Self {
        Self::SignatureInvalid(error.mistake, error.detail)
    }
}
