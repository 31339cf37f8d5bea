//! Authorization requests that apps pushed (RFC 9126), under the hashes of their references. One is used up by the merchant's
//! answer, see [`Store::give_code`].

use super::error::StoreError;
use super::open::Store;
use super::row::parse;
use super::transaction::Transaction;
use crate::domain::id::AppId;
use crate::domain::secret_hash::RequestHash;
use crate::domain::time::Timestamp;

/// An authorization request that was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedRequest {
    /// Whose it is.
    pub app: AppId,
    /// Its parameters, form-encoded.
    pub request: String,
    /// When it was pushed.
    pub created_at: Timestamp,
    /// From when it no longer works.
    pub expires_at: Timestamp,
}

row! {
    PushedRow { app: String, request: String, created_at: i64, expires_at: i64 }
}

impl TryFrom<PushedRow> for PushedRequest {
    type Error = StoreError;

    fn try_from(row: PushedRow) -> Result<Self, StoreError> {
        Ok(Self {
            app: parse("pushed_request.app", &row.app)?,
            request: row.request,
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: Timestamp::from_micros(row.expires_at),
        })
    }
}

impl Store {
    /// Keeps a request, unless `most` of its app wait; whether it did. Of those that are pushed at once, a few more may be kept.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without its app, [`StoreError::Conflict`] if the hash is taken; [`StoreError::Unavailable`].
    pub async fn push_request(
        &self,
        hash: &RequestHash,
        pushed: &PushedRequest,
        most: u32,
    ) -> Result<bool, StoreError> {
        let kept = on!(self.writer(), db => {
            sqlx::query(
                "insert into pushed_request (hash, app, request, created_at, expires_at) \
                 select $1, $2, $3, $4, $5 where (select count(*) from (select 1 from pushed_request \
                 where app = $2 and expires_at > $4 limit $6) waiting) < $6",
            )
            .bind(&hash.0[..])
            .bind(pushed.app.as_str())
            .bind(&pushed.request)
            .bind(pushed.created_at.as_micros())
            .bind(pushed.expires_at.as_micros())
            .bind(i64::from(most))
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })
        .map_err(|error| StoreError::from(error).for_missing("app"))?;
        Ok(kept > 0)
    }

    /// The request of that app, unless it was used or has expired at `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn pushed_request(
        &self,
        app: &AppId,
        hash: &RequestHash,
        now: Timestamp,
    ) -> Result<Option<PushedRequest>, StoreError> {
        let row: Option<PushedRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select app, request, created_at, expires_at from pushed_request \
                 where hash = $1 and app = $2 and expires_at > $3",
            )
            .bind(&hash.0[..])
            .bind(app.as_str())
            .bind(now.as_micros())
            .fetch_optional(db)
            .await
        })?;
        row.map(PushedRequest::try_from).transpose()
    }

    /// Uses a request up without a code, as a merchant does that says no; whether it was there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn drop_pushed_request(
        &self,
        app: &AppId,
        hash: &RequestHash,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let is_used = transaction.use_pushed_request(app, hash, now).await?;
        transaction.commit().await?;
        Ok(is_used)
    }
}

impl Transaction {
    /// Uses a request up; whether it was there, and had not expired at `now`.
    pub(super) async fn use_pushed_request(
        &mut self,
        app: &AppId,
        hash: &RequestHash,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let used = on!(self.connection(), db => {
            sqlx::query("delete from pushed_request where hash = $1 and app = $2 and expires_at > $3")
                .bind(&hash.0[..])
                .bind(app.as_str())
                .bind(now.as_micros())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(used > 0)
    }
}
