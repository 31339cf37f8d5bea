//! Proofs of possession at the endpoints that apps call by themselves (RFC 9449, section 5). Each proof is taken once, by all
//! nodes together: the store remembers it.

use axum::http::HeaderMap;

use super::error::EndpointError;
use super::router::OAuth;
use crate::credential::dpop::{Expected, ProofError, Target, only, verify};
use crate::domain::confirmation::{NonceRule, Thumbprint};
use crate::domain::time::Timestamp;

/// The key that the caller of the endpoint at `path` has shown to hold, if it sent a proof.
///
/// # Errors
/// [`EndpointError::InvalidProof`], [`EndpointError::UseNonce`], [`EndpointError::Unavailable`].
pub async fn shown_key(
    oauth: &OAuth,
    headers: &HeaderMap,
    (path, now): (&str, Timestamp),
) -> Result<Option<Thumbprint>, EndpointError> {
    let Some(proof) = only(headers)? else { return Ok(None) };
    let target = Target::of(&format!("{}{path}", oauth.issuer)).ok_or(ProofError::Target)?;
    let rule = oauth.live.load().platform.proof_nonces.at_oauth;
    let (token, key, nonces) = (None, None, &*oauth.nonces);
    let expected = Expected { method: "POST", target: &target, token, key, nonces, rule, now };
    let proven = match verify(proof, &expected) {
        Ok(proven) => proven,
        Err(ProofError::Nonce) => return Err(EndpointError::UseNonce(nonces.at(now))),
        Err(error) => return Err(error.into()),
    };
    match oauth.store.use_dpop_proof(&proven.id.0, proven.ends_at).await? {
        true => Ok(Some(proven.key)),
        false => Err(ProofError::Replayed.into()),
    }
}

/// The nonce that the next proof has to have, where one has to: an answer to a proof tells it ahead of time (RFC 9449,
/// section 8.2).
#[must_use]
pub fn next_nonce(oauth: &OAuth, headers: &HeaderMap) -> Option<String> {
    let is_needed = oauth.live.load().platform.proof_nonces.at_oauth == NonceRule::Required;
    (is_needed && matches!(only(headers), Ok(Some(_)))).then(|| oauth.nonces.at(oauth.clock.now()))
}
