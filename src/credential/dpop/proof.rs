//! Verifies proofs (RFC 9449, section 4.3): first all that costs little, then the signature. Nothing is remembered here; whether
//! a proof was used before is for whoever keeps [`Proven::id`].

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Number;
use serde_json::value::RawValue;

use super::error::ProofError;
use super::nonce::{self, LIFE, Nonces};
use super::target::Target;
use crate::credential::jwk::{Algorithm, PublicKey};
use crate::domain::confirmation::{NonceRule, Thumbprint};
use crate::domain::time::Timestamp;

/// The field that carries a proof.
const FIELD: HeaderName = HeaderName::from_static("dpop");
/// Longest proof that is looked at, in bytes: one with an RSA key of 4096 bits has about 2,000.
const MAX_LENGTH: usize = 4096;
/// Longest `jti`, in bytes.
const MAX_ID_LENGTH: usize = 256;
/// So old a proof without a nonce may be, by its `iat`.
const AGE: Duration = Duration::from_secs(60);
/// So far the clock of a client without a nonce may go ahead.
const AHEAD: Duration = Duration::from_secs(10);
/// So far the clock of a client may be off that has shown by a nonce that its proof is new.
const OFF: Duration = Duration::from_secs(3600);

/// What a proof has to be of.
pub struct Expected<'e> {
    /// The request's method.
    pub method: &'e str,
    /// The request's URL.
    pub target: &'e Target,
    /// The access token that comes with it, if one does.
    pub token: Option<&'e str>,
    /// The key that it has to be made by, if that is known.
    pub key: Option<Thumbprint>,
    /// By which nonces are known.
    pub nonces: &'e Nonces,
    /// Whether it must have one.
    pub rule: NonceRule,
    /// What may have been taken by then may have been used; `None`: who takes it remembers all.
    pub since: Option<Timestamp>,
    /// The time.
    pub now: Timestamp,
}

/// A proof by its key and its `jti`: a hash of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProofId(pub [u8; 32]);

/// What a proof shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven {
    /// The key that made it.
    pub key: Thumbprint,
    /// Which proof it is: no other request may come with it.
    pub id: ProofId,
    /// From when on it proves nothing more, so that it need not be remembered any longer.
    pub ends_at: Timestamp,
}

/// What a proof's header says.
#[derive(Deserialize)]
struct Header<'h> {
    typ: String,
    alg: String,
    #[serde(borrow)]
    jwk: &'h RawValue,
    crit: Option<IgnoredAny>,
}

/// What a proof says.
#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: Number,
    ath: Option<String>,
    nonce: Option<String>,
}

/// The one proof of a request, if it has any.
///
/// # Errors
/// [`ProofError::Repeated`], [`ProofError::Malformed`].
pub fn only(headers: &HeaderMap) -> Result<Option<&str>, ProofError> {
    let mut sent = headers.get_all(FIELD).iter();
    match (sent.next(), sent.next()) {
        (None, _) => Ok(None),
        (Some(proof), None) => proof.to_str().map(Some).map_err(|_| ProofError::Malformed),
        (Some(_), Some(_)) => Err(ProofError::Repeated),
    }
}

/// What `proof` shows, if it is one of what is expected.
///
/// # Errors
/// [`ProofError`] by the first check that fails.
pub fn verify(proof: &str, expected: &Expected<'_>) -> Result<Proven, ProofError> {
    if proof.len() > MAX_LENGTH {
        return Err(ProofError::Malformed);
    }
    let (signed, signature) = proof.rsplit_once('.').ok_or(ProofError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(ProofError::Malformed)?;
    let (header, payload, signature) = (decoded(header)?, decoded(payload)?, decoded(signature)?);
    let (algorithm, key) = read_header(&header)?;
    let claims: Claims = serde_json::from_slice(&payload).map_err(|_| ProofError::Claims)?;
    if claims.jti.is_empty() || claims.jti.len() > MAX_ID_LENGTH {
        return Err(ProofError::Claims);
    }
    if claims.htm != expected.method {
        return Err(ProofError::Method);
    }
    if Target::of(&claims.htu).as_ref() != Some(expected.target) {
        return Err(ProofError::Target);
    }
    let ends_at = check_time(&claims, expected)?;
    check_token(&claims, expected.token)?;
    let thumbprint = key.thumbprint();
    if expected.key.is_some_and(|known| known != thumbprint) {
        return Err(ProofError::OtherKey);
    }
    key.verify(algorithm, signed.as_bytes(), &signature).map_err(|_| ProofError::Signature)?;
    Ok(Proven { key: thumbprint, id: id(thumbprint, &claims.jti), ends_at })
}

fn decoded(part: &str) -> Result<Vec<u8>, ProofError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| ProofError::Malformed)
}

