//! Logins whose password was right, and that wait for the second factor. The cookie holds its id; the store only its hash.

use std::fmt;

use super::error::StoreError;
use super::open::Store;
use super::row::parse;
use crate::domain::id::MerchantId;
use crate::domain::secret_hash::PendingHash;
use crate::domain::time::Timestamp;

/// A login that waits for the second factor. It opens nothing by itself.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingLogin {
    /// Whose.
    pub merchant: MerchantId,
    /// What the password was checked against: with another one the login begins anew.
    pub password_hash: String,
    /// From when it begins anew.
    pub expires_at: Timestamp,
}

impl fmt::Debug for PendingLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PendingLogin({} until {})", self.merchant, self.expires_at)
    }
}

row! {
    PendingRow { merchant: String, password_hash: String, expires_at: i64 }
}

impl TryFrom<PendingRow> for PendingLogin {
    type Error = StoreError;

    fn try_from(row: PendingRow) -> Result<Self, StoreError> {
        Ok(Self {
            merchant: parse("pending_login.merchant", &row.merchant)?,
            password_hash: row.password_hash,
            expires_at: Timestamp::from_micros(row.expires_at),
        })
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
        on!(self.writer(), db => {
            sqlx::query(
                "insert into pending_login (hash, merchant, password_hash, expires_at) values ($1, $2, $3, $4)",
            )
            .bind(&hash.0[..])
            .bind(pending.merchant.as_str())
            .bind(&pending.password_hash)
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
                "select merchant, password_hash, expires_at from pending_login where hash = $1 and expires_at > $2",
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
