//! `private_key_jwt`: a JWT that the client signed for this server, which works once (RFC 7523, sections 2.2 and 3; RFC 8725).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::super::call::Call;
use super::super::error::EndpointError;
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

/// Why an assertion proves nothing. Told in the log alone.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("the app has no keys")]
    NoKeys,
    #[error(transparent)]
    Signed(#[from] SignedError),
    #[error("its claims are missing or malformed: it needs iss, sub, aud, exp and jti")]
    Claims,
    #[error("iss and sub must be the client_id")]
    Subject,
    #[error("aud must be the issuer or the endpoint that is called, and nothing else")]
    Audience,
    #[error("it has expired, or is not valid yet, or expires more than 10 minutes ahead")]
    Time,
    #[error("it was used before")]
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
    serde_json::from_slice::<Subject>(&payload(assertion)?).ok().map(|claims| claims.sub)
}

/// What an assertion says, whoever made it.
fn payload(assertion: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1)?).ok()
}

/// Whether the client made that assertion for this call, and it is its first use.
///
/// # Errors
/// [`EndpointError::Unavailable`].
pub(super) async fn is_right(
    oauth: &OAuth,
    client: &Client,
    assertion: &str,
    (call, now): (&Call, Timestamp),
) -> Result<bool, EndpointError> {
    let checked = check(oauth, client, assertion, (call, now));
    let refused = match checked {
        Ok(claims) => {
            let expires_at = seconds(claims.exp).plus(LEEWAY);
            match oauth.store.use_assertion(&client.app.id, &claims.jti, expires_at).await? {
                true => return Ok(true),
                false => Wrong::Replayed,
            }
        }
        Err(wrong) => wrong,
    };
    tracing::debug!(app = %client.app.id, reason = %refused, "a client assertion was refused");
    Ok(false)
}

fn check(
    oauth: &OAuth,
    client: &Client,
    assertion: &str,
    (call, now): (&Call, Timestamp),
) -> Result<Claims, Wrong> {
    let keys =
        client.settings.jwks.as_deref().and_then(|set| oauth.key_sets.read(set)).ok_or(Wrong::NoKeys)?;
    // First what costs little: a signature is checked of nothing that would not do anyway.
    let payload = payload(assertion).ok_or(Wrong::Claims)?;
    let claims: Claims = serde_json::from_slice(&payload).map_err(|_| Wrong::Claims)?;
    if claims.jti.is_empty() {
        return Err(Wrong::Claims);
    }
    let id = client.app.id.as_str();
    if claims.iss != id || claims.sub != id {
        return Err(Wrong::Subject);
    }
    if !is_for_us(oauth, &claims.aud, call) {
        return Err(Wrong::Audience);
    }
    let (soonest, latest) = (now.plus(LEEWAY), now.plus(MAX_LIFE).plus(LEEWAY));
    let has_begun = [claims.nbf, claims.iat].into_iter().flatten().all(|time| seconds(time) <= soonest);
    let expiry = seconds(claims.exp);
    if !has_begun || expiry.plus(LEEWAY) <= now || expiry > latest {
        return Err(Wrong::Time);
    }
    if keys.verify(assertion)? != payload {
        return Err(Wrong::Claims);
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
