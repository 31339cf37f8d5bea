//! Who asks for tokens, and what they are to be bound to.

use super::super::call::Call;
use super::super::dpop;
use super::super::error::EndpointError;
use super::super::router::OAuth;
use crate::credential::dpop::{ProofError, Proven};
use crate::domain::client::ClientSettings;
use crate::domain::confirmation::Confirmation;
use crate::domain::identity::App;
use crate::domain::time::Timestamp;

const NO_CERTIFICATE: EndpointError = EndpointError::InvalidRequest(
    "this app's tokens are bound to its certificate: connect with it, at the mtls_endpoint_aliases of the metadata",
);
const BOTH: EndpointError =
    EndpointError::InvalidRequest("this app's tokens are bound to its certificate: send no DPoP proof");

/// Who asks for tokens.
pub struct Asking<'a> {
    /// The app, which has proved itself.
    pub app: &'a App,
    /// What it registered as a client.
    pub settings: &'a ClientSettings,
    /// When.
    pub now: Timestamp,
    /// What its access tokens are to be bound to.
    pub confirmation: Option<Confirmation>,
    /// The proof that it came with, which is not taken yet.
    pub proof: Option<Proven>,
}

impl<'a> Asking<'a> {
    /// What `app` has shown beside its request: a proof of possession, if it sent one, or its certificate, if its tokens are
    /// bound to that (RFC 8705, section 3).
    ///
    /// # Errors
    /// [`EndpointError`] for a proof that proves nothing, and for what is needed and was not shown.
    pub fn with(
        oauth: &OAuth,
        call: &Call,
        (app, settings): (&'a App, &'a ClientSettings),
        now: Timestamp,
    ) -> Result<Self, EndpointError> {
        let proof = dpop::shown(oauth, call, now)?;
        let key = proof.map(|proof| proof.key);
        let confirmation = match (settings.certificate_bound_tokens, call.door.certificate(now), key) {
            (true, _, Some(_)) => return Err(BOTH),
            (true, None, None) => return Err(NO_CERTIFICATE),
            (true, Some(shown), None) => Some(Confirmation::Certificate(shown.thumbprint)),
            (false, _, None) if settings.dpop_bound_tokens => return Err(ProofError::Missing.into()),
            (false, _, key) => key.map(Confirmation::Key),
        };
        Ok(Self { app, settings, now, confirmation, proof })
    }

    /// Takes the proof, if there is one, of who asks for what it may have: no other request comes with it.
    ///
    /// # Errors
    /// [`EndpointError::InvalidProof`], [`EndpointError::Unavailable`].
    pub async fn take_proof(&self, oauth: &OAuth) -> Result<(), EndpointError> {
        dpop::take(oauth, self.proof.as_ref()).await
    }
}
