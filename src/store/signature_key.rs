//! The keys by which apps sign their requests. The store never sees a secret: the caller seals it first.

use super::error::{StoreError, require};
use super::open::Store;
use super::page::MAX_LIST;
use super::row::{all, known, optional, parse, time};
use super::transaction::Transaction;
use crate::domain::id::{AppId, SignatureKeyId};
use crate::domain::signature_key::{
    SignatureAlgorithm, SignatureKeyMaterial, SignatureKeyRecord, StoredSignatureKey,
};
use crate::domain::signature_style::{SignatureStyle, WeakMethods};
use crate::domain::time::{Timestamp, Zone};

row! {
    RecordRow {
        id: String,
        app: String,
        style: String,
        zone: Option<String>,
        weak_methods: String,
        algorithm: String,
        scopes: Option<String>,
        created_at: i64,
        expires_at: Option<i64>,
        revoked_at: Option<i64>,
    }
}

row! {
    MaterialRow { sealed: Option<Vec<u8>>, public_key: Option<String> }
}

macro_rules! select_key {
    ($tail:literal) => {
        concat!(
            "select id, app, style, zone, weak_methods, algorithm, scopes, created_at, expires_at, revoked_at \
             from signature_key ",
            $tail
        )
    };
}

impl TryFrom<RecordRow> for SignatureKeyRecord {
    type Error = StoreError;

    fn try_from(row: RecordRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse("signature_key.id", &row.id)?,
            app: parse("signature_key.app", &row.app)?,
            style: style(&row)?,
            algorithm: known("signature_key.algorithm", SignatureAlgorithm::named(&row.algorithm))?,
            scopes: optional("signature_key.scopes", row.scopes.as_deref())?,
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: time(row.expires_at),
            revoked_at: time(row.revoked_at),
        })
    }
}

fn style(row: &RecordRow) -> Result<SignatureStyle, StoreError> {
    let zone = match &row.zone {
        Some(zone) => Some(known("signature_key.zone", Zone::named(zone).ok())?),
        None => None,
    };
    let weak = known("signature_key.weak_methods", WeakMethods::named(&row.weak_methods))?;
    known("signature_key.style", SignatureStyle::of(&row.style, zone, weak))
}

impl TryFrom<MaterialRow> for SignatureKeyMaterial {
    type Error = StoreError;

    fn try_from(row: MaterialRow) -> Result<Self, StoreError> {
        match (row.sealed, row.public_key) {
            (Some(sealed), None) => Ok(Self::Sealed(sealed)),
            (None, Some(jwk)) => Ok(Self::Public(jwk)),
            _ => Err(StoreError::corrupt("signature_key.sealed")),
        }
    }
}

impl Store {
    /// Keeps a new key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if its id is taken, [`StoreError::Missing`] without its app; [`StoreError::Unavailable`].
    pub async fn create_signature_key(&self, key: &StoredSignatureKey) -> Result<(), StoreError> {
        let StoredSignatureKey { record, material } = key;
        let (sealed, public_key) = match material {
            SignatureKeyMaterial::Sealed(sealed) => (Some(sealed.as_slice()), None),
            SignatureKeyMaterial::Public(jwk) => (None, Some(jwk.as_str())),
        };
        let mut transaction = self.begin().await?;
        on!(transaction.connection(), db => {
            sqlx::query(
                "insert into signature_key \
                 (id, app, style, zone, weak_methods, algorithm, sealed, public_key, scopes, created_at, expires_at, revoked_at) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            )
            .bind(record.id.as_str())
            .bind(record.app.as_str())
            .bind(record.style.name())
            .bind(record.style.zone().map(Zone::name))
            .bind(record.style.weak().to_string())
            .bind(record.algorithm.name())
            .bind(sealed)
            .bind(public_key)
            .bind(record.scopes.as_ref().map(ToString::to_string))
            .bind(record.created_at.as_micros())
            .bind(record.expires_at.map(Timestamp::as_micros))
            .bind(record.revoked_at.map(Timestamp::as_micros))
            .execute(db)
            .await
            .map(|_| ())
        })
        .map_err(|error| StoreError::from(error).for_missing("app"))?;
        transaction.commit().await
    }

    /// What is told of the key of that id, whether it still works or not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn signature_key(&self, id: &SignatureKeyId) -> Result<Option<SignatureKeyRecord>, StoreError> {
        let row: Option<RecordRow> = on!(self.reader(), db => {
            sqlx::query_as(select_key!("where id = $1")).bind(id.as_str()).fetch_optional(db).await
        })?;
        row.map(SignatureKeyRecord::try_from).transpose()
    }

    /// By what the signatures of the key of that id are verified. That never changes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn signature_key_material(
        &self,
        id: &SignatureKeyId,
    ) -> Result<Option<SignatureKeyMaterial>, StoreError> {
        let row: Option<MaterialRow> = on!(self.reader(), db => {
            sqlx::query_as("select sealed, public_key from signature_key where id = $1")
                .bind(id.as_str())
                .fetch_optional(db)
                .await
        })?;
        row.map(SignatureKeyMaterial::try_from).transpose()
    }

    /// An app's signature keys, revoked ones too, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn signature_keys_of(&self, app: &AppId) -> Result<Vec<SignatureKeyRecord>, StoreError> {
        let rows: Vec<RecordRow> = on!(self.reader(), db => {
            sqlx::query_as(select_key!("where app = $1 order by created_at desc, id limit $2"))
                .bind(app.as_str())
                .bind(MAX_LIST)
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }
}

impl Transaction {
    /// The key of that id, which nobody else changes until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_signature_key(
        &mut self,
        id: &SignatureKeyId,
    ) -> Result<Option<SignatureKeyRecord>, StoreError> {
        let row: Option<RecordRow> =
            lock_row!(self, select_key!("where id = $1"), |query| query.bind(id.as_str()))?;
        row.map(SignatureKeyRecord::try_from).transpose()
    }

    /// Revokes a key; one that is revoked already keeps its time.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a key; [`StoreError::Unavailable`].
    pub async fn revoke_signature_key(
        &mut self,
        id: &SignatureKeyId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let changed = on!(self.connection(), db => {
            sqlx::query("update signature_key set revoked_at = coalesce(revoked_at, $2) where id = $1")
                .bind(id.as_str())
                .bind(at.as_micros())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        require("signature key", changed)
    }
}
