//! What goes wrong at the endpoints that apps call by themselves: a JSON document (RFC 6749, section 5.2).

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tracing::Level;

use super::authorize::AuthorizeError;
use super::refused::{Refused, chain};
use super::unproven::Unproven;
use crate::credential::dpop::ProofError;
use crate::store::StoreError;

/// The field that tells a nonce (RFC 9449, section 8.1).
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What goes wrong at these endpoints (RFC 6749, section 5.2). Its text is what whoever asked is told.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// A parameter is missing, repeated or malformed.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The app did not prove itself.
    #[error("{}", .0.told())]
    InvalidClient(Unproven),
    /// The app did not prove itself, too often from that network; the seconds to wait.
    #[error("too many attempts; wait {0} seconds")]
    TooManyAttempts(u64),
    /// As many of its pushed requests wait as may; the seconds by which all of them have expired (RFC 9126, section 2.3).
    #[error(
        "as many requests of this app wait for their merchants as may; all of them have expired in {0} seconds"
    )]
    TooManyWaiting(u64),
    /// The code or refresh token is not good.
    #[error("{0}")]
    InvalidGrant(&'static str),
    /// A code or refresh token that was used before: what is told of one that is not good, and what happened.
    #[error("{0}")]
    Replayed(&'static str, &'static str),
    /// The merchant has not answered yet (RFC 8628, section 3.5).
    #[error("the merchant has not answered yet")]
    AuthorizationPending,
    /// The merchant has not answered yet, and the device asks too fast (RFC 8628, section 3.5).
    #[error("the device asks too often: wait 5 seconds longer between two questions from now on")]
    SlowDown,
    /// The merchant said no.
    #[error("the merchant did not consent")]
    AccessDenied,
    /// The device code is too old (RFC 8628, section 3.5).
    #[error("the device code has expired: ask for another")]
    ExpiredToken,
    /// This app may not use this grant type.
    #[error("this app may not use this grant type")]
    UnauthorizedClient,
    /// A grant type that is not served.
    #[error(
        "grant_type must be authorization_code, refresh_token, client_credentials or that of device codes"
    )]
    UnsupportedGrantType,
    /// A token of a kind that cannot be revoked here (RFC 7009, section 2.2.1).
    #[error("this is no OAuth2 token: API keys are revoked at /oauth/keys/revoke")]
    UnsupportedTokenType,
    /// A scope beyond what is allowed.
    #[error("{0}")]
    InvalidScope(String),
    /// A token for another API than this one (RFC 8707, section 2).
    #[error("resource must be this platform's API, as /.well-known/oauth-protected-resource names it")]
    InvalidTarget,
    /// A proof of possession that proves nothing (RFC 9449, section 5).
    #[error(transparent)]
    InvalidProof(#[from] ProofError),
    /// A proof of possession without the nonce that it must have: this one (RFC 9449, section 8).
    #[error("the DPoP proof must have the nonce of the field DPoP-Nonce")]
    UseNonce(String),
    /// An authorization request that was pushed is not good (RFC 9126, section 2.3).
    #[error("{}", .0.description())]
    Request(AuthorizeError),
    /// Something of ours is out of reach.
    #[error("the authorization server cannot serve this for the moment")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for EndpointError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl EndpointError {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        let code = match self {
            Self::InvalidClient(_) => return (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::TooManyAttempts(_) | Self::TooManyWaiting(_) => {
                return (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable");
            }
            Self::Unavailable(_) => return (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidGrant(_) | Self::Replayed(..) => "invalid_grant",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::AccessDenied => "access_denied",
            Self::ExpiredToken => "expired_token",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::InvalidScope(_) => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidProof(_) => "invalid_dpop_proof",
            Self::UseNonce(_) => "use_dpop_nonce",
            Self::Request(error) => error.code(),
        };
        (StatusCode::BAD_REQUEST, code)
    }

    fn refused(&self, code: &'static str) -> Refused {
        match self {
            Self::InvalidClient(why) => Refused::watched(code, why.to_string()),
            Self::TooManyAttempts(_) => Refused::watched("too_many_attempts", self.to_string()),
            Self::TooManyWaiting(_) => Refused::watched("too_many_waiting", self.to_string()),
            Self::Replayed(_, what) => Refused { code, reason: (*what).to_owned(), level: Level::WARN },
            Self::InvalidProof(ProofError::Replayed) => Refused::watched(code, self.to_string()),
            Self::Unavailable(source) => Refused { code, reason: chain(&**source), level: Level::ERROR },
            Self::InvalidRequest(_)
            | Self::InvalidGrant(_)
            | Self::AuthorizationPending
            | Self::SlowDown
            | Self::AccessDenied
            | Self::ExpiredToken
            | Self::UnauthorizedClient
            | Self::UnsupportedGrantType
            | Self::UnsupportedTokenType
            | Self::InvalidScope(_)
            | Self::InvalidTarget
            | Self::InvalidProof(_)
            | Self::UseNonce(_)
            | Self::Request(_) => Refused::mistake(code, self.to_string()),
        }
    }
}

impl IntoResponse for EndpointError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        let body = json!({"error": code, "error_description": self.to_string()});
        let mut response = self.refused(code).with((status, Json(body)).into_response());
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        if let Self::TooManyAttempts(seconds) | Self::TooManyWaiting(seconds) = self {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        } else if let Self::UseNonce(nonce) = self {
            headers.extend(HeaderValue::from_str(&nonce).ok().map(|nonce| (DPOP_NONCE, nonce)));
        } else if status == StatusCode::UNAUTHORIZED {
            // RFC 9110, section 15.5.2: a 401 says how to prove oneself, however it was tried.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"tollgate\""));
        }
        response
    }
}

/// 201 with the reference to a request that was pushed, and how long it lives (RFC 9126, section 2.2).
#[must_use]
pub fn pushed(request_uri: &str, lifetime: Duration) -> Response {
    let body = json!({"request_uri": request_uri, "expires_in": lifetime.as_secs()});
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::CREATED, no_store, Json(body)).into_response()
}
