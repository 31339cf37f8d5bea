//! Logins whose first factor was right, and that wait for the second. The cookie holds its id; the store only its hash.

use std::fmt;

use super::error::StoreError;
use super::first_factor::FirstFactor;
use super::open::Store;
use super::row::{parse, time};
use crate::domain::id::MerchantId;
use crate::domain::provider_account::ProviderAccount;
use crate::domain::secret_hash::PendingHash;
use crate::domain::time::Timestamp;

/// A login that waits for the second factor. It opens nothing by itself.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingLogin {
    /// Whose.
    pub merchant: MerchantId,
    /// What the merchant proved itself by so far.
    pub first: FirstFactor,
    /// From when it begins anew.
    pub expires_at: Timestamp,
}

impl fmt::Debug for PendingLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PendingLogin({} until {})", self.merchant, self.expires_at)
    }
}

row! {
    PendingRow {
        merchant: String,
        password_hash: Option<String>,
        issuer: Option<String>,
        subject: Option<String>,
        authenticated_at: Option<i64>,
        expires_at: i64,
    }
}

impl TryFrom<PendingRow> for PendingLogin {
    type Error = StoreError;

    fn try_from(row: PendingRow) -> Result<Self, StoreError> {
        let malformed = || StoreError::corrupt("pending_login.subject");
        let first = match (row.password_hash, row.issuer, row.subject, time(row.authenticated_at)) {
            (Some(hash), None, None, None) => FirstFactor::Password(hash),
            (None, Some(issuer), Some(subject), Some(at)) => {
                let account = ProviderAccount::new(&issuer, &subject).map_err(|_| malformed())?;
                FirstFactor::Account(account, at)
            }
            _ => return Err(malformed()),
        };
        let expires_at = Timestamp::from_micros(row.expires_at);
        Ok(Self { merchant: parse("pending_login.merchant", &row.merchant)?, first, expires_at })
    }
}

impl Store {
    /// Keeps a login that waits.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without the merchant; [`StoreError::Unavailable`].
    pub async fn begin_pending_login(
        &self,
        hash: &PendingHash,
        pending: &PendingLogin,
    ) -> Result<(), StoreError> {
        let (password_hash, account) = match &pending.first {
            FirstFactor::Password(hash) => (Some(hash), None),
            FirstFactor::Account(account, at) => (None, Some((account, at.as_micros()))),
        };
        on!(self.writer(), db => {
            sqlx::query(
                "insert into pending_login (hash, merchant, password_hash, issuer, subject, authenticated_at, \
                 expires_at) values ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(&hash.0[..])
            .bind(pending.merchant.as_str())
            .bind(password_hash)
            .bind(account.map(|(account, _)| account.issuer()))
            .bind(account.map(|(account, _)| account.subject()))
            .bind(account.map(|(_, at)| at))
            .bind(pending.expires_at.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })
        .map_err(|error| StoreError::from(error).for_missing("merchant"))
    }

    /// The login that waits under that hash, if it has not expired at `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn pending_login(
        &self,
        hash: &PendingHash,
        now: Timestamp,
    ) -> Result<Option<PendingLogin>, StoreError> {
        let row: Option<PendingRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select merchant, password_hash, issuer, subject, authenticated_at, expires_at from pending_login \
                 where hash = $1 and expires_at > $2",
            )
            .bind(&hash.0[..])
            .bind(now.as_micros())
            .fetch_optional(db)
            .await
        })?;
        row.map(PendingLogin::try_from).transpose()
    }

    /// Ends a login that waits; whether it did.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn end_pending_login(&self, hash: &PendingHash) -> Result<bool, StoreError> {
        let ended = on!(self.writer(), db => {
            sqlx::query("delete from pending_login where hash = $1")
                .bind(&hash.0[..])
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(ended > 0)
    }
}
