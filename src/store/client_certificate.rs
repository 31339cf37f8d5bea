//! Client certificates by which apps prove themselves. One is found by all that a certificate may be known by which was shown.

use super::calling_app::{CallingRow, with_app};
use super::credential::{CredentialId, CredentialRow, Kept, read};
use super::error::StoreError;
use super::open::Store;
use super::row::known;
use super::transaction::Transaction;
use crate::domain::app_certificate::{AppCertificate, KnownBy, KnownByKey, RegisteredAs, ShownNames};
use crate::domain::calling::CallingApp;
use crate::domain::id::CertificateId;
use crate::domain::time::Timestamp;

row! {
    pub RegisteredColumns { kind: String, name: String, label: Option<String> }
}

macro_rules! columns {
    () => {
        "id, app, kind, name, label, scopes, products, addresses, created_at, expires_at, revoked_at, rotated_from, \
         (select used_at from client_certificate_use where certificate = client_certificate.id) as used_at"
    };
}

impl CredentialId for CertificateId {
    type Own = RegisteredAs;
    type Columns = RegisteredColumns;
    const KEPT: Kept = kept!(
        "client certificate",
        "client_certificate",
        columns!(),
        end: "expires_at = $2 where id = $1 and (expires_at is null or expires_at > $2)",
        uses: "client_certificate_use" by "certificate"
    );

    fn own(columns: RegisteredColumns) -> Result<RegisteredAs, StoreError> {
        let known_by = KnownBy::of(&columns.kind, &columns.name).ok();
        Ok(RegisteredAs { known_by: known("client_certificate.name", known_by)?, label: columns.label })
    }
}

impl Store {
    /// Keeps a new certificate.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if its id is taken, or another that was not revoked is known by the same;
    /// [`StoreError::Missing`] without its app; [`StoreError::Unavailable`].
    pub async fn create_client_certificate(&self, certificate: &AppCertificate) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.create_client_certificate(certificate).await?;
        transaction.commit().await
    }

    /// The certificate that is registered by the first of those names by which any is, or was: the one that was not revoked, or else
    /// the last that was; with its app.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn client_certificate_known_by(
        &self,
        names: &ShownNames,
    ) -> Result<Option<(AppCertificate, CallingApp)>, StoreError> {
        let mut keys = names.keys().iter().map(KnownByKey::as_str).chain(std::iter::repeat(""));
        let [first, second, third] = std::array::from_fn(|_| keys.next().unwrap_or_default());
        let statement = select_calling!(
            columns!(),
            "client_certificate where known_by in ($1, $2, $3) \
             order by case known_by when $1 then 1 when $2 then 2 else 3 end, \
             case when revoked_at is null then 1 else 2 end, created_at desc limit 1"
        );
        let rows: Vec<CallingRow<CredentialRow<RegisteredColumns>>> = on!(self.reader(), db => {
            sqlx::query_as(statement).bind(first).bind(second).bind(third).fetch_all(db).await
        })?;
        let read = |(certificate, app)| Ok((read::<CertificateId>(certificate)?, app));
        with_app(rows)?.map(read).transpose()
    }
}

impl Transaction {
    /// Keeps a new certificate.
    ///
    /// # Errors
    /// As [`Store::create_client_certificate`].
    pub async fn create_client_certificate(
        &mut self,
        certificate: &AppCertificate,
    ) -> Result<(), StoreError> {
        let RegisteredAs { known_by, label } = &certificate.own;
        let ((kind, name), narrowing) = (known_by.told(), &certificate.narrowing);
        on!(self.connection(), db => {
            sqlx::query(
                "insert into client_certificate \
                 (id, app, kind, name, known_by, label, scopes, products, addresses, created_at, expires_at, revoked_at, \
                 rotated_from) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            )
            .bind(certificate.id.as_str())
            .bind(certificate.app.as_str())
            .bind(kind)
            .bind(name.as_str())
            .bind(known_by.key().as_str())
            .bind(label.as_deref())
            .bind(certificate.scopes.as_ref().map(ToString::to_string))
            .bind(narrowing.products.as_ref().map(ToString::to_string))
            .bind(narrowing.addresses.as_ref().map(ToString::to_string))
            .bind(certificate.created_at.as_micros())
            .bind(certificate.expires_at.map(Timestamp::as_micros))
            .bind(certificate.revoked_at.map(Timestamp::as_micros))
            .bind(certificate.rotated_from.as_ref().map(CertificateId::as_str))
            .execute(db)
            .await
            .map(|_| ())
        })
        .map_err(|error| StoreError::from(error).for_missing("app"))
    }
}
