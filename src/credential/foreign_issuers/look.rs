//! Verifies tokens of other issuers (RFC 7519; RFC 8725): first all that their look tells, then the one check that costs something.
//!
//! Invariant: by what a signature is verified follows from the policies and the key, the header's word is only compared with it;
//! a key or an address that comes along in a header (`jwk`, `x5c`, `jku`, `x5u`) is not looked at.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::mapping::mapped;
use super::{ForeignError, InForce, Issuer, Readings};
use crate::credential::access_token::{ConfirmationClaim, VerifiedToken};
use crate::credential::jwk::{Algorithm, PublicKey};
use crate::domain::time::Timestamp;
use crate::policy::issuer::{ForeignIssuer, TokenAlgorithm};

/// Longest token of another issuer that is looked at, in bytes.
const MAX_LENGTH: usize = 8 << 10;
/// How far an issuer's clock may be ahead of this one.
const LEEWAY: Duration = Duration::from_secs(60);

/// What a token's header says (RFC 7515, section 4.1).
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    /// Extensions that must be understood; there are none that are.
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
    /// Whether the payload is encoded (RFC 7797); it always is.
    #[serde(default, deserialize_with = "present")]
    b64: Option<IgnoredAny>,
}

/// Whose a token says to be.
#[derive(Deserialize)]
struct Named {
    iss: String,
}

/// What is asked of every token's claims (RFC 7519, section 4.1).
#[derive(Deserialize)]
pub(super) struct Claims {
    aud: Audience,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    pub(super) jti: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(super) cnf: Option<ConfirmationClaim>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What stands there; also a null is not nothing.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A token that may hold.
pub(in crate::credential) enum Looked<'i, 't> {
    /// By everything but its signature.
    Plausible(Box<Plausible<'i, 't>>),
    /// Its key is none that is known of its issuer, by the reading of that number.
    KeyMissing(&'i Arc<Readings>, u64),
}

/// A token that may hold, by everything but its signature.
pub(in crate::credential) struct Plausible<'i, 't> {
    issuer: &'i Issuer,
    /// The issuer's name.
    iss: &'i Arc<str>,
    key: &'i PublicKey,
    key_name: &'i Arc<str>,
    algorithm: Algorithm,
    signed: &'t str,
    payload: Vec<u8>,
    signature: Vec<u8>,
    claims: Claims,
}

impl InForce {
    /// Whether `token` may be one that holds at `now`: what fails here costs no arithmetic.
    ///
    /// # Errors
    /// [`ForeignError`] by the first check that fails.
    pub(in crate::credential) fn look_at<'i, 't>(
        &'i self,
        token: &'t str,
        now: Timestamp,
    ) -> Result<Looked<'i, 't>, ForeignError> {
        if self.issuers.is_empty() || token.len() > MAX_LENGTH {
            return Err(ForeignError::NotTheirs);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(ForeignError::NotTheirs)?;
        let (header, payload) = signed.split_once('.').ok_or(ForeignError::NotTheirs)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| ForeignError::NotTheirs)?;
        let named: Named = serde_json::from_slice(&payload).map_err(|_| ForeignError::NotTheirs)?;
        let found = self.issuers.get_key_value(named.iss.as_str());
        let (iss, issuer) = found.ok_or(ForeignError::NotTheirs)?;
        let (header, signature) = (decoded(header)?, decoded(signature)?);
        let header: Header = serde_json::from_slice(&header).map_err(|_| ForeignError::Malformed)?;
        let algorithm = header.check(&issuer.terms)?;
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| ForeignError::Claims)?;
        claims.check(&issuer.terms, now)?;
        if !may_be_signature(algorithm, &signature) {
            return Err(ForeignError::Signature);
        }
        let Some((key, key_name)) = issuer.key(header.kid.as_deref())? else {
            return Ok(Looked::KeyMissing(&issuer.readings, issuer.reading));
        };
        if !key.is_for(algorithm) {
            return Err(ForeignError::Algorithm);
        }
        let plausible =
            Plausible { issuer, iss, key, key_name, algorithm, signed, payload, signature, claims };
        Ok(Looked::Plausible(Box::new(plausible)))
    }
}

impl Issuer {
    /// The key of that id, with its name; `None` if none is known that has it, and there may be one by now.
    fn key(&self, id: Option<&str>) -> Result<Option<(&PublicKey, &Arc<str>)>, ForeignError> {
        let Some(set) = &self.keys else { return Ok(None) };
        if let Some(place) = set.place(id) {
            let key = set.keys().get(place).map(|(_, key)| key);
            return Ok(key.zip(self.names.get(place)));
        }
        // Also another reading would tell of several.
        if set.has_several(id) { Err(ForeignError::KeyUnclear) } else { Ok(None) }
    }
}

impl Header {
    /// By what it says that the token is signed, if that is taken of the issuer.
    fn check(&self, terms: &ForeignIssuer) -> Result<Algorithm, ForeignError> {
        if self.crit.is_some() || self.b64.is_some() {
            return Err(ForeignError::Extension);
        }
        // Who says nothing says JWT: RFC 7519, section 5.1, leaves it out where nothing else is about.
        let lower = self.typ.as_deref().unwrap_or("jwt").to_ascii_lowercase();
        let short = lower.strip_prefix("application/").unwrap_or(&lower);
        if !terms.types.iter().any(|taken| taken == short) {
            return Err(ForeignError::Type);
        }
        let named = Algorithm::named(&self.alg).ok_or(ForeignError::Algorithm)?;
        let is_taken = terms.algorithms.iter().any(|taken| algorithm(*taken) == named);
        if is_taken { Ok(named) } else { Err(ForeignError::Algorithm) }
    }
}

impl Claims {
    fn check(&self, terms: &ForeignIssuer, now: Timestamp) -> Result<(), ForeignError> {
        let is_for_us = match &self.aud {
            Audience::One(only) => *only == terms.audience,
            Audience::Several(several) => several.contains(&terms.audience),
        };
        if !is_for_us {
            return Err(ForeignError::Audience);
        }
        if now >= self.expires_at() {
            return Err(ForeignError::Expired);
        }
        let soonest = now.plus(LEEWAY);
        let is_early = |time: Option<f64>| time.is_some_and(|time| soonest < seconds(time));
        if is_early(self.nbf) || is_early(self.iat) {
            return Err(ForeignError::Early);
        }
        let is_long = |from: Timestamp| self.expires_at().since(from) > terms.max_lifetime;
        // Without `iat`, what is left of its life is all that is known.
        if self.iat.is_some_and(|made| is_long(seconds(made))) || is_long(soonest) {
            return Err(ForeignError::Lifetime);
        }
        Ok(())
    }

