//! Client secrets, in HTTP Basic or in the form (RFC 6749, section 2.3.1).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::error::EndpointError;
use super::super::parameters::{Parameters, decode};
use super::super::router::OAuth;
use crate::domain::id::AppId;
use crate::domain::identity::{App, ClientKind, Standing};
use crate::domain::secret_hash::SecretHash;
use crate::domain::time::Timestamp;

/// What the request brings to prove who asks.
pub(super) struct Presented {
    /// Which app it says to be.
    pub(super) id: String,
    secret: Option<String>,
}

/// What the request brings. Only `Basic` authenticates a client beside the form: any other Authorization, such as a bearer
/// token that an HTTP library adds by itself, says nothing about which app asks.
///
/// # Errors
/// [`EndpointError::InvalidClient`] if it brings nothing, or [`EndpointError::InvalidRequest`] for two methods at
/// once.
pub(super) fn present(headers: &HeaderMap, parameters: &Parameters) -> Result<Presented, EndpointError> {
    let in_form = parameters.get("client_secret").map(str::to_owned);
    let mut sent = headers.get_all(header::AUTHORIZATION).iter().filter(|value| is_basic(value));
    let Some(basic) = sent.next() else {
        // RFC 6749, section 5.2: "no client authentication included" is invalid_client.
        let id = parameters.get("client_id").ok_or(EndpointError::InvalidClient)?;
        return Ok(Presented { id: id.to_owned(), secret: in_form });
    };
    if in_form.is_some() || sent.next().is_some() {
        return Err(EndpointError::InvalidRequest("the client authenticates in two ways at once"));
    }
    let basic = basic.to_str().ok().and_then(decode_basic);
    let (id, secret) = basic.ok_or(EndpointError::InvalidClient)?;
    if parameters.get("client_id").is_some_and(|other| other != id) {
        return Err(EndpointError::InvalidRequest("client_id differs from the one that authenticates"));
    }
    // An empty password is none: so do public apps name themselves.
    Ok(Presented { id, secret: Some(secret).filter(|secret| !secret.is_empty()) })
}

/// An app that has proved itself.
pub struct Proven {
    /// The app.
    pub app: App,
    /// As of when a token is made that it gets for itself.
    pub made_at: Timestamp,
}

/// The app that asks, at `now`. A confidential one has proved itself by its secret.
///
/// # Errors
/// [`EndpointError::InvalidClient`], [`EndpointError::Unavailable`].
pub(super) async fn prove(
    oauth: &OAuth,
    presented: &Presented,
    now: Timestamp,
) -> Result<Proven, EndpointError> {
    let invalid = EndpointError::InvalidClient;
    let Ok(id) = AppId::new(&presented.id) else { return Err(invalid) };
    // What is good now is good after all that was ended before, even if the clock that it was ended by goes ahead of this one.
    // Looked up before anything else: what ends an app's tokens from here on ends those made now too, if the app proves
    // itself by what is just being taken from it.
    let valid_from = oauth.store.app_tokens_valid_from(&id).await?;
    let made_at = valid_from.map_or(now, |from| now.max(from));
    let Some(app) = oauth.store.app(&id).await? else { return Err(invalid) };
    let partner = oauth.store.partner(&app.partner).await?;
    let is_active = app.standing == Standing::Active
        && partner.is_some_and(|partner| partner.standing == Standing::Active);
    let proves_itself = match (app.kind, &presented.secret) {
        (ClientKind::Public, None) => true,
        (ClientKind::Public, Some(_)) | (ClientKind::Confidential, None) => false,
        (ClientKind::Confidential, Some(secret)) => {
            let hash = SecretHash::of(secret);
            let known = oauth.store.app_secrets(&id).await?;
            known.iter().any(|known| verify_slices_are_equal(&known.0, &hash.0).is_ok())
        }
    };
    if is_active && proves_itself { Ok(Proven { app, made_at }) } else { Err(invalid) }
}

fn is_basic(value: &HeaderValue) -> bool {
    value
        .as_bytes()
        .split(|byte| *byte == b' ')
        .next()
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"))
}

/// Id and secret, each form-encoded, in HTTP Basic (RFC 6749, section 2.3.1).
fn decode_basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decode(id)?, decode(secret)?))
}
