//! Proofs of possession at the endpoints that apps call by themselves (RFC 9449, section 5). Each proof is taken once, by all
//! nodes together: the store remembers it.

use axum::http::HeaderMap;

use super::call::Call;
use super::error::EndpointError;
use super::router::OAuth;
use crate::credential::dpop::{Expected, ProofError, Proven, Target, only, verify};
use crate::domain::confirmation::NonceRule;
use crate::domain::time::Timestamp;

/// What a caller has shown by a proof, if it sent one. It is not taken yet: that is for whoever knows that the request is good
/// for something, so that nobody else has the store remember anything.
///
/// # Errors
/// [`EndpointError::InvalidProof`], [`EndpointError::UseNonce`].
pub fn shown(oauth: &OAuth, call: &Call, now: Timestamp) -> Result<Option<Proven>, EndpointError> {
    let Some(proof) = only(&call.headers)? else { return Ok(None) };
    let base = oauth.base(&call.door);
    let target = Target::of(&format!("{base}{}", call.path)).ok_or(ProofError::Target)?;
    let rule = oauth.live.load().platform.proof_nonces.at_oauth;
    let (token, key, nonces) = (None, None, &*oauth.nonces);
    let expected = Expected { method: "POST", target: &target, token, key, nonces, rule, since: None, now };
    match verify(proof, &expected) {
        Ok(proven) => Ok(Some(proven)),
        Err(ProofError::Nonce) => Err(EndpointError::UseNonce(nonces.at(now))),
        Err(error) => Err(error.into()),
    }
}

/// Takes the proof of a request that is good in everything else, if it came with one.
///
/// # Errors
/// [`EndpointError::InvalidProof`] if it was taken before, [`EndpointError::Unavailable`].
pub async fn take(oauth: &OAuth, proven: Option<&Proven>) -> Result<(), EndpointError> {
    let Some(proven) = proven else { return Ok(()) };
    match oauth.store.use_dpop_proof(&proven.id.0, proven.ends_at).await? {
        true => Ok(()),
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
