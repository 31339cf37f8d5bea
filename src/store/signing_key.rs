//! The keys that sign access tokens. The store never sees a private key: the caller seals it first.
//!
//! Invariant: keys follow one another. One is added after the one that was the newest, or not at all, so that nodes that
//! rotate at once make one key.

use std::fmt;

use super::error::StoreError;
use super::open::Store;
use super::page::MAX_LIST;
use super::row::{all, known, time};
use super::transaction::{Exclusive, Transaction};
use crate::domain::signing_algorithm::SigningAlgorithm;
use crate::domain::time::Timestamp;

/// What [`Store::identity_changes`] tells when there are other signing keys.
pub const SIGNING_KEYS_CHANGED: &str = "signing_key";

/// A key pair that signs access tokens, will, or did.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSigningKey {
    /// Its id in tokens and in the JWKS.
    pub kid: String,
    /// How it signs.
    pub algorithm: SigningAlgorithm,
    /// The private key, as the caller sealed it.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it signs, until another does.
    pub active_from: Timestamp,
    /// From when on what it signed holds no more.
    pub revoked_at: Option<Timestamp>,
}

impl fmt::Debug for StoredSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredSigningKey({} {})", self.algorithm, self.kid)
    }
}

/// What came of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRevoked {
    /// It had not signed yet, or had been followed: the same key signs as before.
    Beside,
    /// It signed. The next one, which had been published, signs at once.
    NextSigns,
    /// It signed, and no other waited: the spare one was added, and signs at once.
    SpareSigns,
    /// There is no such key, or it was revoked before.
    Unknown,
}

row! {
    SigningKeyRow {
        kid: String,
        algorithm: String,
        sealed: Vec<u8>,
        created_at: i64,
        active_from: i64,
        revoked_at: Option<i64>,
    }
}

impl TryFrom<SigningKeyRow> for StoredSigningKey {
    type Error = StoreError;

    fn try_from(row: SigningKeyRow) -> Result<Self, StoreError> {
        Ok(Self {
            kid: row.kid,
            algorithm: known("signing_key.algorithm", SigningAlgorithm::named(&row.algorithm))?,
            sealed: row.sealed,
            created_at: Timestamp::from_micros(row.created_at),
            active_from: Timestamp::from_micros(row.active_from),
            revoked_at: time(row.revoked_at),
        })
    }
}

macro_rules! select_key {
    ($tail:literal) => {
        concat!("select kid, algorithm, sealed, created_at, active_from, revoked_at from signing_key ", $tail)
    };
}

impl Store {
    /// All keys, in the order in which they begin to sign, revoked ones too.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, StoreError> {
        let rows: Vec<SigningKeyRow> = on!(self.reader(), db => {
            sqlx::query_as(select_key!("order by active_from, kid limit $1"))
                .bind(MAX_LIST)
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }

    /// Adds a key after `newest`, the last that was not revoked; gives whether it was that still.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the key's id is taken; [`StoreError::Unavailable`].
    pub async fn add_signing_key(
        &self,
        key: &StoredSigningKey,
        newest: Option<&str>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        transaction.hold(Exclusive::SigningKeys).await?;
        let last = transaction.living_signing_keys().await?.pop();
        if last.as_ref().map(|last| last.kid.as_str()) != newest {
            transaction.roll_back().await?;
            return Ok(false);
        }
        transaction.insert_signing_key(key).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Revokes the key `kid`. If no other signs then, the next one does at once, or `spare`, which is added.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn revoke_signing_key(
        &self,
        kid: &str,
        spare: &StoredSigningKey,
        at: Timestamp,
    ) -> Result<KeyRevoked, StoreError> {
        let mut transaction = self.begin().await?;
        let revoked = transaction.revoke_signing_key(kid, spare, at).await?;
        transaction.commit().await?;
        Ok(revoked)
    }
}

impl Transaction {
    /// All keys as [`Store::signing_keys`] has them, which nobody else changes until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_signing_keys(&mut self) -> Result<Vec<StoredSigningKey>, StoreError> {
        self.hold(Exclusive::SigningKeys).await?;
        let rows: Vec<SigningKeyRow> = on!(self.connection(), db => {
            sqlx::query_as(select_key!("order by active_from, kid limit $1"))
                .bind(MAX_LIST)
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }

    /// Revokes the key `kid`. If no other signs then, the next one does at once, or `spare`, which is added.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn revoke_signing_key(
        &mut self,
        kid: &str,
        spare: &StoredSigningKey,
        at: Timestamp,
    ) -> Result<KeyRevoked, StoreError> {
        self.hold(Exclusive::SigningKeys).await?;
        let living = self.living_signing_keys().await?;
        let Some(place) = living.iter().position(|key| key.kid == kid) else {
            return Ok(KeyRevoked::Unknown);
        };
        self.mark_key_revoked(kid, at).await?;
        let signs = living.iter().rposition(|key| key.active_from <= at).unwrap_or(0);
        let revoked = match living.get(place + 1) {
            _ if place != signs => KeyRevoked::Beside,
            Some(next) => {
                self.begin_to_sign(&next.kid, at).await?;
                KeyRevoked::NextSigns
            }
            None => {
                self.insert_signing_key(spare).await?;
                KeyRevoked::SpareSigns
            }
        };
        Ok(revoked)
    }

    async fn living_signing_keys(&mut self) -> Result<Vec<StoredSigningKey>, StoreError> {
        let rows: Vec<SigningKeyRow> = on!(self.connection(), db => {
            sqlx::query_as(select_key!("where revoked_at is null order by active_from, kid"))
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }

    async fn insert_signing_key(&mut self, key: &StoredSigningKey) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into signing_key (kid, algorithm, sealed, created_at, active_from) \
                 values ($1, $2, $3, $4, $5)",
            )
            .bind(&key.kid)
            .bind(key.algorithm.name())
            .bind(&key.sealed)
            .bind(key.created_at.as_micros())
            .bind(key.active_from.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    async fn mark_key_revoked(&mut self, kid: &str, at: Timestamp) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("update signing_key set revoked_at = $2 where kid = $1")
                .bind(kid)
                .bind(at.as_micros())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }

    async fn begin_to_sign(&mut self, kid: &str, at: Timestamp) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("update signing_key set active_from = $2 where kid = $1")
                .bind(kid)
                .bind(at.as_micros())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }
}
