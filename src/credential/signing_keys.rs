//! The signing keys of the store: loaded, followed, rotated, revoked. In the store they are sealed (see
//! [`super::sealing`]); all nodes of a store have the same sealing key.
//!
//! Invariant: a key that was made to follow another is published for [`SigningKeyTerms::overlap`] before it signs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::access_token::{KeyError, SigningKey};
use super::key_ring::{KeyRing, RingKey};
use super::ring_source::RingSource;
pub use super::ring_source::Trust;
use super::sealing::{SealError, SealingKey};
use super::source::SourceUnavailable;
use crate::domain::random::Random;
use crate::domain::signing_algorithm::SigningAlgorithm;
use crate::domain::time::{Clock, Timestamp};
use crate::policy::snapshot::SigningKeyTerms;
use crate::store::signing_key::{KeyRevoked, StoredSigningKey};
use crate::store::{Store, StoreError, Transaction};

/// Most keys that are not forgotten yet: each is published and known to every client.
const MOST_KEYS: usize = 32;

/// What goes wrong with the signing keys.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeysError {
    /// The store cannot be used.
    #[error("the signing keys cannot be read or kept")]
    Store(#[from] StoreError),
    /// A key is malformed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The sealing key is not the one that sealed them.
    #[error(
        "signing key {0} was sealed by another sealing key: each node of a store needs the same, by --sealing-key-file, and \
         a store that is moved needs that of its old data folder"
    )]
    Sealed(String),
    /// There are as many as may be.
    #[error("there are {MOST_KEYS} signing keys already: wait until those that no longer sign are forgotten")]
    TooMany,
}

/// A key as it is told to administrators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyState {
    /// The key.
    pub key: StoredSigningKey,
    /// What it does at present.
    pub part: Part,
    /// Until when what it signed is believed, if it is known yet.
    pub believed_until: Option<Timestamp>,
}

/// What a key does at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It is published and will sign.
    Waits,
    /// It signs.
    Signs,
    /// Another has followed it; what it signed is believed.
    Retired,
    /// What it signed holds no more.
    Revoked,
}

impl Part {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waits => "waits",
            Self::Signs => "signs",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }
}

/// A key that is made and not published yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextKey {
    /// The key.
    pub key: StoredSigningKey,
    /// The key that it follows.
    follows: Option<String>,
}

/// The signing keys of a store, and the ring that has them in force on this node.
pub struct SigningKeys {
    store: Store,
    sealing: Arc<SealingKey>,
    ring: Arc<KeyRing>,
    /// One reload at a time, so that no older one comes last.
    turn: tokio::sync::Mutex<()>,
    /// Whether a key is gone that [`SigningKeys::reload`] has not told of: another reload may have been first to see it.
    has_lost: AtomicBool,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKeys({:?})", self.ring)
    }
}

impl SigningKeys {
    /// The keys of `store`, in force for `issuer`; if there is none yet, one is made that signs by `algorithm` at once.
    ///
    /// # Errors
    /// [`SigningKeysError`].
    pub async fn open(
        (store, sealing): (Store, Arc<SealingKey>),
        issuer: &str,
        algorithm: SigningAlgorithm,
        (clock, random): (Arc<dyn Clock>, Arc<dyn Random>),
    ) -> Result<Self, SigningKeysError> {
        let ring = Arc::new(KeyRing::new(Vec::new(), issuer));
        let (turn, has_lost) = (tokio::sync::Mutex::new(()), AtomicBool::new(false));
        let keys = Self { store, sealing, ring, turn, has_lost, clock, random };
        if living(&keys.store.signing_keys().await?).next().is_none() {
            let now = keys.clock.now();
            let first = keys.new_key(algorithm, now, now).await?;
            keys.store.add_signing_key(&first, None).await?;
        }
        let broken = keys.read_stored().await?;
        broken.map_or(Ok(keys), Err)
    }

    /// Those in force.
    #[must_use]
    pub fn ring(&self) -> &Arc<KeyRing> {
        &self.ring
    }

    /// Puts in force what the store has now. If some are gone since the last time that this was called, the caller has what was
    /// verified by them forgotten. One that cannot be opened is loud, and the others are in force.
    ///
    /// # Errors
    /// [`SigningKeysError::Store`]; then those before stay.
    pub async fn reload(&self) -> Result<Trust, SigningKeysError> {
        self.put_in_force().await?;
        Ok(if self.has_lost.swap(false, Ordering::AcqRel) { Trust::Lost } else { Trust::Kept })
    }

