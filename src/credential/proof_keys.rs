//! The keys that sign heads of closed periods: made, endorsed, rotated, revoked, and told to all. In the store they are sealed (see
//! [`super::sealing`]), and stay for ever.
//!
//! Invariant: a key that was made to follow another is published for [`PUBLISHED_FOR`] before it signs, and endorsed by that one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use super::sealing::{SealError, SealingKey};
use super::signing_key::{KeyError, SigningKey};
use super::signing_keys::Part;
use super::verifying_key::VerifyingKey;
use crate::domain::proof_key::{
    Endorsement, ProofKey, ProofSigner, PublicKey, Signature, SigningFailed, endorsed,
};
use crate::domain::random::Random;
use crate::domain::signing_algorithm::SigningAlgorithm;
use crate::domain::time::{Clock, Timestamp};
use crate::store::proof_key::StoredProofKey;
use crate::store::{Store, StoreError, Transaction};

/// For how long a key signs.
pub const LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);
/// For how long a key that follows another is published before it signs.
pub const PUBLISHED_FOR: Duration = Duration::from_secs(24 * 3600);

/// What goes wrong with the proof keys.
#[derive(Debug, thiserror::Error)]
pub enum ProofKeysError {
    /// The store cannot be used.
    #[error("the proof keys cannot be read or kept")]
    Store(#[from] StoreError),
    /// A key is malformed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A key does not sign.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
    /// The sealing key is not the one that sealed them.
    #[error(
        "proof key {0} was sealed by another sealing key: each node of a store needs the same, by --sealing-key-file, and \
         a store that is moved needs that of its old data folder"
    )]
    Sealed(String),
    /// None is in force: all are revoked, and another is made within seconds.
    #[error("there is no proof key that signs")]
    Missing,
}

/// A key as it is told to administrators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyState {
    /// The key.
    pub key: StoredProofKey,
    /// What it does at present.
    pub part: Part,
}

/// A key that signs.
pub struct OpenProofKey {
    kid: String,
    pair: Ed25519KeyPair,
}

impl std::fmt::Debug for OpenProofKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenProofKey({})", self.kid)
    }
}

impl OpenProofKey {
    /// From PKCS#8 DER.
    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let other = |_| KeyError("it is no Ed25519 key pair in PKCS#8");
        let pair = Ed25519KeyPair::from_pkcs8(der).map_err(other)?;
        let kid = VerifyingKey::of_ed25519(pair.public_key().as_ref())?.kid().to_owned();
        Ok(Self { kid, pair })
    }

    fn public(&self) -> Result<PublicKey, KeyError> {
        self.pair.public_key().as_ref().try_into().map_err(|_| KeyError("its public half is malformed"))
    }
}

impl ProofSigner for OpenProofKey {
    fn kid(&self) -> &str {
        &self.kid
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SigningFailed> {
        let signature = self.pair.try_sign(message).map_err(|_| SigningFailed)?;
        signature.as_ref().try_into().map_err(|_| SigningFailed)
    }
}

/// The proof keys of a store.
pub struct ProofKeys {
    store: Store,
    sealing: Arc<SealingKey>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// As the store had them when it was last asked.
    published: Mutex<Arc<[ProofKey]>>,
}

impl std::fmt::Debug for ProofKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProofKeys")
    }
}

impl ProofKeys {
    /// The keys of `store`; if there is none yet, one is made that signs at once.
    ///
    /// # Errors
    /// [`ProofKeysError`].
    pub async fn open(
        (store, sealing): (Store, Arc<SealingKey>),
        (clock, random): (Arc<dyn Clock>, Arc<dyn Random>),
    ) -> Result<Self, ProofKeysError> {
        let keys = Self { store, sealing, clock, random, published: Mutex::new(Arc::new([])) };
        keys.keep().await?;
        Ok(keys)
    }

    /// All keys there ever were, as this node knows them.
    #[must_use]
    pub fn published(&self) -> Arc<[ProofKey]> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the next key if it is due, and publishes what keys there are.
    ///
    /// # Errors
    /// [`ProofKeysError`].
    pub async fn keep(&self) -> Result<(), ProofKeysError> {
        if is_due(&self.store.proof_keys().await?, self.clock.now()) {
            let mut transaction = self.store.begin().await?;
            // Another node may have been first.
            if is_due(&transaction.lock_proof_keys().await?, self.clock.now()) {
                self.rotate(&mut transaction).await?;
            }
            transaction.commit().await?;
        }
        self.publish().await
    }

    /// Publishes what keys there are.
    ///
    /// # Errors
    /// [`ProofKeysError::Store`]; then those before stay.
    pub async fn publish(&self) -> Result<(), ProofKeysError> {
        let keys = self.store.proof_keys().await?.into_iter().map(|stored| stored.key);
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = keys.collect();
        Ok(())
    }

    /// All keys, those that will sign last.
    ///
    /// # Errors
    /// [`ProofKeysError::Store`].
    pub async fn states(&self) -> Result<Vec<KeyState>, ProofKeysError> {
        Ok(self.states_of(self.store.proof_keys().await?))
    }

