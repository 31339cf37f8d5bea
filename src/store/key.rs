//! API keys. A key is found by its hash; the key itself is nowhere. One that is narrowed as older programs do not know of has
//! another column for it, so that it is none to their nodes.

use super::calling_app::{CallingRow, with_app};
use super::credential::{CredentialId, CredentialRow, Kept, read};
use super::error::StoreError;
use super::open::Store;
use super::transaction::Transaction;
use crate::domain::api_key::KeyHash;
use crate::domain::calling::CallingApp;
use crate::domain::id::KeyId;
use crate::domain::identity::KeyRecord;
use crate::domain::time::Timestamp;

macro_rules! columns {
    () => {
        "id, app, scopes, products, addresses, created_at, expires_at, revoked_at, rotated_from, \
         (select used_at from key_use where key_use.api_key = api_key.id) as used_at"
    };
}

impl CredentialId for KeyId {
    type Own = ();
    type Columns = ();
    const KEPT: Kept = kept!(
        "API key",
        "api_key",
        columns!(),
        end: "expires_at = $2 where id = $1 and (expires_at is null or expires_at > $2)",
        uses: "key_use" by "api_key"
    );

    fn own((): ()) -> Result<(), StoreError> {
        Ok(())
    }
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

    /// The key of that hash, whether it still works or not, with its app.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn key_with_app(&self, hash: &KeyHash) -> Result<Option<(KeyRecord, CallingApp)>, StoreError> {
        let statement = select_calling!(columns!(), "api_key where hash = $1 or narrow_hash = $1");
        let rows: Vec<CallingRow<CredentialRow<()>>> = on!(self.reader(), db => {
            sqlx::query_as(statement).bind(&hash.0[..]).fetch_all(db).await
        })?;
        with_app(rows)?.map(|(key, app)| Ok((read::<KeyId>(key)?, app))).transpose()
    }

    /// The key of that hash, whether it still works or not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn key_by_hash(&self, hash: &KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        let statement = concat!("select ", columns!(), " from api_key where hash = $1 or narrow_hash = $1");
        let row: Option<CredentialRow<()>> = on!(self.reader(), db => {
            sqlx::query_as(statement).bind(&hash.0[..]).fetch_optional(db).await
        })?;
        row.map(read::<KeyId>).transpose()
    }
}

impl Transaction {
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
}