    async fn put_in_force(&self) -> Result<(), SigningKeysError> {
        if let Some(error) = self.read_stored().await? {
            tracing::error!(%error, "a signing key cannot be used: its tokens are not believed here");
        }
        Ok(())
    }

    async fn read_stored(&self) -> Result<Option<SigningKeysError>, SigningKeysError> {
        let _turn = self.turn.lock().await;
        let stored = self.store.signing_keys().await?;
        let before = self.ring.keys();
        let (mut keys, mut broken) = (Vec::new(), None);
        for (place, key) in stored.iter().enumerate().filter(|(_, key)| key.revoked_at.is_none()) {
            let known = before.all().iter().find(|known| known.key.kid() == key.kid);
            match known.map_or_else(|| self.open_key(key).map(Arc::new), |known| Ok(known.key.clone())) {
                Ok(opened) => keys.push(RingKey {
                    key: opened,
                    signs_from: key.active_from,
                    followed_at: followed_at(stored.get(place + 1..).unwrap_or_default()),
                }),
                Err(error) => broken = Some(error),
            }
        }
        let revoked = stored.iter().filter(|key| key.revoked_at.is_some()).map(|key| key.kid.as_str());
        self.ring.replace(keys, &revoked.collect::<Vec<_>>());
        if self.ring.keys().lack_any_of(&before) {
            self.has_lost.store(true, Ordering::Release);
        }
        Ok(broken)
    }

    /// All keys, those that will sign last.
    ///
    /// # Errors
    /// [`SigningKeysError::Store`].
    pub async fn states(&self) -> Result<Vec<KeyState>, SigningKeysError> {
        Ok(self.states_of(self.store.signing_keys().await?))
    }

    /// How those keys of the store stand.
    #[must_use]
    pub fn states_of(&self, stored: Vec<StoredSigningKey>) -> Vec<KeyState> {
        let (keys, now) = (self.ring.keys(), self.clock.now());
        let signing = keys.signing(now).map(SigningKey::kid);
        let state = |key: StoredSigningKey| {
            let part = if key.revoked_at.is_some() {
                Part::Revoked
            } else if Some(key.kid.as_str()) == signing {
                Part::Signs
            } else if key.active_from > now {
                Part::Waits
            } else {
                Part::Retired
            };
            let in_force = keys.all().iter().find(|known| known.key.kid() == key.kid);
            let believed_until = key.revoked_at.or(in_force.and_then(RingKey::believed_until));
            KeyState { key, part, believed_until }
        };
        stored.into_iter().map(state).collect()
    }

    /// Makes the next key, which is to sign once it has been published for as long as `terms` say. Only
    /// [`SigningKeys::adopt`] publishes it.
    ///
    /// # Errors
    /// [`SigningKeysError`].
    pub async fn prepare(&self, terms: SigningKeyTerms) -> Result<NextKey, SigningKeysError> {
        let stored = self.store.signing_keys().await?;
        if stored.len() >= MOST_KEYS {
            return Err(SigningKeysError::TooMany);
        }
        let newest = living(&stored).next_back();
        let now = self.clock.now();
        // It follows the newest also where that waits still. Where there is none, nobody can wait for it.
        let from = newest.map_or(now, |newest| newest.active_from.max(now).plus(terms.overlap));
        let key = self.new_key(terms.algorithm, now, from).await?;
        Ok(NextKey { key, follows: newest.map(|newest| newest.kid.clone()) })
    }

    /// Publishes a key by `store`, which may record who wants it. Gives whether the key that it follows was the newest still:
    /// another node may have been first.
    ///
    /// # Errors
    /// [`SigningKeysError`].
    pub async fn adopt(&self, next: &NextKey, store: &Store) -> Result<bool, SigningKeysError> {
        let NextKey { key, follows } = next;
        if !store.add_signing_key(key, follows.as_deref()).await? {
            return Ok(false);
        }
        tracing::info!(kid = key.kid, algorithm = %key.algorithm, from = %key.active_from, "a signing key was made");
        self.put_in_force().await?;
        Ok(true)
    }

    /// Rotates if the newest key will be old by `terms` once the next has been published long enough.
    ///
    /// # Errors
    /// [`SigningKeysError`].
    pub async fn rotate_if_due(&self, terms: SigningKeyTerms) -> Result<(), SigningKeysError> {
        let stored = self.store.signing_keys().await?;
        let age = terms.lifetime.saturating_sub(terms.overlap);
        let due = living(&stored).next_back().map(|newest| newest.active_from.plus(age));
        match due {
            Some(due) if self.clock.now() < due => {}
            Some(_) | None => {
                self.adopt(&self.prepare(terms).await?, &self.store).await?;
            }
        }
        Ok(())
    }

