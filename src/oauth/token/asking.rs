//! Who asks for tokens, and what they are to be bound to.

use super::super::call::Call;
use super::super::dpop;
use super::super::error::EndpointError;
use super::super::router::OAuth;
use crate::credential::dpop::ProofError;
use crate::domain::client::ClientSettings;
use crate::domain::confirmation::Confirmation;
use crate::domain::identity::App;
use crate::domain::time::Timestamp;

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
}

impl<'a> Asking<'a> {
    /// What `app` has shown beside its request: a proof of possession, if it sent one.
    ///
    /// # Errors
    /// [`EndpointError`] for a proof that proves nothing, or for none where one is needed.
    pub async fn with(
        oauth: &OAuth,
        call: &Call,
        (app, settings): (&'a App, &'a ClientSettings),
        now: Timestamp,
    ) -> Result<Self, EndpointError> {
        let key = dpop::shown_key(oauth, &call.headers, ("/oauth/token", now)).await?;
        if key.is_none() && settings.dpop_bound_tokens {
            return Err(ProofError::Missing.into());
        }
        Ok(Self { app, settings, now, confirmation: key.map(Confirmation::Key) })
    }
}
