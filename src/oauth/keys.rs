//! The signing keys in the store, sealed with a key that only the data folder has (AES-256-GCM; the `kid` is
//! authenticated with it, so that sealed keys cannot be swapped).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::credential::access_token::{KeyError, SigningKey};
use crate::domain::random::{Random, RandomUnavailable};
use crate::domain::time::Timestamp;
use crate::policy::snapshot::MAX_ACCESS_TOKEN_LIFETIME;
use crate::store::signing_key::StoredSigningKey;
use crate::store::{Store, StoreError};

/// Why there are no signing keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The store cannot be used.
    #[error("the signing keys cannot be read or kept")]
    Store(#[from] StoreError),
    /// A key is malformed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
    /// The sealing key is not the one that sealed them.
    #[error("signing key {0} was sealed with another key: is the data folder the one of this store?")]
    Sealed(String),
}

/// The keys whose tokens are still good, the one to sign with first; makes one if there is none. A retired key is good for as
/// long as the last token that it may have signed.
///
/// # Errors
/// [`KeysError`].
pub async fn load_or_create(
    store: &Store,
    sealing: &[u8; 32],
    random: &dyn Random,
    now: Timestamp,
) -> Result<Vec<SigningKey>, KeysError> {
    let mut stored = store.signing_keys().await?;
    if !stored.iter().any(|key| key.retired_at.is_none()) {
        create(store, sealing, random, now).await?;
        stored = store.signing_keys().await?;
    }
    stored.sort_by_key(|key| (key.retired_at.is_some(), std::cmp::Reverse(key.created_at)));
    let good_until = |key: &StoredSigningKey| key.retired_at.map(|end| end.plus(MAX_ACCESS_TOKEN_LIFETIME));
    let good = stored.iter().filter(|key| good_until(key).is_none_or(|end| now < end));
    good.map(|key| Ok(open(key, sealing)?.trusted_until(good_until(key)))).collect()
}

async fn create(
    store: &Store,
    sealing: &[u8; 32],
    random: &dyn Random,
    now: Timestamp,
) -> Result<(), KeysError> {
    let der = SigningKey::generate()?;
    let key = SigningKey::from_pkcs8(&der)?;
    let mut nonce = [0; NONCE_LEN];
    random.fill(&mut nonce)?;
    let mut sealed = der;
    cipher(sealing)
        .and_then(|cipher| {
            let aad = Aad::from(key.kid().as_bytes());
            cipher.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed).ok()
        })
        .ok_or_else(|| KeysError::Sealed(key.kid().to_owned()))?;
    sealed.splice(0..0, nonce);
    let stored = StoredSigningKey {
        kid: key.kid().to_owned(),
        algorithm: "ES256".to_owned(),
        sealed,
        created_at: now,
        retired_at: None,
    };
    Ok(store.insert_signing_key(&stored).await?)
}

fn open(stored: &StoredSigningKey, sealing: &[u8; 32]) -> Result<SigningKey, KeysError> {
    let broken = || KeysError::Sealed(stored.kid.clone());
    let (nonce, sealed) = stored.sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(broken)?;
    let mut sealed = sealed.to_vec();
    let cipher = cipher(sealing).ok_or_else(broken)?;
    let der = cipher
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(stored.kid.as_bytes()), &mut sealed)
        .map_err(|_| broken())?;
    Ok(SigningKey::from_pkcs8(der)?)
}

fn cipher(sealing: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, sealing).ok().map(LessSafeKey::new)
}
