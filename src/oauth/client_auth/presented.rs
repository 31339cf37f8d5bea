//! What a request brings to prove which app sends it: exactly one way (RFC 6749, section 2.3).

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::error::{EndpointError, Unproven};
use super::super::parameters::{Parameters, decode};
use super::assertion::{KIND, subject};
use crate::domain::client::AuthMethod;

/// What a request brings.
pub(super) struct Presented {
    /// Which app it says to be.
    pub(super) id: String,
    /// By what it is to be believed.
    pub(super) proof: Proof,
}

/// By what a request is to be believed.
pub(super) enum Proof {
    /// Nothing but its word, or the certificate of its connection.
    None,
    /// A client secret, and how it came.
    Secret(AuthMethod, String),
    /// A JWT that it signed.
    Assertion(String),
}

/// What the request brings. Only `Basic` authenticates a client beside the form: any other Authorization, such as a bearer
/// token that an HTTP library adds by itself, says nothing about which app asks.
///
/// # Errors
/// [`EndpointError::InvalidClient`] if it brings nothing, or [`EndpointError::InvalidRequest`] for two methods at
/// once.
pub(super) fn present(headers: &HeaderMap, parameters: &Parameters) -> Result<Presented, EndpointError> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter().filter(|value| is_basic(value));
    let basic = sent.next();
    let (secret, assertion) = (parameters.get("client_secret"), parameters.get("client_assertion"));
    let ways = [basic.is_some(), sent.next().is_some(), secret.is_some(), assertion.is_some()];
    if ways.into_iter().filter(|is_there| *is_there).count() > 1 {
        return Err(EndpointError::InvalidRequest("the client authenticates in two ways at once"));
    }
    let (id, proof) = match (basic, assertion) {
        (Some(basic), _) => by_basic(basic)?,
        (None, Some(assertion)) => by_assertion(assertion, parameters)?,
        (None, None) => {
            // RFC 6749, section 5.2: "no client authentication included" is invalid_client.
            let id = parameters
                .get("client_id")
                .ok_or(EndpointError::InvalidClient(Unproven::Missing))?
                .to_owned();
            let by_secret = |secret: &str| Proof::Secret(AuthMethod::SecretPost, secret.to_owned());
            (id, secret.map_or(Proof::None, by_secret))
        }
    };
    if parameters.get("client_id").is_some_and(|other| other != id) {
        return Err(EndpointError::InvalidRequest("client_id differs from the one that authenticates"));
    }
    Ok(Presented { id, proof })
}

fn by_basic(value: &HeaderValue) -> Result<(String, Proof), EndpointError> {
    let decoded = value.to_str().ok().and_then(decode_basic);
    let (id, secret) = decoded.ok_or(unreadable("Basic"))?;
    // An empty password is none: so do public apps name themselves.
    let proof = if secret.is_empty() { Proof::None } else { Proof::Secret(AuthMethod::SecretBasic, secret) };
    Ok((id, proof))
}

/// The client may leave its id to the assertion (RFC 7521, section 4.2).
fn by_assertion(assertion: &str, parameters: &Parameters) -> Result<(String, Proof), EndpointError> {
    match parameters.get("client_assertion_type") {
        Some(KIND) => {}
        Some(_) => return Err(unreadable("client_assertion_type")),
        None => return Err(EndpointError::InvalidRequest("client_assertion_type is missing")),
    }
    let id = subject(assertion).ok_or(unreadable("sub of client_assertion"))?;
    Ok((id, Proof::Assertion(assertion.to_owned())))
}

const fn unreadable(what: &'static str) -> EndpointError {
    EndpointError::InvalidClient(Unproven::Unreadable(what))
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
