//! Whose tokens apps may ask about.

use super::error::{StoreError, require};
use super::open::Store;
use super::row::known;
use super::transaction::Transaction;
use crate::domain::id::AppId;
use crate::domain::introspection::Introspects;

impl Store {
    /// Whose tokens an app may ask about; `None` without such an app.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn introspects(&self, app: &AppId) -> Result<Option<Introspects>, StoreError> {
        let name: Option<String> = on!(self.reader(), db => {
            sqlx::query_scalar("select introspects from app where id = $1")
                .bind(app.as_str())
                .fetch_optional(db)
                .await
        })?;
        name.map(|name| known("app.introspects", Introspects::named(&name))).transpose()
    }

    /// Says whose tokens an app may ask about.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such an app; [`StoreError::Unavailable`].
    pub async fn set_introspects(&self, app: &AppId, whose: Introspects) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.set_introspects(app, whose).await?;
        transaction.commit().await
    }
}

impl Transaction {
    /// Whose tokens an app may ask about, which nobody else changes until the end of the transaction; `None` without such an app.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_introspects(&mut self, app: &AppId) -> Result<Option<Introspects>, StoreError> {
        let row: Option<(String,)> =
            lock_row!(self, "select introspects from app where id = $1", |query| query.bind(app.as_str()))?;
        row.map(|(name,)| known("app.introspects", Introspects::named(&name))).transpose()
    }

    /// Says whose tokens an app may ask about.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such an app; [`StoreError::Unavailable`].
    pub async fn set_introspects(&mut self, app: &AppId, whose: Introspects) -> Result<(), StoreError> {
        let changed = on!(self.connection(), db => {
            sqlx::query("update app set introspects = $2 where id = $1")
                .bind(app.as_str())
                .bind(whose.name())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        require("app", changed)
    }
}
