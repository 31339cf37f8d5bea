//! What the sealing key in the data folder opens or makes: signing keys, nonces, and the seal of other secrets in the store.

use std::path::Path;
use std::sync::Arc;

use super::error::ServerError;
use super::secret_file;
use crate::credential::access_token::{TokenSigner, TokenVerifier};
use crate::credential::dpop::Nonces;
use crate::credential::sealing::SealingKey;
use crate::domain::random::Random;
use crate::domain::time::Clock;
use crate::oauth;
use crate::store::Store;

/// What a node signs and seals with.
pub(super) struct Signing {
    /// Signs access tokens.
    pub(super) signer: Arc<TokenSigner>,
    /// Verifies them.
    pub(super) verifier: Arc<TokenVerifier>,
    /// The nonces of proofs of possession.
    pub(super) nonces: Arc<Nonces>,
    /// Seals secrets in the store.
    pub(super) sealing: Arc<SealingKey>,
}

/// Reads the sealing key in the folder `data`, or makes it, and opens the signing keys of `store` by it.
///
/// # Errors
/// [`ServerError::Secrets`].
pub(super) async fn open(
    data: &Path,
    (store, issuer): (&Store, &str),
    (clock, random): (&dyn Clock, &dyn Random),
) -> Result<Signing, ServerError> {
    let secrets = |error: &dyn std::fmt::Display| ServerError::Secrets(error.to_string());
    let path = data.join("sealing.key");
    let sealing = secret_file::read_or_make(&path, random, || {
        let mut key = vec![0; 32];
        random.fill(&mut key).map_err(|error| secrets(&error))?;
        Ok(key)
    })?;
    let sealing: [u8; 32] =
        sealing.try_into().map_err(|_| secrets(&format!("{} is not a key of 32 bytes", path.display())))?;
    let mut keys = oauth::keys::load_or_create(store, &sealing, random, clock.now())
        .await
        .map_err(|error| secrets(&error))?;
    let verifier = TokenVerifier::new(&keys, issuer);
    if keys.is_empty() {
        return Err(secrets(&"there is no signing key"));
    }
    let key = keys.remove(0);
    let nonces = Nonces::derived_from(&sealing);
    let sealing = SealingKey::new(&sealing).ok_or_else(|| secrets(&"the sealing key cannot be used"))?;
    Ok(Signing {
        signer: Arc::new(TokenSigner::new(key, keys, issuer.to_owned())),
        verifier: Arc::new(verifier),
        nonces: Arc::new(nonces),
        sealing: Arc::new(sealing),
    })
}
