//! What is wrong with the signature of a request: a closed set, of which a caller is told the first that was found, and with it
//! what he needs to mend it.

/// What is wrong with the signature of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureMistake {
    /// It cannot be read, or there is more than one.
    Malformed,
    /// It lacks a parameter that is needed.
    ParameterMissing,
    /// It does not cover what it must.
    ComponentMissing,
    /// It covers what the request has not, or what is not known here.
    ComponentUnknown,
    /// It was made too long ago, or has expired.
    TooOld,
    /// It was made in the future.
    TooEarly,
    /// No key of that id works.
    KeyUnknown,
    /// It names another algorithm than its key's.
    AlgorithmMismatch,
    /// It was used before.
    Replayed,
    /// It does not fit the request and the key.
    Mismatch,
    /// The digest of the body that it covers cannot be read.
    DigestMalformed,
    /// The body is not the one that the digest is of.
    DigestMismatch,
}

impl SignatureMistake {
    /// All of them, in the order in which they are looked for.
    pub const ALL: [Self; 12] = [
        Self::Malformed,
        Self::ParameterMissing,
        Self::TooOld,
        Self::TooEarly,
        Self::ComponentMissing,
        Self::DigestMalformed,
        Self::KeyUnknown,
        Self::AlgorithmMismatch,
        Self::ComponentUnknown,
        Self::Mismatch,
        Self::Replayed,
        Self::DigestMismatch,
    ];

    /// The stable code, as in problem documents, usage records and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "signature_malformed",
            Self::ParameterMissing => "signature_parameter_missing",
            Self::ComponentMissing => "signature_component_missing",
            Self::ComponentUnknown => "signature_component_unknown",
            Self::TooOld => "signature_too_old",
            Self::TooEarly => "signature_too_early",
            Self::KeyUnknown => "signature_key_unknown",
            Self::AlgorithmMismatch => "signature_algorithm_mismatch",
            Self::Replayed => "signature_replayed",
            Self::Mismatch => "signature_mismatch",
            Self::DigestMalformed => "signature_digest_malformed",
            Self::DigestMismatch => "signature_digest_mismatch",
        }
    }

    /// What happened, the same for each occurrence.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The signature cannot be read",
            Self::ParameterMissing => "The signature lacks a parameter",
            Self::ComponentMissing => "The signature does not cover what it must",
            Self::ComponentUnknown => "The signature covers what the request has not",
            Self::TooOld => "The signature is too old",
            Self::TooEarly => "The signature is from the future",
            Self::KeyUnknown => "The signature's key is not known",
            Self::AlgorithmMismatch => "The signature names another algorithm than its key's",
            Self::Replayed => "The signature was used before",
            Self::Mismatch => "The signature does not fit the request",
            Self::DigestMalformed => "The digest of the body cannot be read",
            Self::DigestMismatch => "The body is not the one that was signed",
        }
    }
}

/// Why a signature proves nothing, and what about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct SignatureError {
    /// What is wrong.
    pub mistake: SignatureMistake,
    /// A sentence without its point, for whoever made it.
    pub detail: String,
    /// What must have been signed, as far as it may be shown.
    pub base: Option<Box<str>>,
}

impl SignatureError {
    /// Of that kind.
    pub fn new(mistake: SignatureMistake, detail: impl Into<String>) -> Self {
        Self { mistake, detail: detail.into(), base: None }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_mistake_has_a_code_of_its_own() {
        let codes: HashSet<_> = SignatureMistake::ALL.iter().map(|mistake| mistake.code()).collect();
        assert_eq!(codes.len(), SignatureMistake::ALL.len());
    }
}
