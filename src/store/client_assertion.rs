//! Which client assertions were used (RFC 7523, section 3): each works once, whichever node it comes to.

use aws_lc_rs::digest::{SHA256, digest};

use super::error::StoreError;
use super::open::Store;
use crate::domain::id::AppId;
use crate::domain::time::Timestamp;

impl Store {
    /// Notes that an app used the assertion of the id `jti`, until `expires_at`, from when on it is refused for its age; whether
    /// this is the first time.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such an app; [`StoreError::Unavailable`].
    pub async fn use_assertion(
        &self,
        app: &AppId,
        jti: &str,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let hash = digest(&SHA256, jti.as_bytes());
        let noted = on!(self.writer(), db => {
            sqlx::query(
                "insert into used_assertion (app, hash, expires_at) values ($1, $2, $3) \
                 on conflict (app, hash) do nothing",
            )
            .bind(app.as_str())
            .bind(hash.as_ref())
            .bind(expires_at.as_micros())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })
        .map_err(|error| StoreError::from(error).for_missing("app"))?;
        Ok(noted > 0)
    }
}
