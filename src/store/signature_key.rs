//! The keys by which apps sign their requests. The store never sees a secret: the caller seals it first. When a key ends that is
//! narrowed as older programs do not know of, another column tells, so that to their nodes it has ended.

use super::calling_app::{CallingRow, with_app};
use super::credential::{CredentialId, CredentialRow, Kept, read};
use super::error::StoreError;
use super::open::Store;
use super::row::{Parts, known};
use super::transaction::Transaction;
use crate::domain::calling::CallingApp;
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

type WholeRow = Parts<CredentialRow<SigningColumns>, MaterialRow>;

macro_rules! columns {
    () => {
        "id, app, style, zone, weak_methods, algorithm, scopes, products, addresses, created_at, \
         case when products is null and addresses is null then expires_at else ends_at end as expires_at, revoked_at, \
         rotated_from, \
         (select used_at from signature_key_use where signature_key_use.signature_key = signature_key.id) as used_at"
    };
}

impl CredentialId for SignatureKeyId {
    type Own = Signing;
    type Columns = SigningColumns;
    const KEPT: Kept = kept!(
        "signature key",
        "signature_key",
        columns!(),
        end: "expires_at = case when expires_at < $2 then expires_at else $2 end, \
              ends_at = case when ends_at < $2 then ends_at else $2 end where id = $1",
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

    /// The key of that id whole, whether it still works or not, with its app.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn signature_key_with_app(
        &self,
        id: &SignatureKeyId,
    ) -> Result<Option<(StoredSignatureKey, CallingApp)>, StoreError> {
        let statement =
            select_calling!(concat!(columns!(), ", sealed, public_key"), "signature_key where id = $1");
        let rows: Vec<CallingRow<WholeRow>> = on!(self.reader(), db => {
            sqlx::query_as(statement).bind(id.as_str()).fetch_all(db).await
        })?;
        let whole = |(Parts(record, material), app): (WholeRow, _)| {
            let (record, material) =
                (read::<SignatureKeyId>(record)?, SignatureKeyMaterial::try_from(material)?);
            Ok((StoredSignatureKey { record, material }, app))
        };
        with_app(rows)?.map(whole).transpose()
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
        let narrowing = &record.narrowing;
        // To an older program, to which a key permits all that its app may, one that is narrowed has ended.
        let (expires_at, ends_at) = match narrowing.is_none() {
            true => (record.expires_at, None),
            false => (Some(record.created_at), record.expires_at),
        };
        on!(self.connection(), db => {
            sqlx::query(
                "insert into signature_key \
                 (id, app, style, zone, weak_methods, algorithm, sealed, public_key, scopes, products, addresses, created_at, \
                 expires_at, ends_at, revoked_at, rotated_from) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
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
            .bind(narrowing.products.as_ref().map(ToString::to_string))
            .bind(narrowing.addresses.as_ref().map(ToString::to_string))
            .bind(record.created_at.as_micros())
            .bind(expires_at.map(Timestamp::as_micros))
            .bind(ends_at.map(Timestamp::as_micros))
            .bind(record.revoked_at.map(Timestamp::as_micros))
            .bind(record.rotated_from.as_ref().map(SignatureKeyId::as_str))
            .execute(db)
            .await
            .map(|_| ())
        })
        .map_err(|error| StoreError::from(error).for_missing("app"))
    }
}
