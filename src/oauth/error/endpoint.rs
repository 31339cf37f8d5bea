//! What goes wrong at the endpoints that apps call by themselves: a JSON document (RFC 6749, section 5.2).

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::authorize::AuthorizeError;
use crate::credential::dpop::ProofError;
use crate::store::StoreError;

/// The field that tells a nonce (RFC 9449, section 8.1).
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What goes wrong at the token endpoint (RFC 6749, section 5.2).
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// A parameter is missing, repeated or malformed.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The app did not prove itself.
    #[error("the client is unknown or did not authenticate")]
    InvalidClient,
    /// The app did not prove itself, too often from that network; the seconds to wait.
    #[error("too many attempts failed; wait {0} seconds")]
    TooManyAttempts(u64),
    /// The code or refresh token is not good.
    #[error("{0}")]
    InvalidGrant(&'static str),
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
    #[error("this is no OAuth2 token: an administrator revokes API keys")]
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

impl IntoResponse for EndpointError {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::InvalidRequest(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::InvalidClient => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::TooManyAttempts(_) => (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable"),
            Self::InvalidGrant(_) => (StatusCode::BAD_REQUEST, "invalid_grant"),
            Self::AuthorizationPending => (StatusCode::BAD_REQUEST, "authorization_pending"),
            Self::SlowDown => (StatusCode::BAD_REQUEST, "slow_down"),
            Self::AccessDenied => (StatusCode::BAD_REQUEST, "access_denied"),
            Self::ExpiredToken => (StatusCode::BAD_REQUEST, "expired_token"),
            Self::UnauthorizedClient => (StatusCode::BAD_REQUEST, "unauthorized_client"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::UnsupportedTokenType => (StatusCode::BAD_REQUEST, "unsupported_token_type"),
            Self::InvalidScope(_) => (StatusCode::BAD_REQUEST, "invalid_scope"),
            Self::InvalidTarget => (StatusCode::BAD_REQUEST, "invalid_target"),
            Self::InvalidProof(_) => (StatusCode::BAD_REQUEST, "invalid_dpop_proof"),
            Self::UseNonce(_) => (StatusCode::BAD_REQUEST, "use_dpop_nonce"),
            Self::Request(error) => (StatusCode::BAD_REQUEST, error.code()),
            Self::Unavailable(source) => {
                tracing::error!(error = %source, "the token endpoint could not serve a request");
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
            }
        };
        let body = json!({"error": code, "error_description": self.to_string()});
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        if let Self::TooManyAttempts(seconds) = self {
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
