//! The answer with tokens (RFC 6749, section 5.1).

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::error::EndpointError;
use super::super::router::OAuth;
use crate::credential::access_token::NewToken;
use crate::domain::confirmation::Confirmation;
use crate::domain::random::new_id;
use crate::domain::time::Timestamp;

/// Signs an access token as of `now` and answers with it, and with the refresh token if there is one. `new.id` is set here.
///
/// # Errors
/// [`EndpointError::Unavailable`].
pub fn answer(
    oauth: &OAuth,
    new: NewToken,
    (refresh_token, now): (Option<&str>, Timestamp),
) -> Result<Response, EndpointError> {
    let unavailable = |error: Box<dyn std::error::Error + Send + Sync>| EndpointError::Unavailable(error);
    let lifetime = oauth.live.load().access_token_lifetime(&new.scopes);
    // RFC 9449, section 5; RFC 8705, section 3: what a certificate confirms is still sent as Bearer.
    let token_type = match new.confirmation {
        Some(Confirmation::Key(_)) => "DPoP",
        Some(Confirmation::Certificate(_)) | None => "Bearer",
    };
    let scope = new.scopes.to_string();
    let id = new_id("tok_", &*oauth.random).map_err(|error| unavailable(Box::new(error)))?;
    let signed = oauth
        .signer
        .sign(NewToken { id, ..new }, now, lifetime)
        .map_err(|error| unavailable(Box::new(error)))?;
    let mut body = json!({
        "access_token": signed,
        "token_type": token_type,
        "expires_in": lifetime.as_secs(),
        "scope": scope,
    });
    if let (Some(refresh_token), Value::Object(members)) = (refresh_token, &mut body) {
        members.insert("refresh_token".to_owned(), refresh_token.into());
    }
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
    ];
    Ok((headers, Json(body)).into_response())
}
