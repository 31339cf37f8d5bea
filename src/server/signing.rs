//! What the sealing key opens or makes: signing keys, proof keys, nonces, and the seal of other secrets in the store.

use std::sync::Arc;

use super::error::ServerError;
use super::node::NodeSettings;
use super::sealing_key;
use crate::credential::dpop::Nonces;
use crate::credential::proof_keys::ProofKeys;
use crate::credential::sealing::SealingKey;
use crate::credential::signing_keys::SigningKeys;
use crate::domain::random::Random;
use crate::domain::time::Clock;
use crate::policy::live::Live;
use crate::store::Store;

/// What a node signs and seals with.
pub(super) struct Signing {
    /// The keys that sign access tokens.
    pub(super) signing_keys: Arc<SigningKeys>,
    /// The keys that sign heads of closed periods.
    pub(super) proof_keys: Arc<ProofKeys>,
    /// The nonces of proofs of possession.
    pub(super) nonces: Arc<Nonces>,
    /// Seals secrets in the store.
    pub(super) sealing: Arc<SealingKey>,
}

/// Reads the sealing key, or makes it in the data folder, and opens the signing and proof keys of `store` by it.
///
/// # Errors
/// [`ServerError::File`], [`ServerError::Secrets`].
pub(super) async fn open(
    settings: &NodeSettings,
    store: &Store,
    (live, issuer): (&Live, &str),
    (clock, random): (&Arc<dyn Clock>, &Arc<dyn Random>),
) -> Result<Signing, ServerError> {
    let sealing = sealing_key::read(settings.sealing_key_file.as_deref(), &settings.data, &**random)?;
    let sealing = Arc::new(sealing);
    let algorithm = live.load().platform.signing_keys.algorithm;
    let sources = (clock.clone(), random.clone());
    let opened = SigningKeys::open((store.clone(), sealing.clone()), issuer, algorithm, sources).await;
    let signing_keys = opened.map_err(|error| ServerError::Secrets(error.to_string()))?;
    let proof_keys = ProofKeys::open((store.clone(), sealing.clone()), (clock.clone(), random.clone())).await;
    let proof_keys = proof_keys.map_err(|error| ServerError::Secrets(error.to_string()))?;
    let mut process = [0; 8];
    random.fill(&mut process).map_err(|error| ServerError::Secrets(error.to_string()))?;
    let nonces = Nonces::new(&sealing.derive("DPoP nonces"), process);
    let (signing_keys, proof_keys) = (Arc::new(signing_keys), Arc::new(proof_keys));
    Ok(Signing { signing_keys, proof_keys, nonces: Arc::new(nonces), sealing })
}
