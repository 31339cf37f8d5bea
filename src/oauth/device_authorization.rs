//! `POST /oauth/device_authorization`: a device without a browser asks for a code that a merchant lets through on another
//! device (RFC 8628, section 3.1).

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::call::Call;
use super::client_auth::{Proven, authenticate, form};
use super::error::EndpointError;
use super::interaction::Interaction;
use super::router::OAuth;
use super::scopes;
use super::throttle::address_of;
use crate::domain::client::GrantType;
use crate::domain::random::{RandomUnavailable, new_secret};
use crate::domain::secret_hash::{DeviceCodeHash, UserCodeHash};
use crate::domain::user_code::UserCode;
use crate::store::device_code::DeviceRequest;

/// How long a merchant has to answer.
const LIFETIME: Duration = Duration::from_secs(600);
/// How many seconds a device has to wait between two questions (RFC 8628, section 3.2).
const POLL_SECONDS: i64 = 5;

/// Gives a device its codes.
pub async fn ask(State(oauth): State<OAuth>, call: Call, body: Bytes) -> Response {
    match try_ask(&oauth, &call, &body).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn try_ask(oauth: &OAuth, call: &Call, body: &[u8]) -> Result<Response, EndpointError> {
    let parameters = form(&call.headers, body)?;
    let now = oauth.clock.now();
    let Proven { app, settings, .. } = authenticate(oauth, call, (&parameters, now)).await?;
    if !settings.has_grant_type(GrantType::DeviceCode) {
        return Err(EndpointError::UnauthorizedClient);
    }
    // Whoever knows a public app's id could fill the store.
    let address = address_of(&call.headers);
    oauth
        .throttle
        .device(app.id.as_str(), address, oauth.clock.monotonic())
        .map_err(EndpointError::TooManyAttempts)?;
    let scopes = scopes::asked(oauth, &app, parameters.get("scope")).map_err(EndpointError::InvalidScope)?;
    let no_chance = |error: RandomUnavailable| EndpointError::Unavailable(Box::new(error));
    let device_code = new_secret("tgd_", &*oauth.random).map_err(no_chance)?;
    let user_code = UserCode::make(&*oauth.random).map_err(no_chance)?;
    let request = DeviceRequest {
        app: app.id,
        scopes,
        poll_seconds: POLL_SECONDS,
        issued_at: now,
        expires_at: now.plus(LIFETIME),
    };
    let hashes = (&DeviceCodeHash::of(&device_code), &UserCodeHash::of(user_code.letters()));
    oauth.store.store_device_code(hashes, &request).await?;
    let at = |interaction: Interaction| format!("{}{}", oauth.issuer, interaction.path());
    let body = json!({
        "device_code": device_code,
        "user_code": user_code.to_string(),
        "verification_uri": at(Interaction::Device(None)),
        "verification_uri_complete": at(Interaction::Device(Some(user_code))),
        "expires_in": LIFETIME.as_secs(),
        "interval": POLL_SECONDS,
    });
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body)).into_response())
}
