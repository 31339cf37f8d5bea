//! Whether a request comes from the app that it says: by the one way that it brings, if the app is registered for that.

use super::super::call::Call;
use super::super::error::{EndpointError, Unproven};
use super::super::observed;
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
    let unknown = || {
        observed::is_no_app(&presented.id);
        EndpointError::InvalidClient(Unproven::UnknownApp)
    };
    let id = AppId::new(&presented.id).map_err(|_| unknown())?;
    // Looked up before anything else: what ends an app's tokens from here on ends those made now too, if the app proves
    // itself by what is just being taken from it.
    let client = oauth.store.client(&id).await?.ok_or_else(unknown)?;
    observed::is_app(&client.app.id);
    let checked = check(oauth, (&client, &presented.proof), (call, now)).await?;
    checked.map_err(EndpointError::InvalidClient)?;
    let Client { app, settings, tokens_valid_from, .. } = client;
    // What is good now is good after all that was ended before, even if the clock that it was ended by goes ahead of this one.
    let made_at = tokens_valid_from.map_or(now, |from| now.max(from));
    Ok(Proven { app, settings, made_at })
}

/// Whether it is that client, by the one way that was chosen, and may act. What is known of its standing is told only to who has
/// proved to be it.
async fn check(
    oauth: &OAuth,
    (client, proof): (&Client, &Proof),
    (call, now): (&Call, Timestamp),
) -> Result<Result<(), Unproven>, EndpointError> {
    let settings = &client.settings;
    let checked = match proof {
        Proof::None if settings.has_method(AuthMethod::None) => {
            return Ok(client.is_active().then_some(()).ok_or(Unproven::SuspendedPublic));
        }
        Proof::None => certificate::check(oauth, client, (&call.door, now)),
        Proof::Secret(method, _) if !settings.has_method(*method) => Err(Unproven::Method(*method)),
        Proof::Secret(_, text) => {
            secret::is_right(oauth, client, text, now).await?.then_some(()).ok_or(Unproven::Secret)
        }
        Proof::Assertion(_) if !settings.has_method(AuthMethod::PrivateKeyJwt) => {
            Err(Unproven::Method(AuthMethod::PrivateKeyJwt))
        }
        Proof::Assertion(text) => assertion::check(oauth, client, text, (call, now)).await?,
    };
    let is_active = || client.is_active().then_some(()).ok_or(Unproven::Suspended);
    Ok(checked.and_then(|()| is_active()))
}
