//! What an app is told at its redirect URI.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::super::redirect::with_parameters;
use super::refused::Refused;

/// What goes wrong at the authorization endpoint once it is known where to redirect to (RFC 6749, section 4.1.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizeError {
    /// A parameter is missing, repeated or malformed.
    InvalidRequest(String),
    /// This app may not ask for a code.
    UnauthorizedClient,
    /// Another response type than `code`.
    UnsupportedResponseType,
    /// A scope that the app may not ask for.
    InvalidScope(String),
    /// A request object (RFC 9101).
    RequestNotSupported,
    /// The merchant said no.
    AccessDenied,
    /// Another API than this one (RFC 8707, section 2).
    InvalidTarget,
    /// No page may be shown, and the merchant has to log in (OpenID Connect Core, section 3.1.2.6).
    LoginRequired,
    /// No page may be shown, and the merchant has to consent.
    ConsentRequired,
    /// The merchant cannot prove itself as well as is asked (RFC 9470, section 5).
    Unmet,
    /// Something of ours failed that will not pass by itself.
    ServerError,
    /// Something of ours is out of reach for the moment.
    Unavailable,
}

impl AuthorizeError {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope(_) => "invalid_scope",
            Self::RequestNotSupported => "request_not_supported",
            Self::AccessDenied => "access_denied",
            Self::InvalidTarget => "invalid_target",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::Unmet => "unmet_authentication_requirements",
            Self::ServerError => "server_error",
            Self::Unavailable => "temporarily_unavailable",
        }
    }

    pub(super) fn description(&self) -> &str {
        match self {
            Self::InvalidRequest(what) | Self::InvalidScope(what) => what,
            Self::UnauthorizedClient => "this app is not registered for the grant type authorization_code",
            Self::UnsupportedResponseType => "response_type must be code",
            Self::RequestNotSupported => {
                "request is not supported: push the request to /oauth/par (RFC 9126)"
            }
            Self::AccessDenied => "the merchant did not consent",
            Self::InvalidTarget => "resource must be this platform's API",
            Self::LoginRequired => "the merchant has to log in: ask again without prompt=none",
            Self::ConsentRequired => "the merchant has to consent each time: ask again without prompt=none",
            Self::Unmet => "the merchant cannot log in in a way that acr_values names",
            Self::ServerError => "something went wrong at the authorization server",
            Self::Unavailable => {
                "the authorization server cannot serve this for the moment: ask again shortly"
            }
        }
    }

    /// Back to the app, with the error, its state and the issuer (RFC 9207).
    #[must_use]
    pub fn redirect(&self, redirect_uri: &str, state: Option<&str>, issuer: &str) -> Response {
        let mut parameters = vec![("error", self.code()), ("error_description", self.description())];
        parameters.extend(state.map(|state| ("state", state)));
        parameters.push(("iss", issuer));
        let refused = Refused::mistake(self.code(), self.description());
        refused.with(see_other(&with_parameters(redirect_uri, &parameters)))
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
