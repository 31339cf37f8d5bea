//! The endpoint: which grant type is asked for, by which app.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::super::client_auth::{Proven, authenticate, form};
use super::super::error::EndpointError;
use super::super::router::OAuth;
use super::{authorization_code, client_credentials, refresh};

/// Exchanges a grant for tokens.
pub async fn exchange(State(oauth): State<OAuth>, headers: HeaderMap, body: Bytes) -> Response {
    match try_exchange(&oauth, &headers, &body).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn try_exchange(oauth: &OAuth, headers: &HeaderMap, body: &[u8]) -> Result<Response, EndpointError> {
    let parameters = form(headers, body)?;
    let now = oauth.clock.now();
    let Proven { app, made_at } = authenticate(oauth, headers, (&parameters, now)).await?;
    match parameters.get("grant_type") {
        Some("authorization_code") => authorization_code::exchange(oauth, (&app, now), &parameters).await,
        Some("refresh_token") => refresh::exchange(oauth, (&app, now), &parameters).await,
        Some("client_credentials") => client_credentials::exchange(oauth, (&app, made_at), &parameters),
        Some(_) => Err(EndpointError::UnsupportedGrantType),
        None => Err(EndpointError::InvalidRequest("grant_type is missing")),
    }
}
