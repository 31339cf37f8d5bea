//! The endpoint: which grant type is asked for, by which app.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::super::client_auth::{Proven, authenticate, form};
use super::super::dpop::next_nonce;
use super::super::error::{DPOP_NONCE, EndpointError};
use super::super::resource;
use super::super::router::OAuth;
use super::asking::Asking;
use super::{authorization_code, client_credentials, refresh};

/// Exchanges a grant for tokens.
pub async fn exchange(State(oauth): State<OAuth>, headers: HeaderMap, body: Bytes) -> Response {
    let answered = try_exchange(&oauth, &headers, &body).await;
    let mut answer = answered.unwrap_or_else(IntoResponse::into_response);
    let nonce = next_nonce(&oauth, &headers).and_then(|nonce| HeaderValue::from_str(&nonce).ok());
    answer.headers_mut().extend(nonce.map(|nonce| (DPOP_NONCE, nonce)));
    answer
}

async fn try_exchange(oauth: &OAuth, headers: &HeaderMap, body: &[u8]) -> Result<Response, EndpointError> {
    let parameters = form(headers, body)?;
    let now = oauth.clock.now();
    let Proven { app, made_at } = authenticate(oauth, headers, (&parameters, now)).await?;
    if !resource::is_ours(oauth, &parameters) {
        return Err(EndpointError::InvalidTarget);
    }
    let asking = Asking::with(oauth, headers, (&app, now)).await?;
    match parameters.get("grant_type") {
        Some("authorization_code") => authorization_code::exchange(oauth, &asking, &parameters).await,
        Some("refresh_token") => refresh::exchange(oauth, &asking, &parameters).await,
        Some("client_credentials") => {
            client_credentials::exchange(oauth, &Asking { now: made_at, ..asking }, &parameters)
        }
        Some(_) => Err(EndpointError::UnsupportedGrantType),
        None => Err(EndpointError::InvalidRequest("grant_type is missing")),
    }
}
