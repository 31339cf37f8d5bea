//! Every reason for which the gateway itself refuses a call: one closed set, shared by answer, record and metric.
//!
//! The status of each stands in `gateway::respond`, the only place with status codes on the data plane.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::authentication::Step;
use super::balance::PaidFrom;
use super::beyond_plan::BeyondPlan;
use super::ended::Ended;
use super::id::{LimitName, ProductName, UpstreamName};
use super::kill_switch::KillSwitch;
use super::merchant_field::MerchantField;
use super::narrowing::Products;
use super::scope::ScopeSet;
use super::signature_mistake::SignatureError;

/// Why the gateway refused a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The message could be read in two ways, or breaks RFC 9110 or 9112.
    MessageMalformed(&'static str),
    /// A transfer coding other than a single `chunked` (RFC 9112, section 6.1).
    TransferCodingUnsupported,
    /// Another protocol on the same connection, such as WebSocket (RFC 9110, section 7.8).
    UpgradeUnsupported,
    /// The path could be read in two ways: encoded slashes, dot segments, bad UTF-8.
    PathAmbiguous(&'static str),
    /// More header bytes than the listener takes.
    HeadersTooLarge {
        /// The most it takes, in bytes.
        limit: usize,
    },
    /// A longer body than the route takes.
    BodyTooLarge {
        /// The most it takes, in bytes.
        limit: u64,
    },
    /// The body came slower than the listener waits for.
    BodyTooSlow,
    /// A method that this gateway never serves, such as `CONNECT`.
    MethodNotServed,
    /// No route has this host and path.
    RouteUnknown,
    /// A route has this path, but not this method.
    MethodNotAllowed {
        /// The methods that it has, for the `Allow` field.
        allow: String,
    },
    /// The route wants a credential and there is none.
    CredentialMissing,
    /// More than one credential.
    CredentialRepeated,
    /// A credential that proves nothing.
    CredentialInvalid(&'static str),
    /// The certificate of the connection is all that could prove who calls, and it proves nothing.
    CertificateInvalid(&'static str),
    /// The token is bound to a key, and the proof beside it does not show that the caller holds it (RFC 9449, section 7).
    ProofInvalid(String),
    /// The proof must have a nonce: this one (RFC 9449, section 9).
    ProofNonceNeeded(String),
    /// The signature of the request proves nothing (RFC 9421).
    SignatureInvalid(Box<SignatureError>),
    /// The merchant behind the token has to prove itself anew, or better (RFC 9470).
    AuthenticationInsufficient(Step),
    /// The app, its partner or its merchant is suspended.
    Suspended(Subject),
    /// The app has no subscription to an API product with this route.
    NotSubscribed,
    /// The app has one, and the credential is narrowed to others.
    ProductNotAllowed {
        /// What the app has subscribed to.
        product: ProductName,
        /// Those of the credential.
        allowed: Products,
    },
    /// What is for some networks alone, and none of them has this address.
    AddressNotAllowed(Narrowed, IpAddr),
    /// The app lives in another environment than the upstream.
    EnvironmentMismatch,
    /// The credential lacks scopes.
    ScopeMissing {
        /// Those that it lacks.
        missing: ScopeSet,
        /// All that the route requires: who asks for a new token needs the others too.
        required: ScopeSet,
    },
    /// The route wants a merchant's grant behind the call.
    MerchantMissing,
    /// What is asked is for the app alone, and a merchant's grant is behind the call.
    OwnCredentialNeeded,
    /// The request names a merchant that is not the one whose grant is behind the call.
    MerchantMismatch(Arc<MerchantField>),
    /// The request does not say for sure which merchant it is about; and why not.
    MerchantUnclear(Arc<MerchantField>, &'static str),
    /// The route's condition is not met; what its policy says to that, if anything.
    ConditionUnmet(Option<Arc<str>>),
    /// The route, or its upstream, is switched off.
    SwitchedOff(Arc<KillSwitch>),
    /// It was let through, and may not go on.
    Ended(Ended),
    /// A limit is used up.
    LimitReached {
        /// Which.
        limit: LimitName,
        /// After how long one call would pass.
        retry_after: Duration,
    },
    /// The plan does not let it through, and no short wait mends that.
    BeyondPlan(Box<BeyondPlan>),
    /// What the app's fees are paid from, or its merchant's cap, bears no more.
    BalanceExhausted(Box<PaidFrom>),
    /// No endpoint of the upstream takes a connection.
    UpstreamUnreachable,
    /// The upstream took longer than the route allows.
    UpstreamTimeout,
    /// The upstream broke the protocol or the connection.
    UpstreamBroken,
    /// The answer has parts that are not for this caller, and they cannot be taken out of it, for this reason.
    AnswerUnmaskable(&'static str),
    /// The same of an answer that says that the call failed: the upstream's status is the caller's, what it said is not.
    AnswerWithheld {
        /// That status.
        status: u16,
        /// Why nothing can be taken out of it.
        why: &'static str,
    },
    /// The upstream asks for an access token, and the gateway has none.
    UpstreamTokenMissing {
        /// Which upstream.
        upstream: UpstreamName,
    },
    /// The upstream does not take the access token that the gateway has for it.
    UpstreamTokenRefused {
        /// Which upstream.
        upstream: UpstreamName,
    },
    /// What the gateway must know or keep is out of reach for the moment.
    Unavailable(&'static str),
    /// The call took effect, but its durable usage record is not on disk.
    Unrecorded,
}

impl From<SignatureError> for Refusal {
    fn from(error: SignatureError) -> Self {
        Self::SignatureInvalid(Box::new(error))
    }
}

/// What is for some networks alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Narrowed {
    /// The credential, whatever it is used for.
    Credential,
    /// The route, whoever calls it.
    Route,
}

impl Narrowed {
    fn words(self) -> &'static str {
        match self {
            Self::Credential => "credential is narrowed to",
            Self::Route => "route is for",
        }
    }
}

/// Who is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The app.
    App,
    /// The app's partner.
    Partner,
    /// The merchant for whom it acts.
    Merchant,
}

impl Subject {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Partner => "app's partner",
            Self::Merchant => "merchant",
        }
    }
}

impl Refusal {
    /// The stable code, as in problem documents, usage records and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MessageMalformed(_) => "message_malformed",
            Self::TransferCodingUnsupported => "transfer_coding_unsupported",
            Self::UpgradeUnsupported => "upgrade_unsupported",
            Self::PathAmbiguous(_) => "path_ambiguous",
            Self::HeadersTooLarge { .. } => "headers_too_large",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyTooSlow => "body_too_slow",
            Self::MethodNotServed => "method_not_served",
            Self::RouteUnknown => "route_unknown",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::CredentialMissing => "credential_missing",
            Self::CredentialRepeated => "credential_repeated",
            Self::CredentialInvalid(_) => "credential_invalid",
            Self::CertificateInvalid(_) => "certificate_invalid",
            Self::ProofInvalid(_) => "proof_invalid",
            Self::ProofNonceNeeded(_) => "proof_nonce_needed",
            Self::SignatureInvalid(error) => error.mistake.code(),
            Self::AuthenticationInsufficient(_) => "authentication_insufficient",
            Self::Suspended(_) => "suspended",
            Self::NotSubscribed => "not_subscribed",
            Self::ProductNotAllowed { .. } => "product_not_allowed",
            Self::AddressNotAllowed(..) => "address_not_allowed",
            Self::EnvironmentMismatch => "environment_mismatch",
            Self::ScopeMissing { .. } => "scope_missing",
            Self::MerchantMissing => "merchant_missing",
            Self::OwnCredentialNeeded => "own_credential_needed",
            Self::MerchantMismatch(_) => "merchant_mismatch",
            Self::MerchantUnclear(..) => "merchant_unclear",
            Self::ConditionUnmet(_) => "condition_unmet",
            Self::SwitchedOff(_) => "switched_off",
            Self::Ended(ended) => ended.code(),
            Self::LimitReached { .. } => "limit_reached",
            Self::BeyondPlan(beyond) => beyond.code(),
            Self::BalanceExhausted(paid_from) => paid_from.code_when_exhausted(),
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamBroken => "upstream_broken",
            Self::AnswerUnmaskable(_) => "answer_unmaskable",
            Self::AnswerWithheld { .. } => "answer_withheld",
            Self::UpstreamTokenMissing { .. } => "upstream_token_missing",
            Self::UpstreamTokenRefused { .. } => "upstream_token_refused",
            Self::Unavailable(_) => "unavailable",
            Self::Unrecorded => "usage_unrecorded",
        }
    }

    /// What happened, the same for each occurrence.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self {
            Self::MessageMalformed(_) => "The message is malformed",
            Self::TransferCodingUnsupported => "The transfer coding is not supported",
            Self::UpgradeUnsupported => "WebSocket is not supported",
            Self::PathAmbiguous(_) => "The path is ambiguous",
            Self::HeadersTooLarge { .. } => "The header fields are too large",
            Self::BodyTooLarge { .. } => "The body is too large",
            Self::BodyTooSlow => "The body came too slowly",
            Self::MethodNotServed => "The method is not served here",
            Self::RouteUnknown => "There is no such route",
            Self::MethodNotAllowed { .. } => "The path does not have this method",
            Self::CredentialMissing => "A credential is needed",
            Self::CredentialRepeated => "More than one credential was sent",
            Self::CredentialInvalid(_) => "The credential is not valid",
            Self::CertificateInvalid(_) => "The client certificate proves no app",
            Self::ProofInvalid(_) => "The proof of possession is not valid",
            Self::ProofNonceNeeded(_) => "The proof of possession needs a nonce",
            Self::SignatureInvalid(error) => error.mistake.title(),
            Self::AuthenticationInsufficient(_) => "The merchant has to log in again, or by more",
            Self::Suspended(_) => "The app, partner or merchant is suspended",
            Self::NotSubscribed => "The app has no subscription with this route",
            Self::ProductNotAllowed { .. } => "The credential is narrowed to other API products",
            Self::AddressNotAllowed(..) => "The call may not come from this address",
            Self::EnvironmentMismatch => "The app belongs to another environment",
            Self::ScopeMissing { .. } => "The credential lacks a scope",
            Self::MerchantMissing => "A merchant's grant is needed",
            Self::OwnCredentialNeeded => "A credential of the app's own is needed",
            Self::MerchantMismatch(_) => "The request is not about the merchant that the call is for",
            Self::MerchantUnclear(..) => "The request does not say which merchant it is about",
            Self::ConditionUnmet(_) => "The route's condition is not met",
            Self::SwitchedOff(_) => "The platform has switched this off",
            Self::Ended(ended) => ended.title(),
            Self::LimitReached { .. } => "A limit is used up",
            Self::BeyondPlan(beyond) => beyond.title(),
            Self::BalanceExhausted(paid_from) => paid_from.title_when_exhausted(),
            Self::UpstreamUnreachable => "The upstream cannot be reached",
            Self::UpstreamTimeout => "The upstream took too long",
            Self::UpstreamBroken => "The upstream broke off",
            Self::AnswerUnmaskable(_) => "Personal data cannot be masked in the upstream's answer",
            Self::AnswerWithheld { .. } => "What the upstream said beside its status is not shown",
            Self::UpstreamTokenMissing { .. } => "The gateway has no access token for the upstream",
            Self::UpstreamTokenRefused { .. } => "The upstream does not take the gateway's access token",
            Self::Unavailable(_) => "The gateway cannot serve this for the moment",
            Self::Unrecorded => "The call's usage is not recorded yet",
        }
    }

    /// What is wrong with this one and what to do about it.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::MessageMalformed(what) | Self::PathAmbiguous(what) => (*what).to_owned(),
            Self::TransferCodingUnsupported => {
                "Send Transfer-Encoding with the single value chunked, or a Content-Length.".to_owned()
            }
            Self::UpgradeUnsupported => "Use plain requests, without Upgrade: websocket.".to_owned(),
            Self::HeadersTooLarge { limit } => {
                format!("Request line and header fields together may have {limit} bytes.")
            }
            Self::BodyTooLarge { limit } => format!("This route takes bodies of up to {limit} bytes."),
            Self::BodyTooSlow => "Send the body without long pauses.".to_owned(),
            Self::MethodNotServed => "Use the methods that the platform documents.".to_owned(),
            Self::RouteUnknown => "Check host and path against the platform's documentation.".to_owned(),
            Self::MethodNotAllowed { allow } => format!("This path has: {allow}."),
            Self::CredentialMissing => {
                "Send Authorization: Bearer with an access token, X-Api-Key, or a signature (RFC 9421).".to_owned()
            }
            Self::CredentialRepeated => "Send exactly one credential.".to_owned(),
            Self::CredentialInvalid(why) | Self::CertificateInvalid(why) => (*why).to_owned(),
            Self::ProofInvalid(why) => format!("{why}."),
            Self::SignatureInvalid(error) => format!("{error}."),
            Self::ProofNonceNeeded(_) => {
                "Make a new proof with the value of DPoP-Nonce as its claim nonce, and send the call again.".to_owned()
            }
            Self::AuthenticationInsufficient(_) => {
                "Send the merchant to the authorization endpoint with the acr_values and max_age of WWW-Authenticate."
                    .to_owned()
            }
            Self::Suspended(who) => {
                format!("The {} is suspended; ask the platform's administrators.", who.name())
            }
            Self::NotSubscribed => "Subscribe the app to an API product that has this route.".to_owned(),
            Self::ProductNotAllowed { product, allowed } => format!(
                "The route is of the app's API product {product}, and this credential is narrowed to: {allowed}. Use another one of the app."
            ),
            Self::AddressNotAllowed(narrowed, address) => format!(
                "This {} networks that do not have {}, where the call comes from.",
                narrowed.words(),
                address.to_canonical()
            ),
            Self::EnvironmentMismatch => {
                "Use a live app for live upstreams and a sandbox app for the sandbox.".to_owned()
            }
            Self::ScopeMissing { missing, .. } => format!("Missing: {missing}."),
            Self::MerchantMissing => {
                "Use an access token that a merchant granted (authorization code flow).".to_owned()
            }
            Self::OwnCredentialNeeded => "Use an API key, a client certificate, or a token that the app got for itself.".to_owned(),
            Self::MerchantMismatch(field) => {
                format!("The {field} must be the id of the merchant whose grant the access token has.")
            }
            Self::MerchantUnclear(field, why) => format!("The {field} {why}."),
            Self::ConditionUnmet(None) => "The platform's policy does not allow this call.".to_owned(),
            Self::ConditionUnmet(Some(message)) => message.to_string(),
            Self::SwitchedOff(switch) => switch.detail(),
            Self::Ended(ended) => ended.detail(),
            Self::LimitReached { limit, retry_after } => {
                format!("Limit {limit} is used up; try again after {} s.", whole_seconds(*retry_after))
            }
            Self::BeyondPlan(beyond) => beyond.detail(),
            Self::BalanceExhausted(paid_from) => paid_from.detail_when_exhausted(),
            Self::UpstreamUnreachable => "The call had no effect; try again later.".to_owned(),
            Self::UpstreamTimeout | Self::UpstreamBroken => {
                "The call may or may not have had an effect; try again later.".to_owned()
            }
            Self::AnswerUnmaskable(why) => format!(
                "It is for callers with more scopes, and {why}. The call may have had an effect; tell the platform."
            ),
            Self::AnswerWithheld { status, why } => format!(
                "The upstream answered with {status}. What it said is for callers with more scopes, and {why}."
            ),
            Self::UpstreamTokenRefused { upstream } => format!(
                "Upstream {upstream} did not take the gateway's own access token. The call had no effect; try again shortly."
            ),
            Self::UpstreamTokenMissing { upstream } => format!(
                "There is no access token for upstream {upstream} at present. The call had no effect; try again shortly."
            ),
            Self::Unavailable(what) => format!("{what}; try again shortly."),
            Self::Unrecorded => {
                "The call took effect. Look at what it made before you send it once more.".to_owned()
            }
        }
    }

    /// Whether the upstream may have acted on the call all the same.
    #[must_use]
    pub fn may_have_acted(&self) -> bool {
        matches!(
            self,
            Self::Ended(_)
                | Self::UpstreamTimeout
                | Self::UpstreamBroken
                | Self::AnswerUnmaskable(_)
                | Self::AnswerWithheld { .. }
                | Self::Unrecorded
        )
    }
}

/// `span` in seconds, rounded up: waiting that long is surely enough.
#[must_use]
pub fn whole_seconds(span: Duration) -> u64 {
    span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0))
}
