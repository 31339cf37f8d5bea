//! Whether a request comes from the app that it says: by the one way that it brings, if the app is registered for that.

use super::super::call::Call;
use super::super::error::EndpointError;
use super::super::router::OAuth;
use super::presented::{Presented, Proof};
use super::{assertion, certificate, secret};
use crate::domain::client::{AuthMethod, ClientSettings};
use crate::domain::id::AppId;
use crate::domain::identity::App;
use crate::domain::time::Timestamp;
use crate::store::client::Client;

/// An app that has proved itself.
pub struct Proven {
    /// The app.
    pub app: App,
    /// What it registered as a client.
    pub settings: ClientSettings,
    /// As of when a token is made that it gets for itself.
    pub made_at: Timestamp,
}

/// The app that asks by `call`, at `now`. A confidential one has proved itself.
///
/// # Errors
/// [`EndpointError::InvalidClient`], [`EndpointError::Unavailable`].
pub(super) async fn prove(
    oauth: &OAuth,
    presented: &Presented,
    (call, now): (&Call, Timestamp),
) -> Result<Proven, EndpointError> {
    let invalid = EndpointError::InvalidClient;
    let Ok(id) = AppId::new(&presented.id) else { return Err(invalid) };
    // Looked up before anything else: what ends an app's tokens from here on ends those made now too, if the app proves
    // itself by what is just being taken from it.
    let Some(client) = oauth.store.client(&id).await? else { return Err(invalid) };
    let is_proven = match &presented.proof {
        Proof::None => {
            client.settings.has_method(AuthMethod::None)
                || call
                    .certificate
                    .as_deref()
                    .is_some_and(|shown| certificate::is_right(oauth, &client, shown))
        }
        Proof::Secret(method, text) => {
            client.settings.has_method(*method) && secret::is_right(oauth, &client, text, now).await?
        }
        Proof::Assertion(text) => {
            client.settings.has_method(AuthMethod::PrivateKeyJwt)
                && assertion::is_right(oauth, &client, text, (call, now)).await?
        }
    };
    if !is_proven || !client.is_active() {
        return Err(invalid);
    }
    let Client { app, settings, tokens_valid_from, .. } = client;
    // What is good now is good after all that was ended before, even if the clock that it was ended by goes ahead of this one.
    let made_at = tokens_valid_from.map_or(now, |from| now.max(from));
    Ok(Proven { app, settings, made_at })
}
