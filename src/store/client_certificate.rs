//! Client certificates by which apps prove themselves. One is found by all that a certificate may be known by which was shown.

use super::error::{StoreError, require};
use super::key::narrowing;
use super::open::Store;
use super::page::MAX_LIST;
use super::row::{all, known, optional, parse, time};
use super::transaction::Transaction;
use crate::domain::app_certificate::{AppCertificate, KnownBy, KnownByKey, ShownNames};
use crate::domain::id::{AppId, CertificateId};
use crate::domain::time::Timestamp;

row! {
    CertificateRow {
        id: String,
        app: String,
        kind: String,
        name: String,
        label: Option<String>,
        scopes: Option<String>,
        products: Option<String>,
        addresses: Option<String>,
        created_at: i64,
        expires_at: Option<i64>,
        revoked_at: Option<i64>,
        used_at: Option<i64>,
    }
}

macro_rules! select_certificate {
    ($tail:literal) => {
        concat!(
            "select id, app, kind, name, label, scopes, products, addresses, created_at, expires_at, revoked_at, \
             (select used_at from client_certificate_use where certificate = client_certificate.id) as used_at \
             from client_certificate ",
            $tail
        )
    };
}

impl TryFrom<CertificateRow> for AppCertificate {
    type Error = StoreError;

    fn try_from(row: CertificateRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse("client_certificate.id", &row.id)?,
            app: parse("client_certificate.app", &row.app)?,
            known_by: known("client_certificate.name", KnownBy::of(&row.kind, &row.name).ok())?,
            label: row.label,
            scopes: optional("client_certificate.scopes", row.scopes.as_deref())?,
            narrowing: narrowing(row.products.as_deref(), row.addresses.as_deref())?,
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: time(row.expires_at),
            revoked_at: time(row.revoked_at),
            last_used_at: time(row.used_at),
        })
    }
}

impl Store {
    /// Keeps a new certificate.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if its id is taken, or another that was not revoked is known by the same;
    /// [`StoreError::Missing`] without its app; [`StoreError::Unavailable`].
    pub async fn create_client_certificate(&self, certificate: &AppCertificate) -> Result<(), StoreError> {
        let (kind, name) = certificate.known_by.told();
        let (narrowing, mut transaction) = (&certificate.narrowing, self.begin().await?);
        on!(transaction.connection(), db => {
            sqlx::query(
                "insert into client_certificate \
                 (id, app, kind, name, known_by, label, scopes, products, addresses, created_at, expires_at, revoked_at) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            )
            .bind(certificate.id.as_str())
            .bind(certificate.app.as_str())
            .bind(kind)
            .bind(name.as_str())
            .bind(certificate.known_by.key().as_str())
            .bind(certificate.label.as_deref())
            .bind(certificate.scopes.as_ref().map(ToString::to_string))
            .bind(narrowing.products.as_ref().map(ToString::to_string))
            .bind(narrowing.addresses.as_ref().map(ToString::to_string))
            .bind(certificate.created_at.as_micros())
            .bind(certificate.expires_at.map(Timestamp::as_micros))
            .bind(certificate.revoked_at.map(Timestamp::as_micros))
            .execute(db)
            .await
            .map(|_| ())
        })
        .map_err(|error| StoreError::from(error).for_missing("app"))?;
        transaction.commit().await
    }

    /// The certificate that is registered by the first of those names by which any is, or was: the one that was not revoked, or else
    /// the last that was.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn client_certificate_known_by(
        &self,
        names: &ShownNames,
    ) -> Result<Option<AppCertificate>, StoreError> {
        let mut keys = names.keys().iter().map(KnownByKey::as_str).chain(std::iter::repeat(""));
        let [first, second, third] = std::array::from_fn(|_| keys.next().unwrap_or_default());
        let row: Option<CertificateRow> = on!(self.reader(), db => {
            sqlx::query_as(select_certificate!(
                "where known_by in ($1, $2, $3) \
                 order by case known_by when $1 then 1 when $2 then 2 else 3 end, \
                 case when revoked_at is null then 1 else 2 end, created_at desc limit 1"
            ))
            .bind(first)
            .bind(second)
            .bind(third)
            .fetch_optional(db)
            .await
        })?;
        row.map(AppCertificate::try_from).transpose()
    }

    /// The certificate of that id, whether it still proves its app or not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn client_certificate(&self, id: &CertificateId) -> Result<Option<AppCertificate>, StoreError> {
        let row: Option<CertificateRow> = on!(self.reader(), db => {
            sqlx::query_as(select_certificate!("where id = $1")).bind(id.as_str()).fetch_optional(db).await
        })?;
        row.map(AppCertificate::try_from).transpose()
    }

    /// An app's certificates, revoked ones too, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn client_certificates_of(&self, app: &AppId) -> Result<Vec<AppCertificate>, StoreError> {
        let rows: Vec<CertificateRow> = on!(self.reader(), db => {
            sqlx::query_as(select_certificate!("where app = $1 order by created_at desc, id limit $2"))
                .bind(app.as_str())
                .bind(MAX_LIST)
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }
}

impl Transaction {
    /// The certificate of that id, which nobody else changes until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_client_certificate(
        &mut self,
        id: &CertificateId,
    ) -> Result<Option<AppCertificate>, StoreError> {
        let row: Option<CertificateRow> =
            lock_row!(self, select_certificate!("where id = $1"), |query| query.bind(id.as_str()))?;
        row.map(AppCertificate::try_from).transpose()
    }

    /// Revokes a certificate; one that is revoked already keeps its time.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a certificate; [`StoreError::Unavailable`].
    pub async fn revoke_client_certificate(
        &mut self,
        id: &CertificateId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let changed = on!(self.connection(), db => {
            sqlx::query("update client_certificate set revoked_at = coalesce(revoked_at, $2) where id = $1")
                .bind(id.as_str())
                .bind(at.as_micros())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        require("client certificate", changed)
    }
}
