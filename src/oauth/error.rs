//! What goes wrong at the OAuth2 endpoints, and how each tells it: the one place here with status codes.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::pages;
use super::redirect::with_parameters;
use crate::store::StoreError;

/// After how many seconds a login that found all places taken may try again.
const BUSY_SECONDS: u64 = 5;

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
    /// A form that is no text, or has control characters in it.
    #[error("This form cannot be read. Go back to the app and start again.")]
    MalformedForm,
    /// Too many attempts.
    #[error("Too many attempts. Wait {0} seconds and try again.")]
    TooManyAttempts(u64),
    /// More logins at once than can be checked.
    #[error("Too many people log in just now. Try again shortly.")]
    Busy,
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
            Self::UnknownApp | Self::UnknownRedirect | Self::StaleForm | Self::MalformedForm => {
                StatusCode::BAD_REQUEST
            }
            Self::TooManyAttempts(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => {
                tracing::warn!("a login waited in vain for its turn to be checked");
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Unavailable(source) => {
                tracing::error!(error = %source, "an OAuth2 page could not be served");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        let mut response = pages::error(&self.to_string());
        *response.status_mut() = status;
        let retry_after = match self {
            Self::TooManyAttempts(seconds) => Some(seconds),
            Self::Busy => Some(BUSY_SECONDS),
            Self::UnknownApp
            | Self::UnknownRedirect
            | Self::StaleForm
            | Self::MalformedForm
            | Self::Unavailable(_) => None,
        };
        let retry_after = retry_after.map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds)));
        response.headers_mut().extend(retry_after);
        response
    }
}

/// Marks a page that answers a form which came too late.
pub fn mark_stale(page: &mut Response) {
    *page.status_mut() = StatusCode::BAD_REQUEST;
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
    /// A scope beyond what is allowed.
    #[error("{0}")]
    InvalidScope(String),
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
            Self::InvalidClient => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::TooManyAttempts(_) => (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable"),
            Self::InvalidGrant(_) => (StatusCode::BAD_REQUEST, "invalid_grant"),
            Self::UnauthorizedClient => (StatusCode::BAD_REQUEST, "unauthorized_client"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
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

/// There is no such endpoint.
pub async fn no_such_path(headers: HeaderMap) -> Response {
    problem(&headers, StatusCode::NOT_FOUND, ("no_such_path", "There is no such OAuth2 endpoint"))
}

/// The endpoint has other methods; the router says which in `Allow`.
pub async fn method_not_allowed(headers: HeaderMap) -> Response {
    problem(
        &headers,
        StatusCode::METHOD_NOT_ALLOWED,
        ("method_not_allowed", "The endpoint takes other methods"),
    )
}

/// A problem document (RFC 9457).
fn problem(headers: &HeaderMap, status: StatusCode, (code, title): (&str, &str)) -> Response {
    let request_id = headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let document = json!({
        "type": format!("urn:tollgate:problem:{code}"),
        "title": title,
        "status": status.as_u16(),
        "detail": "See /.well-known/oauth-authorization-server for the endpoints.",
        "code": code,
        "request_id": request_id,
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, document.to_string()).into_response()
}
