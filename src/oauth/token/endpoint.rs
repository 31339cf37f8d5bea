//! The endpoint: which grant type is asked for, by which app.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::super::error::TokenEndpointError;
use super::super::parameters::Parameters;
use super::super::router::OAuth;
use super::super::throttle::address_of;
use super::{authorization_code, client, client_credentials, refresh};
use crate::domain::identity::App;

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
    // Before the app is looked up: what ends all older tokens of an app then ends the one that is made here too, if the
    // app proved itself by what had just been taken from it.
    let now = oauth.clock.now();
    let app = authenticate(oauth, headers, &parameters).await?;
    match parameters.get("grant_type") {
        Some("authorization_code") => authorization_code::exchange(oauth, (&app, now), &parameters).await,
        Some("refresh_token") => refresh::exchange(oauth, (&app, now), &parameters).await,
        Some("client_credentials") => client_credentials::exchange(oauth, (&app, now), &parameters),
        Some(_) => Err(TokenEndpointError::UnsupportedGrantType),
        None => Err(TokenEndpointError::InvalidRequest("grant_type is missing")),
    }
}

/// The app that asks. Only what failed is counted, and told to wait once it was too much.
async fn authenticate(
    oauth: &OAuth,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<App, TokenEndpointError> {
    let presented = client::present(headers, parameters)?;
    let app = client::prove(oauth, &presented).await;
    if matches!(app, Err(TokenEndpointError::InvalidClient)) {
        oauth
            .throttle
            .app_failed(&presented.id, address_of(headers), oauth.clock.monotonic())
            .map_err(TokenEndpointError::TooManyAttempts)?;
    }
    app
}
