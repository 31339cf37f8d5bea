//! Verifies access tokens (RFC 9068, section 4): first all that its look tells, then the one check that costs something.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::access_token::{Claims, MAX_TOKEN_LENGTH, TokenError, VerifiedToken, verified};
use super::signing_key::SigningKey;
use crate::domain::signing_algorithm::SigningAlgorithm;
use crate::domain::time::Timestamp;

/// Verifies access tokens.
pub struct TokenVerifier {
    keys: HashMap<Arc<str>, TrustedKey>,
    revoked: HashSet<String>,
    issuer: String,
}

/// A key whose signatures are believed.
struct TrustedKey {
    kid: Arc<str>,
    algorithm: SigningAlgorithm,
    key: Arc<ParsedPublicKey>,
    until: Option<Timestamp>,
}

impl TrustedKey {
    fn is_trusted(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|end| now < end)
    }
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenVerifier({} keys)", self.keys.len())
    }
}

/// What a token's header says (RFC 7515, section 4.1).
#[derive(Deserialize)]
struct Header<'h> {
    alg: &'h str,
    #[serde(default)]
    typ: &'h str,
    #[serde(default)]
    kid: &'h str,
    /// Extensions that must be understood; there are none that are.
    crit: Option<IgnoredAny>,
}

/// A token that may hold, by everything but its signature.
pub struct Plausible<'v, 't> {
    key: &'v TrustedKey,
    signed: &'t str,
    signature: Vec<u8>,
    claims: Claims,
}

impl TokenVerifier {
    /// Trusts `keys`, each until the time beside it, for tokens that `issuer` made for itself.
    #[must_use]
    pub fn new<'a>(
        keys: impl IntoIterator<Item = (&'a SigningKey, Option<Timestamp>)>,
        issuer: &str,
    ) -> Self {
        let trusted = |(key, until): (&SigningKey, _)| {
            let kid: Arc<str> = key.kid().into();
            let (algorithm, key) = (key.algorithm(), key.verifying().clone());
            (kid.clone(), TrustedKey { kid, algorithm, key, until })
        };
        let keys = keys.into_iter().map(trusted).collect();
        Self { keys, revoked: HashSet::new(), issuer: issuer.to_owned() }
    }

    /// The same, which knows that the keys of these ids were revoked: what they signed is no token of a key that is yet to be
    /// heard of.
    #[must_use]
    pub fn revoking(self, revoked: &[&str]) -> Self {
        Self { revoked: revoked.iter().map(|kid| (*kid).to_owned()).collect(), ..self }
    }

    /// Whether what the key of that id signed was believed at that time, and the key was not revoked since.
    #[must_use]
    pub fn trusts(&self, kid: &str, at: Timestamp) -> bool {
        self.keys.get(kid).is_some_and(|key| key.is_trusted(at))
    }

    /// Whether `token` may be one that holds at `now`: what fails here costs no curve arithmetic.
    ///
    /// # Errors
    /// [`TokenError`] by the first check that fails.
    pub fn look_at<'v, 't>(
        &'v self,
        token: &'t str,
        now: Timestamp,
    ) -> Result<Plausible<'v, 't>, TokenError> {
        if token.len() > MAX_TOKEN_LENGTH {
            return Err(TokenError::Foreign);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Foreign)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Foreign)?;
        let key = self.key_of(header, now)?;
        let signature = decoded(signature)?;
        if key.is_some_and(|key| !key.algorithm.may_be_signature(&signature)) {
            return Err(TokenError::Signature);
        }
        let claims: Claims = serde_json::from_slice(&decoded(payload)?).map_err(|_| TokenError::Claims)?;
        if claims.iss != self.issuer || claims.aud != self.issuer {
            return Err(TokenError::Audience);
        }
        if now >= Timestamp::from_seconds(claims.exp) {
            return Err(TokenError::Expired);
        }
        let key = key.ok_or(TokenError::UnknownKey)?;
        Ok(Plausible { key, signed, signature, claims })
    }

    /// What `token` says, if it holds at `now`.
    ///
    /// # Errors
    /// [`TokenError`] by the first check that fails.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        self.look_at(token, now)?.verify()
    }

    /// The key that a header names, if it is of the kind that this platform signs. How it signs is the key's to say: the header
    /// must say the same. `None` if the header names one that may be a key of this platform, and is none of these.
    fn key_of(&self, header: &str, now: Timestamp) -> Result<Option<&TrustedKey>, TokenError> {
        let header = decoded(header)?;
        let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| TokenError::Foreign)?;
        let typ = header.typ.strip_prefix("application/").unwrap_or(header.typ);
        if !typ.eq_ignore_ascii_case("at+jwt") || header.crit.is_some() {
            return Err(TokenError::Foreign);
        }
        match self.keys.get(header.kid) {
            Some(key) if key.is_trusted(now) && key.algorithm.name() == header.alg => Ok(Some(key)),
            None if is_kid(header.kid) && !self.revoked.contains(header.kid) => Ok(None),
            Some(_) | None => Err(TokenError::Foreign),
        }
    }
}

/// Whether that may be the name of a key that this platform made: a thumbprint.
fn is_kid(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

impl Plausible<'_, '_> {
    /// What the token says, if its signature fits.
    ///
    /// # Errors
    /// [`TokenError::Signature`], [`TokenError::Claims`].
    pub fn verify(self) -> Result<VerifiedToken, TokenError> {
        let fits = self.key.key.verify_sig(self.signed.as_bytes(), &self.signature);
        fits.map_err(|_| TokenError::Signature)?;
        verified(&self.claims, &self.key.kid)
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Foreign)
}
