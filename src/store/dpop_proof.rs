//! The proofs of possession that came to the token endpoint, so that none is taken twice, on whichever node, and after
//! whichever restart (RFC 9449, section 11.1).

use super::error::StoreError;
use super::open::Store;
use crate::domain::time::Timestamp;

impl Store {
    /// Remembers that a proof was used, by its id, until it proves nothing more; gives whether it is the first time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn use_dpop_proof(&self, id: &[u8; 32], ends_at: Timestamp) -> Result<bool, StoreError> {
        let inserted = on!(self.writer(), db => {
            sqlx::query("insert into dpop_proof (id, expires_at) values ($1, $2) on conflict (id) do nothing")
                .bind(&id[..])
                .bind(ends_at.as_micros())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(inserted > 0)
    }
}
