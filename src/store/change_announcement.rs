//! What was told of changes to the policies before they come, and when. Append-only, by triggers of both stores.

use super::error::StoreError;
use super::transaction::Transaction;
use crate::domain::time::Timestamp;

/// What was told of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToldChange {
    /// When.
    pub told_at: Timestamp,
    /// From when on it may come; none, if it was told that it will not.
    pub from: Option<Timestamp>,
}

impl Transaction {
    /// What was told of a change, in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn told_of_change(&mut self, change: &str) -> Result<Vec<ToldChange>, StoreError> {
        let rows: Vec<(i64, Option<i64>)> = on!(self.connection(), db => {
            sqlx::query_as("select told_at, applies_from from change_announcement where change = $1 order by part")
                .bind(change)
                .fetch_all(db)
                .await
        })?;
        let told = |(told_at, from): (i64, Option<i64>)| ToldChange {
            told_at: Timestamp::from_micros(told_at),
            from: super::row::time(from),
        };
        Ok(rows.into_iter().map(told).collect())
    }

    /// The changes that were told last to come, in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn told_changes(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(on!(self.connection(), db => {
            sqlx::query_scalar(
                "select n.change from change_announcement n where n.applies_from is not null and not exists \
                 (select 1 from change_announcement l where l.change = n.change and l.part > n.part) order by n.change",
            )
            .fetch_all(db)
            .await
        })?)
    }

    /// Notes what is told of a change, after so many announcements of it. Where another node noted one more of it in the meantime, that
    /// stands.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn tell_of_change(
        &mut self,
        change: &str,
        after: usize,
        told: ToldChange,
    ) -> Result<(), StoreError> {
        let part = i64::try_from(after).unwrap_or(i64::MAX).saturating_add(1);
        on!(self.connection(), db => {
            sqlx::query(
                "insert into change_announcement (change, part, told_at, applies_from) values ($1, $2, $3, $4) \
                 on conflict do nothing",
            )
            .bind(change)
            .bind(part)
            .bind(told.told_at.as_micros())
            .bind(told.from.map(Timestamp::as_micros))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }
}
