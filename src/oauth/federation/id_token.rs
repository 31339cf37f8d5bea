//! What an ID token says, once it has been checked (OpenID Connect Core, section 3.1.3.7; RFC 8725).
//!
//! Invariant: which algorithm a signature may be of follows from the key that the header names, never from the header alone;
//! a key that comes along in a header is not looked at.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::exchange::LONGEST_AGO;
use crate::credential::jwk::Algorithm;
use crate::credential::key_set::KeySet;
use crate::domain::time::Timestamp;

/// Longest ID token, in bytes.
const MAX_LENGTH: usize = 32 << 10;
/// How far the provider's clock may be from this one.
const LEEWAY: Duration = Duration::from_secs(60);
/// How old an ID token may be: it was made for the code that has just been exchanged.
const MAX_AGE: Duration = Duration::from_secs(600);

/// Why an ID token proves nothing. Told in the log alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum IdTokenError {
    #[error("it is not a JWS in the compact form")]
    Malformed,
    #[error("its kid is none of the provider's keys")]
    UnknownKey,
    #[error("its alg is none that is taken")]
    Algorithm,
    #[error("its signature does not fit the key, or its alg does not")]
    Signature,
    #[error("its claims are missing or malformed: it needs iss, sub, aud, exp and iat")]
    Claims,
    #[error("its iss is another")]
    Issuer,
    #[error("its aud or azp is another")]
    Audience,
    #[error("it has expired, is not valid yet, or was not made just now")]
    Time,
    #[error("its nonce is another's")]
    Nonce,
    #[error("its auth_time does not say that the user proved himself anew, as he was asked to")]
    NotNew,
}

/// What an ID token must say.
pub(super) struct Expected<'e> {
    /// The issuer.
    pub(super) issuer: &'e str,
    /// For whom it is.
    pub(super) client_id: &'e str,
    /// The login that it is of.
    pub(super) nonce: &'e str,
    /// Since when the user must have proved himself, if he was asked to anew.
    pub(super) proven_since: Option<Timestamp>,
    /// When it is looked at.
    pub(super) now: Timestamp,
}

/// What an ID token says.
#[derive(Debug)]
pub(super) struct IdToken {
    /// Who it is at the provider.
    pub(super) subject: String,
    /// When he proved himself there, as far as that is told.
    pub(super) authenticated_at: Timestamp,
    /// How (`acr`).
    pub(super) class: Option<String>,
    claims: Map<String, Value>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; there are none that are.
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    auth_time: Option<f64>,
    acr: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl IdToken {
    /// Checks `token`.
    ///
    /// # Errors
    /// [`IdTokenError`] by the first check that fails; [`IdTokenError::UnknownKey`] may pass once the keys are read again.
    pub(super) fn check(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Self, IdTokenError> {
        let payload = signed(token, keys)?;
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| IdTokenError::Claims)?;
        if claims.iss != expected.issuer {
            return Err(IdTokenError::Issuer);
        }
        if !is_for(&claims, expected.client_id) {
            return Err(IdTokenError::Audience);
        }
        let (soonest, now) = (expected.now.plus(LEEWAY), expected.now);
        let (made, ends) = (seconds(claims.iat), seconds(claims.exp));
        let is_timely = now < ends.plus(LEEWAY) && made <= soonest && now <= made.plus(MAX_AGE);
        if !is_timely || claims.nbf.is_some_and(|begins| seconds(begins) > soonest) {
            return Err(IdTokenError::Time);
        }
        if claims.nonce.as_deref() != Some(expected.nonce) {
            return Err(IdTokenError::Nonce);
        }
        let told = claims.auth_time.map(seconds);
        let is_new = |since| told.is_some_and(|at| since <= at.plus(LEEWAY));
        let is_too_old = told.is_some_and(|at| at.plus(LONGEST_AGO).plus(LEEWAY) < now);
        if is_too_old || !expected.proven_since.is_none_or(is_new) {
            return Err(IdTokenError::NotNew);
        }
        let authenticated_at = told.unwrap_or_else(|| made.minus(LONGEST_AGO)).min(now);
        let all = serde_json::from_slice(&payload).map_err(|_| IdTokenError::Claims)?;
        Ok(Self { subject: claims.sub, authenticated_at, class: claims.acr, claims: all })
    }

    /// The text of a claim that holds a user name: of `email` only what the provider says is verified (section 5.1).
    pub(super) fn name(&self, claim: &str) -> Option<&str> {
        let is_verified = || self.claims.get("email_verified").and_then(Value::as_bool) == Some(true);
        let value = self.claims.get(claim).and_then(Value::as_str)?;
        (claim != "email" || is_verified()).then_some(value)
    }
}

/// The payload of a token that one of the keys signed.
fn signed(token: &str, keys: &KeySet) -> Result<Vec<u8>, IdTokenError> {
    let malformed = IdTokenError::Malformed;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed);
    if token.len() > MAX_LENGTH {
        return Err(malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(malformed)?;
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed)?;
    if header.crit.is_some() {
        return Err(malformed);
    }
    let algorithm = Algorithm::named(&header.alg).ok_or(IdTokenError::Algorithm)?;
    let key = keys.find(header.kid.as_deref()).ok_or(IdTokenError::UnknownKey)?;
    let (payload, signature) = (decode(payload)?, decode(signature)?);
    let fits = key.verify(algorithm, signed.as_bytes(), &signature);
    fits.map(|()| payload).map_err(|_| IdTokenError::Signature)
}

/// Whether a token is for this client: it is in the audience, and if anybody is named to whom the token was given, that is it
/// (section 3.1.3.7, 3 to 5).
fn is_for(claims: &Claims, client_id: &str) -> bool {
    let (is_in, are_several) = match &claims.aud {
        Audience::One(only) => (only == client_id, false),
        Audience::Several(several) => (several.iter().any(|one| one == client_id), several.len() > 1),
    };
    let is_party = match &claims.azp {
        Some(party) => party == client_id,
        None => !are_several,
    };
    is_in && is_party
}

/// A time as JWTs have it (RFC 7519, section 2); what is beyond all times is the last or the first of them.
fn seconds(time: f64) -> Timestamp {
    Timestamp::from_seconds(time.clamp(-1e11, 1e11) as i64)
}