fn read_header(header: &[u8]) -> Result<(Algorithm, PublicKey), ProofError> {
    let header: Header<'_> = serde_json::from_slice(header).map_err(|_| ProofError::Malformed)?;
    if header.typ != "dpop+jwt" {
        return Err(ProofError::Type);
    }
    if header.crit.is_some() {
        return Err(ProofError::Critical);
    }
    let algorithm = Algorithm::named(&header.alg).ok_or(ProofError::Algorithm)?;
    Ok((algorithm, PublicKey::from_jwk(header.jwk.get())?))
}

/// From when on the proof proves nothing: by its nonce, or else by its `iat`. Either may be ahead of the clock by which it was
/// taken before, but a nonce of this process, which shows that it ran by then.
fn check_time(claims: &Claims, expected: &Expected<'_>) -> Result<Timestamp, ProofError> {
    let iat = seconds(&claims.iat).map(Timestamp::from_seconds).ok_or(ProofError::Claims)?;
    let now = expected.now;
    let is_near = |age: Duration, ahead: Duration| now < iat.plus(age) && iat <= now.plus(ahead);
    match (&claims.nonce, expected.rule) {
        (Some(nonce), _) => {
            let known = expected.nonces.known(nonce, now).ok_or(ProofError::Nonce)?;
            if !is_near(OFF, OFF) {
                return Err(ProofError::Time);
            }
            if !known.is_own {
                check_unused(known.made_at.minus(nonce::AHEAD), expected)?;
            }
            Ok(known.made_at.plus(LIFE))
        }
        (None, NonceRule::Required) => Err(ProofError::Nonce),
        (None, NonceRule::Optional) if is_near(AGE, AHEAD) => {
            check_unused(iat.minus(AHEAD), expected)?;
            Ok(iat.plus(AGE))
        }
        (None, NonceRule::Optional) => Err(ProofError::Time),
    }
}

/// Whether a proof that may have been taken from `takeable` on was not used before it is known what was. If it may have been, a
/// nonce of this process shows that another one was not.
fn check_unused(takeable: Timestamp, expected: &Expected<'_>) -> Result<(), ProofError> {
    if expected.since.is_none_or(|since| since < takeable) { Ok(()) } else { Err(ProofError::Nonce) }
}

/// A `NumericDate` in whole seconds (RFC 7519, section 2): it may have a fraction.
fn seconds(number: &Number) -> Option<i64> {
    let from_fraction = |seconds: f64| (seconds.abs() < 1e12).then_some(seconds.floor() as i64);
    number.as_i64().or_else(|| number.as_f64().and_then(from_fraction))
}

fn check_token(claims: &Claims, token: Option<&str>) -> Result<(), ProofError> {
    let Some(token) = token else { return Ok(()) };
    let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
    if claims.ath.as_deref() == Some(&*hash) { Ok(()) } else { Err(ProofError::Token) }
}

fn id(key: Thumbprint, jti: &str) -> ProofId {
    let mut context = Context::new(&SHA256);
    context.update(&key.0);
    context.update(jti.as_bytes());
    let mut id = [0; 32];
    id.copy_from_slice(context.finish().as_ref());
    ProofId(id)
}

#[cfg(test)]
mod tests;
