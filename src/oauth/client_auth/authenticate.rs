//! The form that an app sent, and the app that sent it.

use axum::http::{HeaderMap, header};

use super::super::call::Call;
use super::super::error::EndpointError;
use super::super::parameters::Parameters;
use super::super::router::OAuth;
use super::super::throttle::address_of;
use super::presented::{Proof, present};
use super::prove::{Proven, prove};
use crate::domain::time::Timestamp;

/// The parameters of a form, none of them twice.
///
/// # Errors
/// [`EndpointError::InvalidRequest`].
pub fn form(headers: &HeaderMap, body: &[u8]) -> Result<Parameters, EndpointError> {
    // An app that proves itself by a field of the head may have nothing to add.
    if body.is_empty() && !headers.contains_key(header::CONTENT_TYPE) {
        return Ok(Parameters::default());
    }
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return Err(EndpointError::InvalidRequest("the body must be application/x-www-form-urlencoded"));
    }
    let malformed = EndpointError::InvalidRequest("the body is no text, or has control characters in it");
    let Some(parameters) = Parameters::of_form(body) else { return Err(malformed) };
    if parameters.malformed().is_some() {
        return Err(malformed);
    }
    if parameters.repeated().is_some() {
        return Err(EndpointError::InvalidRequest("a parameter was sent more than once"));
    }
    Ok(parameters)
}

/// The app that asks by `call` at `now`, which was read before anything was looked up. Only what failed is counted, and told to
/// wait once it was too much; assertions are not even looked at then.
///
/// # Errors
/// [`EndpointError::InvalidClient`], [`EndpointError::InvalidRequest`], [`EndpointError::TooManyAttempts`],
/// [`EndpointError::Unavailable`].
pub async fn authenticate(
    oauth: &OAuth,
    call: &Call,
    (parameters, now): (&Parameters, Timestamp),
) -> Result<Proven, EndpointError> {
    let presented = present(&call.headers, parameters)?;
    let (id, address) = (&presented.id, address_of(&call.headers));
    match presented.proof {
        Proof::None | Proof::Secret(..) => {}
        Proof::Assertion(_) => oauth
            .throttle
            .may_be_app(id, address, oauth.clock.monotonic())
            .map_err(EndpointError::TooManyAttempts)?,
    }
    let proven = prove(oauth, &presented, (call, now)).await;
    if matches!(proven, Err(EndpointError::InvalidClient(_))) {
        oauth
            .throttle
            .app_failed(id, address, oauth.clock.monotonic())
            .map_err(EndpointError::TooManyAttempts)?;
    }
    proven
}
