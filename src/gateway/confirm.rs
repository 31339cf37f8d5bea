//! What the holder of a bound token has to show beside it, so that a token that was stolen is of no use: a proof by the key
//! (RFC 9449, section 7), or the certificate of the connection (RFC 8705, section 3). A call by an ordinary credential never
//! comes here.

use std::net::IpAddr;

use http::request;

use super::head::Head;
use super::worker::Shared;
use crate::credential::directory::Identity;
use crate::credential::dpop::replay::Seen;
use crate::credential::dpop::{Expected, ProofError, Proven, Target, only};
use crate::credential::presented::{self, Presented};
use crate::domain::client_certificate::ClientCertificate;
use crate::domain::confirmation::{Confirmation, Thumbprint};
use crate::domain::refusal::Refusal;
use crate::domain::time::Moment;
use crate::policy::snapshot::{Route, Snapshot};

const NO_CERTIFICATE: Refusal = Refusal::CredentialInvalid(
    "The access token is bound to a client certificate: connect with it, where the platform asks for certificates.",
);
const NO_ROOM: Refusal = Refusal::Unavailable("Too many proofs of possession are remembered");

/// The call that a bound token came with.
pub(super) struct Shown<'c> {
    /// Its head.
    pub(super) parts: &'c request::Parts,
    /// Its checked parts.
    pub(super) head: &'c Head<'c>,
    /// The policies that it is under.
    pub(super) snapshot: &'c Snapshot,
    /// Its route.
    pub(super) route: &'c Route,
    /// Where it comes from.
    pub(super) address: IpAddr,
    /// The certificate that its connection began with.
    pub(super) certificate: Option<&'c ClientCertificate>,
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
        Some(Confirmation::Certificate(bound)) => match shown.certificate {
            Some(certificate) if certificate.thumbprint == bound => Ok(()),
            Some(_) | None => Err(NO_CERTIFICATE),
        },
    }
}

fn check_proof(shared: &Shared, key: Thumbprint, shown: &Shown<'_>) -> Result<(), Refusal> {
    let now = shown.moment.now;
    let refused = |error: ProofError| match error {
        ProofError::Nonce => Refusal::ProofNonceNeeded(shared.nonces.at(now)),
        error => Refusal::ProofInvalid(error.to_string()),
    };
    let proof =
        only(&shown.parts.headers).and_then(|proof| proof.ok_or(ProofError::Missing)).map_err(refused)?;
    let token = token(shown).ok_or(ProofError::Token).map_err(refused)?;
    let target = target(shared, shown).ok_or(ProofError::Target).map_err(refused)?;
    let expected = Expected {
        method: shown.parts.method.as_str(),
        target: &target,
        token: Some(token),
        key: Some(key),
        nonces: &shared.nonces,
        rule: shown.snapshot.platform.proof_nonces.at_api,
        now,
    };
    let verified = shared.directory.verify_proof((shown.address, shown.moment), proof, &expected)?;
    let verified = verified.map_err(refused)?;
    see(shared, &verified, shown.moment).map_err(|error| error.map_or(NO_ROOM, refused))
}

/// Takes a proof once. `Err(None)`: there is no room to remember it.
fn see(shared: &Shared, proven: &Proven, moment: Moment) -> Result<(), Option<ProofError>> {
    match shared.replays.see(proven, moment.now) {
        Seen::First => Ok(()),
        Seen::Again => Err(Some(ProofError::Replayed)),
        // With a nonce of this node's time it is sure that it was not.
        Seen::Unknown => Err(Some(ProofError::Nonce)),
        Seen::NoRoom => Err(None),
    }
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
    let (origin, path) = (&shared.origin, shown.parts.uri.path());
    if shown.route.hosts.is_empty() {
        return Target::of(&format!("{origin}{path}"));
    }
    let scheme = origin.split("://").next()?;
    Target::of(&format!("{scheme}://{}{path}", shown.head.authority))
}
