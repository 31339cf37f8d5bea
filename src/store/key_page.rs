//! All API keys, page by page: those that work with everything that a call by them rests on, in one statement, since a platform
//! has a million of them; or the hashes of all.

use super::calling_app::{CallingRow, app_of};
use super::credential::narrowing;
use super::error::StoreError;
use super::open::Store;
use super::row::{Parts, hash, optional, parse, time};
use crate::domain::api_key::KeyHash;
use crate::domain::calling::CallingApp;
use crate::domain::id::KeyId;
use crate::domain::narrowing::Narrowing;
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;

row! {
    KeyHashRow { id: String, hash: Vec<u8> }
}

row! {
    KeyPageRow {
        id: String,
        hash: Vec<u8>,
        scopes: Option<String>,
        products: Option<String>,
        addresses: Option<String>,
        expires_at: Option<i64>,
    }
}

/// A key with what a call by it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyWithApp {
    /// The key's hash.
    pub hash: KeyHash,
    /// The key.
    pub id: KeyId,
    /// A narrower set of scopes than the app's, if the key has one.
    pub scopes: Option<ScopeSet>,
    /// To what else it is narrowed.
    pub narrowing: Narrowing,
    /// From when it no longer works.
    pub expires_at: Option<Timestamp>,
    /// Its app, as far as calls are concerned.
    pub app: CallingApp,
}

impl Store {
    /// The keys after `after`, in the order of their ids, that are not revoked: at most `most` of them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn keys_with_apps(
        &self,
        after: Option<&KeyId>,
        most: u32,
    ) -> Result<Vec<KeyWithApp>, StoreError> {
        let statement = select_calling!(
            "id, coalesce(narrow_hash, hash) as hash, app, scopes, products, addresses, expires_at",
            "api_key where id > $1 and revoked_at is null order by id limit $2",
            by: "k.id, "
        );
        let rows: Vec<CallingRow<KeyPageRow>> = on!(self.reader(), db => {
            sqlx::query_as(statement)
                .bind(after.map_or("", KeyId::as_str))
                .bind(i64::from(most))
                .fetch_all(db)
                .await
        })?;
        let mut keys = Vec::new();
        for of_key in rows.chunk_by(|Parts(one, _), Parts(other, _)| one.id == other.id) {
            if let (Some(Parts(key, _)), Some(app)) = (of_key.first(), app_of(of_key)?) {
                keys.push(key.with(app)?);
            }
        }
        Ok(keys)
    }

    /// The hashes of the keys after `after`, in the order of their ids, whether they work or not: at most `most` of them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn key_hashes_after(
        &self,
        after: Option<&KeyId>,
        most: u32,
    ) -> Result<Vec<(KeyId, KeyHash)>, StoreError> {
        let rows: Vec<KeyHashRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select id, coalesce(narrow_hash, hash) as hash from api_key where id > $1 order by id limit $2",
            )
            .bind(after.map_or("", KeyId::as_str))
            .bind(i64::from(most))
            .fetch_all(db)
            .await
        })?;
        rows.into_iter().map(|row| Ok((parse("api_key.id", &row.id)?, row.hash()?))).collect()
    }

    /// The hash of a key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn key_hash(&self, id: &KeyId) -> Result<Option<KeyHash>, StoreError> {
        let row: Option<KeyHashRow> = on!(self.reader(), db => {
            sqlx::query_as("select id, coalesce(narrow_hash, hash) as hash from api_key where id = $1")
                .bind(id.as_str())
                .fetch_optional(db)
                .await
        })?;
        row.map(|row| row.hash()).transpose()
    }
}

impl KeyHashRow {
    fn hash(&self) -> Result<KeyHash, StoreError> {
        Ok(KeyHash(hash("api_key.hash", &self.hash)?))
    }
}

impl KeyPageRow {
    fn with(&self, app: CallingApp) -> Result<KeyWithApp, StoreError> {
        Ok(KeyWithApp {
            hash: KeyHash(hash("api_key.hash", &self.hash)?),
            id: parse("api_key.id", &self.id)?,
            scopes: optional("api_key.scopes", self.scopes.as_deref())?,
            narrowing: narrowing("api_key", self.products.as_deref(), self.addresses.as_deref())?,
            expires_at: time(self.expires_at),
            app,
        })
    }
}
