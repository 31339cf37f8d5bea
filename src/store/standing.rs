//! Whether partners, apps and merchants may act.

use super::error::{StoreError, require};
use super::transaction::Transaction;
use crate::domain::identity::Standing;

impl Transaction {
    /// Says how the one of that id stands, of a kind whose name is given with the statement that writes it down.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a one; [`StoreError::Unavailable`].
    pub(super) async fn set_standing(
        &mut self,
        (kind, statement): (&'static str, &'static str),
        id: &str,
        standing: Standing,
    ) -> Result<(), StoreError> {
        let changed = on!(self.connection(), db => {
            sqlx::query(statement)
                .bind(id)
                .bind(standing.name())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        require(kind, changed)
    }
}
