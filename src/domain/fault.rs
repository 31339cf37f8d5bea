//! Who can do something about a refusal: a closed set beside that of the refusals.

use super::refusal::Refusal;

/// Who can do something about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller changes the request.
    Caller,
    /// The platform mends the gateway or its settings.
    Platform,
    /// The upstream's owner mends it.
    Upstream,
}

impl Fault {
    /// The name used in problem documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Platform => "platform",
            Self::Upstream => "upstream",
        }
    }
}

impl Refusal {
    /// Who can do something about it.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Ended(ended) => ended.fault(),
            Self::UpstreamUnreachable
            | Self::UpstreamTimeout
            | Self::UpstreamBroken
            | Self::AnswerUnmaskable(_) => Fault::Upstream,
            Self::AnswerWithheld { status: 400..500, .. } => Fault::Caller,
            Self::AnswerWithheld { .. } => Fault::Upstream,
            Self::UpstreamTokenMissing { .. }
            | Self::UpstreamTokenRefused { .. }
            | Self::SwitchedOff(_)
            | Self::Unavailable(_)
            | Self::Unrecorded => Fault::Platform,
            Self::MessageMalformed(_)
            | Self::TransferCodingUnsupported
            | Self::UpgradeUnsupported
            | Self::PathAmbiguous(_)
            | Self::HeadersTooLarge { .. }
            | Self::BodyTooLarge { .. }
            | Self::BodyTooSlow
            | Self::MethodNotServed
            | Self::RouteUnknown
            | Self::MethodNotAllowed { .. }
            | Self::CredentialMissing
            | Self::CredentialRepeated
            | Self::CredentialInvalid(_)
            | Self::CertificateInvalid(_)
            | Self::ProofInvalid(_)
            | Self::ProofNonceNeeded(_)
            | Self::SignatureInvalid(_)
            | Self::AuthenticationInsufficient(_)
            | Self::Suspended(_)
            | Self::NotSubscribed
            | Self::ProductNotAllowed { .. }
            | Self::AddressNotAllowed(..)
            | Self::EnvironmentMismatch
            | Self::ScopeMissing { .. }
            | Self::MerchantMissing
            | Self::OwnCredentialNeeded
            | Self::MerchantMismatch(_)
            | Self::MerchantUnclear(..)
            | Self::ConditionUnmet(_)
            | Self::LimitReached { .. }
            | Self::BeyondPlan(_)
            | Self::BalanceExhausted(_) => Fault::Caller,
        }
    }
}
