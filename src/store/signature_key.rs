//! The keys by which apps sign their requests. The store never sees a secret: the caller seals it first.

use super::credential::{CredentialId, Kept};
use super::error::StoreError;
use super::open::Store;
use super::row::known;
use super::transaction::Transaction;
use crate::domain::id::SignatureKeyId;
use crate::domain::signature_key::{SignatureAlgorithm, SignatureKeyMaterial, Signing, StoredSignatureKey};
use crate::domain::signature_style::{SignatureStyle, WeakMethods};
use crate::domain::time::{Timestamp, Zone};

row! {
    pub SigningColumns { style: String, zone: Option<String>, weak_methods: String, algorithm: String }
}

row! {
    MaterialRow { sealed: Option<Vec<u8>>, public_key: Option<String> }
}

macro_rules! columns {
    () => {
        "id, app, style, zone, weak_methods, algorithm, scopes, null as products, null as addresses, created_at, expires_at, \
         revoked_at, null as rotated_from, null as used_at"
    };
}

impl CredentialId for SignatureKeyId {
    type Own = Signing;
    type Columns = SigningColumns;
    const KEPT: Kept = kept!(
        "signature key",
        "signature_key",
        columns!(),
        end: "expires_at = $2 where id = $1 and (expires_at is null or expires_at > $2)",
        uses: "signature_key_use" by "signature_key"
    );

    fn own(columns: SigningColumns) -> Result<Signing, StoreError> {
        let zone = match &columns.zone {
            Some(zone) => Some(known("signature_key.zone", Zone::named(zone).ok())?),
            None => None,
        };
        let weak = known("signature_key.weak_methods", WeakMethods::named(&columns.weak_methods))?;
        Ok(Signing {
            style: known("signature_key.style", SignatureStyle::of(&columns.style, zone, weak))?,
            algorithm: known("signature_key.algorithm", SignatureAlgorithm::named(&columns.algorithm))?,
        })
    }
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
        let mut transaction = self.begin().await?;
        transaction.create_signature_key(key).await?;
        transaction.commit().await
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
}

impl Transaction {
    /// Keeps a new key.
    ///
    /// # Errors
    /// As [`Store::create_signature_key`].
    pub async fn create_signature_key(&mut self, key: &StoredSignatureKey) -> Result<(), StoreError> {
        let StoredSignatureKey { record, material } = key;
        let (sealed, public_key) = match material {
            SignatureKeyMaterial::Sealed(sealed) => (Some(sealed.as_slice()), None),
            SignatureKeyMaterial::Public(jwk) => (None, Some(jwk.as_str())),
        };
        on!(self.connection(), db => {
            sqlx::query(
                "insert into signature_key \
                 (id, app, style, zone, weak_methods, algorithm, sealed, public_key, scopes, created_at, expires_at, revoked_at) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            )
            .bind(record.id.as_str())
            .bind(record.app.as_str())
            .bind(record.own.style.name())
            .bind(record.own.style.zone().map(Zone::name))
            .bind(record.own.style.weak().to_string())
            .bind(record.own.algorithm.name())
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
        .map_err(|error| StoreError::from(error).for_missing("app"))
    }
}
