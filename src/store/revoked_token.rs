//! Access tokens that were revoked one by one, until they would have expired. What ends many at once (of an app, a grant, a
//! family of refresh tokens) is kept with that.
//!
//! Invariant: of a family, and of those that an app got for itself, only so many are revoked one by one that have not expired.

use super::error::StoreError;
use super::open::Store;
use crate::domain::id::{AppId, FamilyId};
use crate::domain::time::Timestamp;

/// Most tokens that an app got for itself which are revoked one by one and have not expired.
pub const MAX_OF_APP: i64 = 1_000;
/// Most of a family.
pub const MAX_OF_FAMILY: i64 = 50;

/// An access token that is to be revoked by itself.
#[derive(Debug, Clone, Copy)]
pub struct RevokedToken<'t> {
    /// Its id.
    pub id: &'t str,
    /// Whose it is.
    pub app: &'t AppId,
    /// The family of refresh tokens that it came with.
    pub family: Option<&'t FamilyId>,
    /// From when on it would not hold anyway.
    pub expires_at: Timestamp,
}

/// What came of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRevoked {
    /// It is revoked, now or before.
    Done,
    /// There is no room for it: all of its kind must be ended.
    NoRoom,
}

row! {
    RevokedRow { id: String, expires_at: i64 }
}

impl Store {
    /// Revokes an access token.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without its app; [`StoreError::Unavailable`].
    pub async fn revoke_token(
        &self,
        token: RevokedToken<'_>,
        now: Timestamp,
    ) -> Result<TokenRevoked, StoreError> {
        let (family, most) = match token.family {
            Some(family) => (family.as_str(), MAX_OF_FAMILY),
            None => ("", MAX_OF_APP),
        };
        let mut transaction = self.begin().await?;
        let (living, same): (i64, i64) = on!(transaction.connection(), db => {
            sqlx::query_as(
                "select count(*), coalesce(sum(case when id = $4 then 1 else 0 end), 0) from revoked_token \
                 where app = $1 and family = $2 and (expires_at > $3 or id = $4)",
            )
            .bind(token.app.as_str())
            .bind(family)
            .bind(now.as_micros())
            .bind(token.id)
            .fetch_one(db)
            .await
        })?;
        if living >= most || same > 0 {
            transaction.roll_back().await?;
            return Ok(if same > 0 { TokenRevoked::Done } else { TokenRevoked::NoRoom });
        }
        on!(transaction.connection(), db => {
            sqlx::query(
                "insert into revoked_token (id, app, family, revoked_at, expires_at) values ($1, $2, $3, $4, $5) \
                 on conflict (id) do nothing",
            )
            .bind(token.id)
            .bind(token.app.as_str())
            .bind(family)
            .bind(now.as_micros())
            .bind(token.expires_at.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })
        .map_err(|error| StoreError::from(error).for_missing("app"))?;
        transaction.commit().await?;
        Ok(TokenRevoked::Done)
    }

    /// Whether an access token was revoked by itself.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn is_token_revoked(&self, id: &str) -> Result<bool, StoreError> {
        let found: Option<String> = on!(self.reader(), db => {
            sqlx::query_scalar("select id from revoked_token where id = $1").bind(id).fetch_optional(db).await
        })?;
        Ok(found.is_some())
    }

    /// The revoked tokens after the id `after`, in the order of their ids, at most `most`, each with its end.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn revoked_tokens(
        &self,
        after: &str,
        most: u32,
    ) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let rows: Vec<RevokedRow> = on!(self.reader(), db => {
            sqlx::query_as("select id, expires_at from revoked_token where id > $1 order by id limit $2")
                .bind(after)
                .bind(i64::from(most))
                .fetch_all(db)
                .await
        })?;
        Ok(rows.into_iter().map(|row| (row.id, Timestamp::from_micros(row.expires_at))).collect())
    }
}