    /// Until when the token is good.
    pub(super) fn expires_at(&self) -> Timestamp {
        seconds(self.exp)
    }

    /// When it was made; if it does not say so, it may have been at any time.
    pub(super) fn made_at(&self) -> Timestamp {
        self.iat.map_or(Timestamp::default(), seconds)
    }
}

impl Plausible<'_, '_> {
    /// What the token means, if its signature fits; `hash` is that of the whole token.
    ///
    /// # Errors
    /// [`ForeignError::Signature`], and what is wrong with its claims.
    pub(in crate::credential) fn verify(self, hash: &[u8; 32]) -> Result<VerifiedToken, ForeignError> {
        let fits = self.key.verify(self.algorithm, self.signed.as_bytes(), &self.signature);
        fits.map_err(|_| ForeignError::Signature)?;
        let (issuer, key) = (self.iss.clone(), self.key_name.clone());
        mapped(&self.issuer.terms, (&self.claims, &self.payload), (issuer, key), hash)
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, ForeignError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| ForeignError::Malformed)
}

/// By its length, which costs no arithmetic: two numbers of 32 bytes each, or as long as a modulus.
fn may_be_signature(algorithm: Algorithm, bytes: &[u8]) -> bool {
    match algorithm {
        Algorithm::Es256 | Algorithm::EdDsa => bytes.len() == 64,
        Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Ps512 => (256..=512).contains(&bytes.len()),
    }
}

fn algorithm(taken: TokenAlgorithm) -> Algorithm {
    match taken {
        TokenAlgorithm::Es256 => Algorithm::Es256,
        TokenAlgorithm::EdDsa => Algorithm::EdDsa,
        TokenAlgorithm::Ps256 => Algorithm::Ps256,
        TokenAlgorithm::Rs256 => Algorithm::Rs256,
    }
}

/// A time as JWTs have it (RFC 7519, section 2); what is beyond all times is the last or the first of them.
fn seconds(time: f64) -> Timestamp {
    Timestamp::from_seconds(time.clamp(-1e11, 1e11) as i64)
}
