//! The keys that sign what is believed for years. The store never sees a private key: the caller seals it first. Append-only, by triggers of
//! both stores, but that a key is revoked once.
//!
//! Invariant: keys follow one another. One is added by a transaction that knows all there are, so that nodes that rotate at once make
//! one key.

use std::fmt;

use super::error::StoreError;
use super::open::Store;
use super::row::{all, known, time};
use super::transaction::{Exclusive, Transaction};
use crate::domain::proof_key::{Endorsement, ProofKey};
use crate::domain::time::Timestamp;

/// A key pair that signs, will, or did.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredProofKey {
    /// What all may know of it.
    pub key: ProofKey,
    /// The private key, as the caller sealed it.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl fmt::Debug for StoredProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredProofKey({})", self.key.kid)
    }
}

row! {
    ProofKeyRow {
        kid: String,
        public: Vec<u8>,
        sealed: Vec<u8>,
        created_at: i64,
        signs_from: i64,
        endorsed_by: Option<String>,
        endorsement: Option<Vec<u8>>,
        revoked_at: Option<i64>,
    }
}

impl TryFrom<ProofKeyRow> for StoredProofKey {
    type Error = StoreError;

    fn try_from(row: ProofKeyRow) -> Result<Self, StoreError> {
        let endorsement = row.endorsed_by.zip(row.endorsement).map(|(by, signature)| {
            let signature = known("proof_key.endorsement", signature.try_into().ok())?;
            Ok::<_, StoreError>(Endorsement { by, signature })
        });
        let key = ProofKey {
            kid: row.kid,
            public: super::row::hash("proof_key.public", &row.public)?,
            signs_from: Timestamp::from_micros(row.signs_from),
            endorsement: endorsement.transpose()?,
            revoked_at: time(row.revoked_at),
        };
        Ok(Self { key, sealed: row.sealed, created_at: Timestamp::from_micros(row.created_at) })
    }
}

const KEYS: &str = "select kid, public, sealed, created_at, signs_from, endorsed_by, endorsement, revoked_at from proof_key \
                    order by signs_from, created_at, kid";

impl Store {
    /// All keys there ever were, in the order in which they begin to sign.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn proof_keys(&self) -> Result<Vec<StoredProofKey>, StoreError> {
        let rows: Vec<ProofKeyRow> = on!(self.reader(), db => sqlx::query_as(KEYS).fetch_all(db).await)?;
        all(rows)
    }
}

impl Transaction {
    /// All keys as [`Store::proof_keys`] has them, which nobody else changes until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_proof_keys(&mut self) -> Result<Vec<StoredProofKey>, StoreError> {
        self.hold(Exclusive::ProofKeys).await?;
        let rows: Vec<ProofKeyRow> = on!(self.connection(), db => sqlx::query_as(KEYS).fetch_all(db).await)?;
        all(rows)
    }

    /// Adds a key. The transaction must hold [`Exclusive::ProofKeys`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if its id is taken; [`StoreError::Unavailable`].
    pub async fn insert_proof_key(&mut self, stored: &StoredProofKey) -> Result<(), StoreError> {
        let StoredProofKey { key, sealed, created_at } = stored;
        let endorsement = key.endorsement.as_ref();
        on!(self.connection(), db => {
            sqlx::query(
                "insert into proof_key (kid, public, sealed, created_at, signs_from, endorsed_by, endorsement) \
                 values ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(&key.kid)
            .bind(key.public.as_slice())
            .bind(sealed)
            .bind(created_at.as_micros())
            .bind(key.signs_from.as_micros())
            .bind(endorsement.map(|endorsement| &endorsement.by))
            .bind(endorsement.map(|endorsement| endorsement.signature.as_slice()))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Revokes a key that is not revoked. The transaction must hold [`Exclusive::ProofKeys`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn revoke_proof_key(&mut self, kid: &str, at: Timestamp) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("update proof_key set revoked_at = $2 where kid = $1 and revoked_at is null")
                .bind(kid)
                .bind(at.as_micros())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }
}
