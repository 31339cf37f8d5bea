//! The endpoint: which grant type is asked for, by which app.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::super::error::TokenEndpointError;
use super::super::parameters::Parameters;
use super::super::router::OAuth;
use super::super::throttle::address_of;
use super::client::{self, Proven};
use super::{authorization_code, client_credentials, refresh};
use crate::domain::time::Timestamp;

/// Exchanges a grant for tokens.
pub async fn exchange(State(oauth): State<OAuth>, headers: HeaderMap, body: Bytes) -> Response {
    match try_exchange(&oauth, &headers, &body).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn try_exchange(
    oauth: &OAuth,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, TokenEndpointError> {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return Err(TokenEndpointError::InvalidRequest("the body must be application/x-www-form-urlencoded"));
    }
    let malformed =
        TokenEndpointError::InvalidRequest("the body is no text, or has control characters in it");
    let Some(parameters) = Parameters::of_form(body) else { return Err(malformed) };
    if parameters.malformed().is_some() {
        return Err(malformed);
    }
    if parameters.repeated().is_some() {
        return Err(TokenEndpointError::InvalidRequest("a parameter was sent more than once"));
    }
    // Before the app is looked up; see `client::prove`.
    let now = oauth.clock.now();
    let Proven { app, made_at } = authenticate(oauth, headers, (&parameters, now)).await?;
    match parameters.get("grant_type") {
        Some("authorization_code") => authorization_code::exchange(oauth, (&app, now), &parameters).await,
        Some("refresh_token") => refresh::exchange(oauth, (&app, now), &parameters).await,
        Some("client_credentials") => client_credentials::exchange(oauth, (&app, made_at), &parameters),
        Some(_) => Err(TokenEndpointError::UnsupportedGrantType),
        None => Err(TokenEndpointError::InvalidRequest("grant_type is missing")),
    }
}

/// The app that asks. Only what failed is counted, and told to wait once it was too much.
async fn authenticate(
    oauth: &OAuth,
    headers: &HeaderMap,
    (parameters, now): (&Parameters, Timestamp),
) -> Result<Proven, TokenEndpointError> {
    let presented = client::present(headers, parameters)?;
    let proven = client::prove(oauth, &presented, now).await;
    if matches!(proven, Err(TokenEndpointError::InvalidClient)) {
        oauth
            .throttle
            .app_failed(&presented.id, address_of(headers), oauth.clock.monotonic())
            .map_err(TokenEndpointError::TooManyAttempts)?;
    }
    proven
}
