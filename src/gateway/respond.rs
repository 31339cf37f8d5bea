//! Refusals and the gateway's own answers as HTTP: the only place of the data plane with status codes.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::admit::Admission;
use super::answer::Answer;
use super::fields::X_REQUEST_ID;
use super::problem;
use crate::domain::beyond_plan::BeyondPlan;
use crate::domain::ended::Ended;
use crate::domain::refusal::{Refusal, whole_seconds};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The status of a refusal.
#[must_use]
pub fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::MessageMalformed(_)
        | Refusal::PathAmbiguous(_)
        | Refusal::CredentialRepeated
        | Refusal::MerchantUnclear(..) => StatusCode::BAD_REQUEST,
        Refusal::TransferCodingUnsupported | Refusal::UpgradeUnsupported => StatusCode::NOT_IMPLEMENTED,
        Refusal::HeadersTooLarge { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Refusal::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
        Refusal::MethodNotServed | Refusal::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
        Refusal::RouteUnknown => StatusCode::NOT_FOUND,
        Refusal::CredentialMissing
        | Refusal::CredentialInvalid(_)
        | Refusal::CertificateInvalid(_)
        | Refusal::ProofInvalid(_)
        | Refusal::ProofNonceNeeded(_)
        | Refusal::SignatureInvalid(_)
        | Refusal::AuthenticationInsufficient(_)
        | Refusal::Ended(Ended::Revoked(_)) => StatusCode::UNAUTHORIZED,
        Refusal::Suspended(_)
        | Refusal::NotSubscribed
        | Refusal::ProductNotAllowed { .. }
        | Refusal::AddressNotAllowed(..)
        | Refusal::EnvironmentMismatch
        | Refusal::ScopeMissing { .. }
        | Refusal::MerchantMissing
        | Refusal::OwnCredentialNeeded
        | Refusal::MerchantMismatch(_)
        | Refusal::ConditionUnmet(_)
        | Refusal::Ended(Ended::Suspended(_)) => StatusCode::FORBIDDEN,
        Refusal::LimitReached { .. } => StatusCode::TOO_MANY_REQUESTS,
        Refusal::BeyondPlan(beyond) => match **beyond {
            BeyondPlan::CallTooLarge { .. } => StatusCode::FORBIDDEN,
            BeyondPlan::QuotaUsedUp { .. } => StatusCode::TOO_MANY_REQUESTS,
        },
        Refusal::BalanceExhausted(_) => StatusCode::PAYMENT_REQUIRED,
        Refusal::UpstreamUnreachable
        | Refusal::UpstreamBroken
        | Refusal::AnswerUnmaskable(_)
        | Refusal::UpstreamTokenRefused { .. } => StatusCode::BAD_GATEWAY,
        Refusal::AnswerWithheld { status, .. } => {
            StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY)
        }
        Refusal::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        Refusal::UpstreamTokenMissing { .. }
        | Refusal::SwitchedOff(_)
        | Refusal::Ended(Ended::SwitchedOff(_) | Ended::Unclear)
        | Refusal::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Unrecorded => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A refusal as a problem document (RFC 9457).
#[must_use]
pub fn refuse(refusal: &Refusal, request_id: &HeaderValue, admission: Option<Admission>) -> Response<Answer> {
    let status = status(refusal);
    let problem = problem::document(refusal, status.as_u16(), request_id.to_str().unwrap_or_default());
    let mut response = Response::new(Answer::Own(Some(problem)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, PROBLEM_JSON);
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(X_REQUEST_ID, request_id.clone());
    add_refusal_fields(headers, refusal);
    if let Some(admission) = admission {
        add_limit(headers, admission);
    }
    response
}

fn add_refusal_fields(headers: &mut HeaderMap, refusal: &Refusal) {
    match refusal {
        Refusal::MethodNotAllowed { allow } => {
            headers.extend(HeaderValue::from_str(allow).ok().map(|value| (ALLOW, value)));
        }
        Refusal::LimitReached { retry_after, .. } => {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(*retry_after).max(1)));
        }
        Refusal::BeyondPlan(beyond) => {
            if let BeyondPlan::QuotaUsedUp { retry_after, .. } = **beyond {
                headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(retry_after).max(1)));
            }
        }
        Refusal::UpstreamTokenMissing { .. } | Refusal::Unavailable(_) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(1));
        }
        // What remains of the message cannot be read for sure, so nothing further is read from the connection.
        Refusal::MessageMalformed(_)
        | Refusal::TransferCodingUnsupported
        | Refusal::BodyTooLarge { .. }
        | Refusal::BodyTooSlow
        | Refusal::HeadersTooLarge { .. } => {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Refusal::ProofNonceNeeded(nonce) => {
            headers.extend(HeaderValue::from_str(nonce).ok().map(|nonce| (DPOP_NONCE, nonce)));
        }
        // How to prove oneself is told by `challenge.rs`, which knows how it was tried.
        Refusal::CredentialMissing
        | Refusal::CredentialRepeated
        | Refusal::CredentialInvalid(_)
        | Refusal::CertificateInvalid(_)
        | Refusal::ProofInvalid(_)
        | Refusal::SignatureInvalid(_)
        | Refusal::AuthenticationInsufficient(_)
        | Refusal::ScopeMissing { .. }
        | Refusal::PathAmbiguous(_)
        | Refusal::UpgradeUnsupported
        | Refusal::MethodNotServed
        | Refusal::RouteUnknown
        | Refusal::Suspended(_)
        | Refusal::NotSubscribed
        | Refusal::ProductNotAllowed { .. }
        | Refusal::AddressNotAllowed(..)
        | Refusal::EnvironmentMismatch
        | Refusal::MerchantMissing
        | Refusal::OwnCredentialNeeded
        | Refusal::MerchantMismatch(_)
        | Refusal::MerchantUnclear(..)
        | Refusal::ConditionUnmet(_)
        | Refusal::BalanceExhausted(_)
        // Nobody knows for how long.
        | Refusal::SwitchedOff(_)
        | Refusal::Ended(_)
        | Refusal::UpstreamUnreachable
        | Refusal::UpstreamTimeout
        | Refusal::UpstreamBroken
        | Refusal::AnswerUnmaskable(_)
        // What the upstream says beside its body goes along: see `masked.rs`.
        | Refusal::AnswerWithheld { .. }
        | Refusal::UpstreamTokenRefused { .. }
        | Refusal::Unrecorded => {}
    }
}

/// A document of the gateway's own, for the caller alone.
#[must_use]
pub fn document(document: &serde_json::Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(document.to_string()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, NO_STORE);
    response
}

/// Adds the `RateLimit` fields of a limit.
pub fn add_limit(headers: &mut HeaderMap, admission: Admission) {
    headers.insert(RATELIMIT_POLICY, admission.policy);
    headers.insert(RATELIMIT, admission.state);
}

/// Puts the request's id on an answer that did not come from [`refuse`].
pub fn add_request_id(headers: &mut HeaderMap, request_id: &HeaderValue) {
    headers.insert(X_REQUEST_ID, request_id.clone());
}
