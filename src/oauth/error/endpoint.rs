//! What goes wrong at the endpoints that apps call by themselves: a JSON document (RFC 6749, section 5.2).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::store::StoreError;

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
    /// This app may not use this grant type.
    #[error("this app may not use this grant type")]
    UnauthorizedClient,
    /// A grant type that is not served.
    #[error("grant_type must be authorization_code, refresh_token or client_credentials")]
    UnsupportedGrantType,
    /// A token of a kind that cannot be revoked here (RFC 7009, section 2.2.1).
    #[error("this is no OAuth2 token: an administrator revokes API keys")]
    UnsupportedTokenType,
    /// A scope beyond what is allowed.
    #[error("{0}")]
    InvalidScope(String),
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
            Self::UnauthorizedClient => (StatusCode::BAD_REQUEST, "unauthorized_client"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::UnsupportedTokenType => (StatusCode::BAD_REQUEST, "unsupported_token_type"),
            Self::InvalidScope(_) => (StatusCode::BAD_REQUEST, "invalid_scope"),
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
        } else if status == StatusCode::UNAUTHORIZED {
            // RFC 9110, section 15.5.2: a 401 says how to prove oneself, however it was tried.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"tollgate\""));
        }
        response
    }
}
