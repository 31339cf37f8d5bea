//! The endpoint: which grant type is asked for, by which app.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};

use super::super::call::Call;
use super::super::client_auth::{Proven, authenticate, form};
use super::super::dpop::next_nonce;
use super::super::error::{DPOP_NONCE, EndpointError};
use super::super::resource;
use super::super::router::OAuth;
use super::super::throttle::address_of;
use super::asking::Asking;
use super::{authorization_code, client_credentials, device_code, refresh};
use crate::domain::client::GrantType;
use crate::domain::identity::ClientKind;

/// Exchanges a grant for tokens.
pub async fn exchange(State(oauth): State<OAuth>, call: Call, body: Bytes) -> Response {
    let answered = try_exchange(&oauth, &call, &body).await;
    let mut answer = answered.unwrap_or_else(IntoResponse::into_response);
    let nonce = next_nonce(&oauth, &call.headers).and_then(|nonce| HeaderValue::from_str(&nonce).ok());
    if let Some(nonce) = nonce {
        // An error that asks for it has it already; a client must find it once.
        answer.headers_mut().insert(DPOP_NONCE, nonce);
    }
    answer
}

async fn try_exchange(oauth: &OAuth, call: &Call, body: &[u8]) -> Result<Response, EndpointError> {
    let parameters = form(&call.headers, body)?;
    let now = oauth.clock.now();
    let Proven { app, settings, made_at } = authenticate(oauth, call, (&parameters, now)).await?;
    if !resource::is_ours(oauth, &parameters) {
        return Err(EndpointError::InvalidTarget);
    }
    let grant_type =
        parameters.get("grant_type").ok_or(EndpointError::InvalidRequest("grant_type is missing"))?;
    let grant_type = GrantType::named(grant_type).ok_or(EndpointError::UnsupportedGrantType)?;
    if !settings.has_grant_type(grant_type) {
        return Err(EndpointError::UnauthorizedClient);
    }
    let asking = Asking::with(oauth, call, (&app, &settings), now)?;
    let given = match grant_type {
        GrantType::AuthorizationCode => authorization_code::exchange(oauth, &asking, &parameters).await,
        GrantType::RefreshToken => refresh::exchange(oauth, &asking, &parameters).await,
        GrantType::ClientCredentials => {
            client_credentials::exchange(oauth, &Asking { now: made_at, ..asking }, &parameters).await
        }
        GrantType::DeviceCode => device_code::exchange(oauth, (&call.headers, &asking), &parameters).await,
    };
    // Who has to prove nothing may guess: it is told to wait as who fails to prove to be an app.
    if app.kind == ClientKind::Public
        && matches!(given, Err(EndpointError::InvalidGrant(_) | EndpointError::Replayed(..)))
    {
        let address = address_of(&call.headers);
        let counted = oauth.throttle.app_failed(app.id.as_str(), address, oauth.clock.monotonic());
        // That a token was replayed is told in any case: it is the one trace of a theft.
        if !matches!(given, Err(EndpointError::Replayed(..))) {
            counted.map_err(EndpointError::TooManyAttempts)?;
        }
    }
    given
}
