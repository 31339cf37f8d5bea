//! `private_key_jwt`: a JWT that the client signed for this server, which works once (RFC 7523, sections 2.2 and 3; RFC 8725).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::super::call::Call;
use super::super::error::{EndpointError, Unproven};
use super::super::router::OAuth;
use crate::credential::client_keys::SignedError;
use crate::domain::time::Timestamp;
use crate::store::client::Client;

/// The value of `client_assertion_type` (RFC 7523, section 2.2).
pub(super) const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far ahead an assertion may expire, as some client libraries let it live: for so long it is remembered that it was used.
const MAX_LIFE: Duration = Duration::from_secs(3600);
/// How far the client's clock may be from this one.
const LEEWAY: Duration = Duration::from_secs(30);

/// Why an assertion proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum WrongAssertion {
    /// There is no key to check it by.
    #[error("the app has no keys")]
    NoKeys,
    /// The app did not sign it.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// A claim is missing.
    #[error("its claims are missing or malformed: it needs iss, sub, aud, exp and jti")]
    Claims,
    /// It is of another app.
    #[error("iss and sub must be the client_id")]
    Subject,
    /// It is for another server.
    #[error("aud must be the issuer or the endpoint that is called, and nothing else")]
    Audience,
    /// It is not valid yet.
    #[error("nbf or iat is in the future: is your clock right?")]
    TooEarly,
    /// It is no longer valid.
    #[error("exp is over: is your clock right?")]
    Expired,
    /// It would be valid for too long.
    #[error("exp is more than an hour ahead")]
    TooLong,
    /// It was used.
    #[error("jti was used before")]
    Replayed,
}

/// The claims of RFC 7523, section 3.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    jti: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Whom an assertion is of, by its own word.
pub(super) fn subject(assertion: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Subject {
        sub: String,
    }
    let payload = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Subject>(&payload).ok().map(|claims| claims.sub)
}

/// Whether the client made that assertion for this call, and it is its first use.
///
/// # Errors
/// [`EndpointError::Unavailable`].
pub(super) async fn check(
    oauth: &OAuth,
    client: &Client,
    assertion: &str,
    (call, now): (&Call, Timestamp),
) -> Result<Result<(), Unproven>, EndpointError> {
    // The signature first: only whom it proves to be the app is told what else is wrong.
    let signed = match signed(oauth, client, assertion) {
        Ok(payload) => payload,
        Err(wrong) => return Ok(Err(Unproven::Assertion(wrong))),
    };
    let claims = match claims(oauth, client, &signed, (call, now)) {
        Ok(claims) => claims,
        Err(wrong) => return Ok(Err(Unproven::OwnAssertion(wrong))),
    };
    let expires_at = seconds(claims.exp).plus(LEEWAY);
    let is_first = oauth.store.use_assertion(&client.app.id, &claims.jti, expires_at).await?;
    Ok(is_first.then_some(()).ok_or(Unproven::OwnAssertion(WrongAssertion::Replayed)))
}

/// What the client signed.
fn signed(oauth: &OAuth, client: &Client, assertion: &str) -> Result<Vec<u8>, WrongAssertion> {
    let keys = client.settings.jwks.as_deref().and_then(|set| oauth.key_sets.read(set));
    Ok(keys.ok_or(WrongAssertion::NoKeys)?.verify(assertion)?)
}

fn claims(
    oauth: &OAuth,
    client: &Client,
    signed: &[u8],
    (call, now): (&Call, Timestamp),
) -> Result<Claims, WrongAssertion> {
    let claims: Claims = serde_json::from_slice(signed).map_err(|_| WrongAssertion::Claims)?;
    if claims.jti.is_empty() {
        return Err(WrongAssertion::Claims);
    }
    let id = client.app.id.as_str();
    if claims.iss != id || claims.sub != id {
        return Err(WrongAssertion::Subject);
    }
    if !is_for_us(oauth, &claims.aud, call) {
        return Err(WrongAssertion::Audience);
    }
    let (soonest, latest) = (now.plus(LEEWAY), now.plus(MAX_LIFE).plus(LEEWAY));
    if [claims.nbf, claims.iat].into_iter().flatten().any(|time| seconds(time) > soonest) {
        return Err(WrongAssertion::TooEarly);
    }
    let expiry = seconds(claims.exp);
    if expiry.plus(LEEWAY) <= now {
        return Err(WrongAssertion::Expired);
    }
    if expiry > latest {
        return Err(WrongAssertion::TooLong);
    }
    Ok(claims)
}

/// Whether an assertion is for this server alone: one for several could be used by each of them at the others.
fn is_for_us(oauth: &OAuth, audience: &Audience, call: &Call) -> bool {
    let only = match audience {
        Audience::One(only) => only,
        Audience::Several(several) => match several.as_slice() {
            [only] => only,
            _ => return false,
        },
    };
    // RFC 9126, section 2: the issuer, the token endpoint, or the endpoint itself.
    let is_endpoint = |path: &str| path == "/oauth/token" || path == call.path;
    let below = |base: &str| only.strip_prefix(base).is_some_and(is_endpoint);
    *only == oauth.issuer || below(&oauth.issuer) || oauth.mutual_base.as_deref().is_some_and(below)
}

/// A time as JWTs have it (RFC 7519, section 2); what is beyond all times is the last or the first of them.
fn seconds(time: f64) -> Timestamp {
    Timestamp::from_seconds(time.clamp(-1e11, 1e11) as i64)
}
