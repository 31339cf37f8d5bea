//! What the holder of a bound token has to show beside it, so that a token that was stolen is of no use: a proof by the key
//! (RFC 9449, section 7), or the certificate of the connection (RFC 8705, section 3). A call by an ordinary credential never
//! comes here.

use std::net::IpAddr;

use http::request;

use super::head::Head;
use super::worker::Shared;
use crate::credential::directory::{Identity, NO_CERTIFICATE};
use crate::credential::dpop::{Expected, ProofError, Target, only};
use crate::credential::presented::{self, Presented};
use crate::domain::confirmation::{Confirmation, Thumbprint};
use crate::domain::door::Door;
use crate::domain::refusal::Refusal;
use crate::domain::time::Moment;
use crate::policy::snapshot::Snapshot;

/// The call that a bound token came with.
pub(super) struct Shown<'c> {
    /// Its head.
    pub(super) parts: &'c request::Parts,
    /// Its checked parts.
    pub(super) head: &'c Head<'c>,
    /// The policies that it is under.
    pub(super) snapshot: &'c Snapshot,
    /// The hosts that its route names, if that names any.
    pub(super) hosts: &'c [String],
    /// Where it comes from.
    pub(super) address: IpAddr,
    /// By which door, with the certificate that its connection began with.
    pub(super) door: &'c Door,
    /// When.
    pub(super) moment: Moment,
}

/// Checks that the caller holds what its credential is bound to, if that is bound to anything.
///
/// # Errors
/// [`Refusal::ProofInvalid`], [`Refusal::ProofNonceNeeded`], [`Refusal::CredentialInvalid`]; [`Refusal::LimitReached`] and
/// [`Refusal::Unavailable`] for who sends too many proofs.
pub(super) fn check(shared: &Shared, identity: &Identity, shown: &Shown<'_>) -> Result<(), Refusal> {
    match identity.confirmation {
        None => Ok(()),
        Some(Confirmation::Key(key)) => check_proof(shared, key, shown),
        Some(Confirmation::Certificate(bound)) => match shown.door.certificate(shown.moment.now) {
            Some(certificate) if certificate.thumbprint == bound => Ok(()),
            Some(_) | None => Err(NO_CERTIFICATE),
        },
    }
}

fn check_proof(shared: &Shared, key: Thumbprint, shown: &Shown<'_>) -> Result<(), Refusal> {
    let (proofs, now) = (&shared.proofs, shown.moment.now);
    let refused = |error: ProofError| proofs.refused(error, now);
    let proof =
        only(&shown.parts.headers).and_then(|proof| proof.ok_or(ProofError::Missing)).map_err(refused)?;
    let token = token(shown).ok_or(ProofError::Token).map_err(refused)?;
    let target = target(shared, shown).ok_or(ProofError::Target).map_err(refused)?;
    let expected = Expected {
        method: shown.parts.method.as_str(),
        target: &target,
        token: Some(token),
        key: Some(key),
        nonces: proofs.nonces(),
        rule: shown.snapshot.platform.proof_nonces.at_api,
        since: Some(proofs.since()),
        now,
    };
    proofs.take((shown.address, shown.moment), proof, &expected)
}

/// The token as it was sent, of which the proof has the hash.
fn token<'c>(shown: &Shown<'c>) -> Option<&'c str> {
    match presented::find(shown.head.shown) {
        Ok(Presented::BoundToken(text)) => Some(text),
        Ok(Presented::Nothing | Presented::ApiKey(_) | Presented::AccessToken(_)) | Err(_) => None,
    }
}

/// The URL that the call was sent to, as the world knows it. What comes to hosts that a route names came to those.
fn target(shared: &Shared, shown: &Shown<'_>) -> Option<Target> {
    let (origin, path) = (shared.origin(shown.door), shown.parts.uri.path());
    if shown.hosts.is_empty() {
        return Target::of(&format!("{origin}{path}"));
    }
    let scheme = origin.split("://").next()?;
    Target::of(&format!("{scheme}://{}{path}", shown.head.authority))
}