    /// Makes a key that signs in the place of one that is revoked, if no other does.
    ///
    /// # Errors
    /// [`SigningKeysError`].
    pub async fn spare(&self, algorithm: SigningAlgorithm) -> Result<StoredSigningKey, SigningKeysError> {
        let now = self.clock.now();
        self.new_key(algorithm, now, now).await
    }

    /// Revokes a key by `transaction`, with what else that does: what the key signed holds no more. If it was the one that signs,
    /// another does at once. The caller has what was verified forgotten. If it was revoked before, nothing happens.
    ///
    /// # Errors
    /// [`SigningKeysError`].
    pub async fn revoke(
        &self,
        kid: &str,
        spare: &StoredSigningKey,
        mut transaction: Transaction,
    ) -> Result<KeyRevoked, SigningKeysError> {
        let revoked = transaction.revoke_signing_key(kid, spare, self.clock.now()).await?;
        match revoked {
            KeyRevoked::Unknown => transaction.roll_back().await?,
            KeyRevoked::Beside | KeyRevoked::NextSigns | KeyRevoked::SpareSigns => {
                transaction.commit().await?;
                tracing::warn!(kid, ?revoked, "a signing key was revoked; what it signed holds no more");
            }
        }
        self.put_in_force().await?;
        Ok(revoked)
    }

    async fn new_key(
        &self,
        algorithm: SigningAlgorithm,
        created_at: Timestamp,
        active_from: Timestamp,
    ) -> Result<StoredSigningKey, SigningKeysError> {
        // An RSA key takes a good part of a second.
        let made = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm)).await;
        let der = made.map_err(|_| KeyError("making one was cut off"))??;
        let kid = SigningKey::from_pkcs8(algorithm, &der)?.kid().to_owned();
        let sealed = self.sealing.seal(&kid, &der, &*self.random)?;
        Ok(StoredSigningKey { kid, algorithm, sealed, created_at, active_from, revoked_at: None })
    }

    fn open_key(&self, stored: &StoredSigningKey) -> Result<SigningKey, SigningKeysError> {
        let der = self.sealing.open(&stored.kid, &stored.sealed);
        let der = der.map_err(|_| SigningKeysError::Sealed(stored.kid.clone()))?;
        Ok(SigningKey::from_pkcs8(stored.algorithm, &der)?)
    }
}

#[async_trait]
impl RingSource for SigningKeys {
    fn ring(&self) -> &KeyRing {
        &self.ring
    }

    async fn read_again(&self) -> Result<Trust, SourceUnavailable> {
        self.reload().await.map_err(|error| SourceUnavailable(error.to_string()))
    }
}

/// When the first of those that come after a key began to sign in its place, or will. One that was revoked since did so, unless
/// it was revoked before.
fn followed_at(later: &[StoredSigningKey]) -> Option<Timestamp> {
    let has_followed = |key: &&StoredSigningKey| key.revoked_at.is_none_or(|end| key.active_from < end);
    later.iter().filter(has_followed).map(|key| key.active_from).min()
}

/// Those that are not revoked, in the order in which they begin to sign.
fn living(stored: &[StoredSigningKey]) -> impl DoubleEndedIterator<Item = &StoredSigningKey> {
    stored.iter().filter(|key| key.revoked_at.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_was_followed_by_each_that_began_to_sign_though_it_was_revoked_since() {
        let at = Timestamp::from_seconds;
        let key = |active_from, revoked_at: Option<i64>| StoredSigningKey {
            kid: String::new(),
            algorithm: SigningAlgorithm::Es256,
            sealed: Vec::new(),
            created_at: at(0),
            active_from: at(active_from),
            revoked_at: revoked_at.map(at),
        };
        assert_eq!(followed_at(&[]), None);
        assert_eq!(followed_at(&[key(10, Some(20)), key(20, None)]), Some(at(10)));
        for never_signed in [Some(5), Some(10)] {
            assert_eq!(followed_at(&[key(10, never_signed)]), None, "{never_signed:?}");
            assert_eq!(followed_at(&[key(10, never_signed), key(30, None)]), Some(at(30)));
        }
    }
}
