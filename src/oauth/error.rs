//! What goes wrong at the OAuth2 endpoints, and how each tells it: the one place here with status codes.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::pages;
use super::redirect::with_parameters;
use crate::store::StoreError;

/// What goes wrong at the authorization endpoint before there is anywhere to redirect to: a page for the user.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The app is unknown or suspended.
    #[error("The app that sent you here is not registered.")]
    UnknownApp,
    /// The redirect URI is not one of the app's.
    #[error("The app that sent you here gave a return address that it has not registered.")]
    UnknownRedirect,
    /// A form that did not come from our page, or too late.
    #[error("This form is no longer valid. Go back to the app and start again.")]
    StaleForm,
    /// Too many attempts.
    #[error("Too many attempts. Wait {0} seconds and try again.")]
    TooManyAttempts(u64),
    /// Something of ours is out of reach.
    #[error("Something went wrong on our side. Try again shortly.")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::UnknownApp | Self::UnknownRedirect | Self::StaleForm => StatusCode::BAD_REQUEST,
            Self::TooManyAttempts(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(source) => {
                tracing::error!(error = %source, "an OAuth2 page could not be served");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        let mut response = pages::error(&self.to_string());
        *response.status_mut() = status;
        if let Self::TooManyAttempts(seconds) = self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// What goes wrong at the authorization endpoint once it is known where to redirect to (RFC 6749, section 4.1.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizeError {
    /// A parameter is missing, repeated or malformed.
    InvalidRequest(String),
    /// Another response type than `code`.
    UnsupportedResponseType,
    /// A scope that the app may not ask for.
    InvalidScope(String),
    /// The merchant said no.
    AccessDenied,
}

impl AuthorizeError {
    fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope(_) => "invalid_scope",
            Self::AccessDenied => "access_denied",
        }
    }

    fn description(&self) -> &str {
        match self {
            Self::InvalidRequest(what) | Self::InvalidScope(what) => what,
            Self::UnsupportedResponseType => "response_type must be code",
            Self::AccessDenied => "the merchant did not consent",
        }
    }

    /// Back to the app, with the error, its state and the issuer (RFC 9207).
    #[must_use]
    pub fn redirect(&self, redirect_uri: &str, state: Option<&str>, issuer: &str) -> Response {
        let mut parameters = vec![("error", self.code()), ("error_description", self.description())];
        parameters.extend(state.map(|state| ("state", state)));
        parameters.push(("iss", issuer));
        see_other(&with_parameters(redirect_uri, &parameters))
    }
}

/// 303 See Other: a redirect that never repeats a form (RFC 9700, section 4.12).
#[must_use]
pub fn see_other(location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    match HeaderValue::from_str(location) {
        Ok(location) => {
            response.headers_mut().insert(header::LOCATION, location);
        }
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What goes wrong at the token endpoint (RFC 6749, section 5.2).
#[derive(Debug, thiserror::Error)]
pub enum TokenEndpointError {
    /// A parameter is missing, repeated or malformed.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The app did not prove itself; whether it used the `Authorization` field.
    #[error("the client is unknown or did not authenticate")]
    InvalidClient {
        /// Whether it used HTTP Basic.
        basic: bool,
    },
    /// The code or refresh token is not good.
    #[error("{0}")]
    InvalidGrant(&'static str),
    /// This app may not use this grant type.
    #[error("this app may not use this grant type")]
    UnauthorizedClient,
    /// A grant type that is not served.
    #[error("grant_type must be authorization_code, refresh_token or client_credentials")]
    UnsupportedGrantType,
    /// A scope beyond what is allowed.
    #[error("a scope is unknown or beyond what was granted")]
    InvalidScope,
    /// Something of ours is out of reach.
    #[error("the authorization server cannot serve this for the moment")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for TokenEndpointError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl IntoResponse for TokenEndpointError {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::InvalidRequest(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::InvalidClient { .. } => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::InvalidGrant(_) => (StatusCode::BAD_REQUEST, "invalid_grant"),
            Self::UnauthorizedClient => (StatusCode::BAD_REQUEST, "unauthorized_client"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::InvalidScope => (StatusCode::BAD_REQUEST, "invalid_scope"),
            Self::Unavailable(source) => {
                tracing::error!(error = %source, "the token endpoint could not serve a request");
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
            }
        };
        let body = json!({"error": code, "error_description": self.to_string()});
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Self::InvalidClient { basic: true } = self {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"tollgate\""));
        }
        response
    }
}
