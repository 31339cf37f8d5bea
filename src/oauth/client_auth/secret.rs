//! `client_secret_basic` and `client_secret_post` (RFC 6749, section 2.3.1).

use super::super::error::EndpointError;
use super::super::router::OAuth;
use crate::domain::last_use::Used;
use crate::domain::secret_hash::SecretHash;
use crate::domain::time::Timestamp;
use crate::store::client::Client;

/// Whether that is a secret of the client at `now`. It is looked up by its hash, so that the time says nothing of it.
///
/// # Errors
/// [`EndpointError::Unavailable`].
pub(super) async fn is_right(
    oauth: &OAuth,
    client: &Client,
    secret: &str,
    now: Timestamp,
) -> Result<bool, EndpointError> {
    let proving = oauth.store.proving_secret(&client.app.id, &SecretHash::of(secret), now).await?;
    let Some(secret) = proving else { return Ok(false) };
    oauth.last_uses.note(Used::Secret(secret.id), secret.last_used_at, now);
    Ok(true)
}
