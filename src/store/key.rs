//! API keys. A key is found by its hash; the key itself is nowhere. One that is narrowed as older programs do not know of has
//! another column for it, so that it is none to their nodes.

use super::error::{StoreError, require};
use super::open::Store;
use super::page::MAX_LIST;
use super::row::{all, optional, parse, time};
use super::transaction::Transaction;
use crate::domain::api_key::KeyHash;
use crate::domain::id::{AppId, KeyId};
use crate::domain::identity::KeyRecord;
use crate::domain::narrowing::Narrowing;
use crate::domain::time::Timestamp;

row! {
    KeyRow {
        id: String,
        app: String,
        scopes: Option<String>,
        products: Option<String>,
        addresses: Option<String>,
        created_at: i64,
        expires_at: Option<i64>,
        revoked_at: Option<i64>,
        rotated_from: Option<String>,
        used_at: Option<i64>,
    }
}

macro_rules! select_key {
    ($tail:literal) => {
        concat!(
            "select id, app, scopes, products, addresses, created_at, expires_at, revoked_at, rotated_from, \
             (select used_at from key_use where key_use.api_key = api_key.id) as used_at from api_key ",
            $tail
        )
    };
}

impl TryFrom<KeyRow> for KeyRecord {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse("api_key.id", &row.id)?,
            app: parse("api_key.app", &row.app)?,
            scopes: optional("api_key.scopes", row.scopes.as_deref())?,
            narrowing: narrowing(row.products.as_deref(), row.addresses.as_deref())?,
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: time(row.expires_at),
            revoked_at: time(row.revoked_at),
            rotated_from: optional("api_key.rotated_from", row.rotated_from.as_deref())?,
            last_used_at: time(row.used_at),
        })
    }
}

/// To what a key is narrowed, by the columns of the same names.
pub(super) fn narrowing(products: Option<&str>, addresses: Option<&str>) -> Result<Narrowing, StoreError> {
    Ok(Narrowing {
        products: optional("api_key.products", products)?,
        addresses: optional("api_key.addresses", addresses)?,
    })
}

impl Store {
    /// Keeps a new key's record under its hash.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if id or hash is taken, [`StoreError::Missing`] without its app;
    /// [`StoreError::Unavailable`].
    pub async fn create_key(&self, key: &KeyRecord, hash: &KeyHash) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.create_key(key, hash).await?;
        transaction.commit().await
    }

    /// The key of that hash, whether it still works or not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn key_by_hash(&self, hash: &KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        let row: Option<KeyRow> = on!(self.reader(), db => {
            sqlx::query_as(select_key!("where hash = $1 or narrow_hash = $1")).bind(&hash.0[..]).fetch_optional(db).await
        })?;
        row.map(KeyRecord::try_from).transpose()
    }

    /// The key of that id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn key(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        let row: Option<KeyRow> = on!(self.reader(), db => {
            sqlx::query_as(select_key!("where id = $1")).bind(id.as_str()).fetch_optional(db).await
        })?;
        row.map(KeyRecord::try_from).transpose()
    }

    /// An app's keys, revoked ones too, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn keys_of(&self, app: &AppId) -> Result<Vec<KeyRecord>, StoreError> {
        let rows: Vec<KeyRow> = on!(self.reader(), db => {
            sqlx::query_as(select_key!("where app = $1 order by created_at desc, id limit $2"))
                .bind(app.as_str())
                .bind(MAX_LIST)
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }

    /// Revokes a key; one that is revoked already keeps its time.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a key; [`StoreError::Unavailable`].
    pub async fn revoke_key(&self, id: &KeyId, at: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.revoke_key(id, at).await?;
        transaction.commit().await
    }
}

impl Transaction {
    /// The key of that id, which nobody else changes until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_key(&mut self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        let row: Option<KeyRow> =
            lock_row!(self, select_key!("where id = $1"), |query| query.bind(id.as_str()))?;
        row.map(KeyRecord::try_from).transpose()
    }

    /// Keeps a new key's record under its hash.
    ///
    /// # Errors
    /// As [`Store::create_key`].
    pub async fn create_key(&mut self, key: &KeyRecord, hash: &KeyHash) -> Result<(), StoreError> {
        // An older program, to which a key permits all that its app may, looks for `hash` alone.
        let (hash, narrow_hash) = match key.narrowing.is_none() {
            true => (*hash, None),
            false => (hash.of_no_key(), Some(*hash)),
        };
        on!(self.connection(), db => {
            sqlx::query(
                "insert into api_key \
                 (id, hash, narrow_hash, app, scopes, products, addresses, created_at, expires_at, revoked_at, \
                 rotated_from) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            )
            .bind(key.id.as_str())
            .bind(&hash.0[..])
            .bind(narrow_hash.as_ref().map(|hash| &hash.0[..]))
            .bind(key.app.as_str())
            .bind(key.scopes.as_ref().map(ToString::to_string))
            .bind(key.narrowing.products.as_ref().map(ToString::to_string))
            .bind(key.narrowing.addresses.as_ref().map(ToString::to_string))
            .bind(key.created_at.as_micros())
            .bind(key.expires_at.map(Timestamp::as_micros))
            .bind(key.revoked_at.map(Timestamp::as_micros))
            .bind(key.rotated_from.as_ref().map(KeyId::as_str))
            .execute(db)
            .await
            .map(|_| ())
        })
        .map_err(|error| StoreError::from(error).for_missing("app"))
    }

    /// The newest of the keys that took a key's place.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn successor_of_key(&mut self, key: &KeyRecord) -> Result<Option<KeyRecord>, StoreError> {
        let row: Option<KeyRow> = on!(self.connection(), db => {
            sqlx::query_as(select_key!(
                "where app = $1 and rotated_from = $2 order by created_at desc, id desc limit 1"
            ))
            .bind(key.app.as_str())
            .bind(key.id.as_str())
            .fetch_optional(db)
            .await
        })?;
        row.map(KeyRecord::try_from).transpose()
    }

    /// Has a key end at `end`, unless it ends before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn end_key(&mut self, id: &KeyId, end: Timestamp) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "update api_key set expires_at = $2 where id = $1 and (expires_at is null or expires_at > $2)",
            )
            .bind(id.as_str())
            .bind(end.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Revokes a key; one that is revoked already keeps its time.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a key; [`StoreError::Unavailable`].
    pub async fn revoke_key(&mut self, id: &KeyId, at: Timestamp) -> Result<(), StoreError> {
        let changed = on!(self.connection(), db => {
            sqlx::query("update api_key set revoked_at = coalesce(revoked_at, $2) where id = $1")
                .bind(id.as_str())
                .bind(at.as_micros())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        require("API key", changed)
    }
}