    /// How those keys of the store stand.
    #[must_use]
    pub fn states_of(&self, stored: Vec<StoredProofKey>) -> Vec<KeyState> {
        let now = self.clock.now();
        let signing = signing(&stored, now).map(|signing| signing.key.kid.clone());
        let part = |key: &ProofKey| match key.revoked_at {
            Some(_) => Part::Revoked,
            None if Some(&key.kid) == signing.as_ref() => Part::Signs,
            None if key.signs_from > now => Part::Waits,
            None => Part::Retired,
        };
        stored.into_iter().map(|key| KeyState { part: part(&key.key), key }).collect()
    }

    /// The key that signs now, by what the store has.
    ///
    /// # Errors
    /// [`ProofKeysError`].
    pub async fn signer(&self) -> Result<OpenProofKey, ProofKeysError> {
        let stored = self.store.proof_keys().await?;
        self.open_key(signing(&stored, self.clock.now()).ok_or(ProofKeysError::Missing)?)
    }

    /// Makes the next key by `transaction`: the newest endorses it, and it signs once it has been published long enough. Where there is
    /// none, it signs at once. Once that is committed, the caller has it published.
    ///
    /// # Errors
    /// [`ProofKeysError`].
    pub async fn rotate(&self, transaction: &mut Transaction) -> Result<StoredProofKey, ProofKeysError> {
        let stored = transaction.lock_proof_keys().await?;
        let (newest, now) = (living(&stored).next_back(), self.clock.now());
        let from = newest.map_or(now, |newest| newest.key.signs_from.max(now).plus(PUBLISHED_FOR));
        self.add(transaction, newest, from).await
    }

    /// Revokes a key by `transaction`, and those that wait because it endorsed them; gives whether it was not revoked before. If it was the
    /// one that signs, another does at once, endorsed by the newest that is left. Once that is committed, the caller has it published.
    ///
    /// # Errors
    /// [`ProofKeysError`].
    pub async fn revoke(&self, kid: &str, transaction: &mut Transaction) -> Result<bool, ProofKeysError> {
        let (stored, now) = (transaction.lock_proof_keys().await?, self.clock.now());
        if !living(&stored).any(|living| living.key.kid == kid) {
            return Ok(false);
        }
        let did_sign = signing(&stored, now).is_some_and(|signing| signing.key.kid == kid);
        let mut ended = vec![kid];
        // Each comes after the one that endorsed it.
        for StoredProofKey { key, .. } in living(&stored).filter(|waiting| waiting.key.signs_from > now) {
            let by = key.endorsement.as_ref().map(|endorsement| endorsement.by.as_str());
            if by.is_some_and(|by| ended.contains(&by)) {
                ended.push(&key.kid);
            }
        }
        for kid in &ended {
            transaction.revoke_proof_key(kid, now).await?;
        }
        tracing::warn!(kid, keys = ended.len(), "a proof key was revoked, and those that waited behind it");
        if did_sign {
            let left = living(&stored).rfind(|key| !ended.contains(&key.key.kid.as_str()));
            self.add(transaction, left, now).await?;
        }
        Ok(true)
    }

    async fn add(
        &self,
        transaction: &mut Transaction,
        by: Option<&StoredProofKey>,
        signs_from: Timestamp,
    ) -> Result<StoredProofKey, ProofKeysError> {
        let der = SigningKey::generate(SigningAlgorithm::EdDsa)?;
        let made = OpenProofKey::from_pkcs8(&der)?;
        let public = made.public()?;
        let endorsement = by.map(|by| {
            let signature = self.open_key(by)?.sign(&endorsed(&public, signs_from))?;
            Ok::<_, ProofKeysError>(Endorsement { by: by.key.kid.clone(), signature })
        });
        let endorsement = endorsement.transpose()?;
        let sealed = self.sealing.seal(&sealed_for(&made.kid), &der, &*self.random)?;
        let key = ProofKey { kid: made.kid, public, signs_from, endorsement, revoked_at: None };
        let stored = StoredProofKey { key, sealed, created_at: self.clock.now() };
        transaction.insert_proof_key(&stored).await?;
        tracing::info!(kid = stored.key.kid, from = %signs_from, "a proof key was made");
        Ok(stored)
    }

    fn open_key(&self, stored: &StoredProofKey) -> Result<OpenProofKey, ProofKeysError> {
        let kid = &stored.key.kid;
        let der = self.sealing.open(&sealed_for(kid), &stored.sealed);
        let der = der.map_err(|_| ProofKeysError::Sealed(kid.clone()))?;
        Ok(OpenProofKey::from_pkcs8(&der)?)
    }
}

/// What a key is sealed for: no key that signs tokens can be put in its place.
fn sealed_for(kid: &str) -> String {
    format!("proof key {kid}")
}

/// Those that are not revoked, in the order in which they begin to sign.
fn living(stored: &[StoredProofKey]) -> impl DoubleEndedIterator<Item = &StoredProofKey> {
    stored.iter().filter(|stored| stored.key.revoked_at.is_none())
}

/// The one that signs: the last that has begun to.
fn signing(stored: &[StoredProofKey], now: Timestamp) -> Option<&StoredProofKey> {
    // By a clock that is behind, the first of all.
    living(stored).rfind(|stored| stored.key.signs_from <= now).or_else(|| living(stored).next())
}

/// Whether the newest will be old once the next has been published long enough.
fn is_due(stored: &[StoredProofKey], now: Timestamp) -> bool {
    let age = LIFETIME.saturating_sub(PUBLISHED_FOR);
    living(stored).next_back().is_none_or(|newest| newest.key.signs_from.plus(age) <= now)
}
