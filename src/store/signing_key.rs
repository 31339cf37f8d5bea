//! The keys that sign access tokens. The store never sees a private key: the caller seals it first.

use std::fmt;

use super::error::{StoreError, require};
use super::open::Store;
use super::page::MAX_LIST;
use super::row::{all, time};
use crate::domain::time::Timestamp;

/// A key pair that signs access tokens, or did.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSigningKey {
    /// Its id in tokens and in the JWKS.
    pub kid: String,
    /// Its algorithm (RFC 7518), such as `ES256`.
    pub algorithm: String,
    /// The private key, as the caller sealed it.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when it signs nothing more; what it signed before stays valid to its end.
    pub retired_at: Option<Timestamp>,
}

impl fmt::Debug for StoredSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredSigningKey({} {})", self.algorithm, self.kid)
    }
}

row! {
    SigningKeyRow {
        kid: String,
        algorithm: String,
        sealed: Vec<u8>,
        created_at: i64,
        retired_at: Option<i64>,
    }
}

impl TryFrom<SigningKeyRow> for StoredSigningKey {
    type Error = StoreError;

    fn try_from(row: SigningKeyRow) -> Result<Self, StoreError> {
        Ok(Self {
            kid: row.kid,
            algorithm: row.algorithm,
            sealed: row.sealed,
            created_at: Timestamp::from_micros(row.created_at),
            retired_at: time(row.retired_at),
        })
    }
}

impl Store {
    /// Keeps a new key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if its id is taken; [`StoreError::Unavailable`].
    pub async fn insert_signing_key(&self, key: &StoredSigningKey) -> Result<(), StoreError> {
        on!(self.writer(), db => {
            sqlx::query(
                "insert into signing_key (kid, algorithm, sealed, created_at, retired_at) \
                 values ($1, $2, $3, $4, $5)",
            )
            .bind(&key.kid)
            .bind(&key.algorithm)
            .bind(&key.sealed)
            .bind(key.created_at.as_micros())
            .bind(key.retired_at.map(Timestamp::as_micros))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// All keys, retired ones too, newest first: the first that is not retired is the one to sign with.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, StoreError> {
        let rows: Vec<SigningKeyRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select kid, algorithm, sealed, created_at, retired_at from signing_key \
                 order by created_at desc, kid limit $1",
            )
            .bind(MAX_LIST)
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }

    /// Retires a key; one that is retired already keeps its time.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a key; [`StoreError::Unavailable`].
    pub async fn retire_signing_key(&self, kid: &str, at: Timestamp) -> Result<(), StoreError> {
        let changed = on!(self.writer(), db => {
            sqlx::query("update signing_key set retired_at = coalesce(retired_at, $2) where kid = $1")
                .bind(kid)
                .bind(at.as_micros())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        require("signing key", changed)
    }
}
