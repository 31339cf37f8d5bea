//! Who asks for tokens, and what they are to be bound to.

use axum::http::HeaderMap;

use super::super::dpop;
use super::super::error::EndpointError;
use super::super::router::OAuth;
use crate::domain::confirmation::Confirmation;
use crate::domain::identity::App;
use crate::domain::time::Timestamp;

/// Who asks for tokens.
pub struct Asking<'a> {
    /// The app, which has proved itself.
    pub app: &'a App,
    /// When.
    pub now: Timestamp,
    /// What its access tokens are to be bound to.
    pub confirmation: Option<Confirmation>,
}

impl<'a> Asking<'a> {
    /// What `app` has shown beside its request: a proof of possession, if it sent one.
    ///
    /// # Errors
    /// [`EndpointError`] for a proof that proves nothing.
    pub async fn with(
        oauth: &OAuth,
        headers: &HeaderMap,
        (app, now): (&'a App, Timestamp),
    ) -> Result<Self, EndpointError> {
        let key = dpop::shown_key(oauth, headers, ("/oauth/token", now)).await?;
        Ok(Self { app, now, confirmation: key.map(Confirmation::Key) })
    }
}
