//! Which subjects of credentials were changed, whoever did it: another node, or an administrator by hand. The store notes it
//! itself, in the transaction of the change, so nothing that is remembered need be read again to be known to be true.

use super::arm::{Arm, in_time};
use super::error::StoreError;
use super::expiry::MAX_FORGOTTEN;
use super::open::Store;
use crate::domain::time::Timestamp;

/// Most changes that are told at once.
const MAX_TOLD: i64 = 10_000;

/// What was changed since it was asked last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityChanges {
    /// The ids of what changed; `None` if it is more than is told at once: then anything may have.
    pub subjects: Option<Vec<String>>,
    /// From where on the next ones are.
    pub next: ChangePosition,
}

/// How far the changes of one store have been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangePosition(i64);

row! {
    ToldRow { next: i64, subject: Option<String> }
}

impl Store {
    /// The changes since `since`; without it none, but the position from which on there may be some. What was told may be told
    /// once more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn identity_changes(
        &self,
        since: Option<ChangePosition>,
    ) -> Result<IdentityChanges, StoreError> {
        let (is_asked, position) = (since.is_some(), since.map_or(0, |since| since.0));
        let rows: Vec<ToldRow> = match self.reader() {
            // One writes at a time, so the numbers are in the order of the commits.
            Arm::Sqlite(db) => {
                in_time(
                    sqlx::query_as(
                        "select last.next, change.subject \
                         from (select coalesce(max(number), 0) as next from identity_change) last \
                         left join identity_change change on $1 and change.number > $2 limit $3",
                    )
                    .bind(is_asked)
                    .bind(position)
                    .bind(MAX_TOLD + 1)
                    .fetch_all(db),
                )
                .await?
            }
            // Transactions commit in any order: the next ones are those that had not ended before this statement. What a
            // restored copy brought along is of transactions that have not been yet.
            Arm::Postgres(db) => {
                in_time(
                    sqlx::query_as(
                        "select last.next::text::bigint as next, change.subject \
                         from (select pg_snapshot_xmin(pg_current_snapshot()) as next) last \
                         left join identity_change change on $1 and change.made_in >= $2::text::xid8 \
                         and change.made_in < pg_snapshot_xmax(pg_current_snapshot()) limit $3",
                    )
                    .bind(is_asked)
                    .bind(position.to_string())
                    .bind(MAX_TOLD + 1)
                    .fetch_all(db),
                )
                .await?
            }
        };
        let next = ChangePosition(rows.first().map_or(position, |row| row.next));
        let is_all = rows.len() <= usize::try_from(MAX_TOLD).unwrap_or(usize::MAX);
        let subjects = is_all.then(|| rows.into_iter().filter_map(|row| row.subject).collect());
        Ok(IdentityChanges { subjects, next })
    }

    /// Forgets which changes were made before `before`: every node that runs has heard of them. Gives how many; call again until
    /// it gives 0.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn forget_identity_changes(&self, before: Timestamp) -> Result<u64, StoreError> {
        let forgotten = on!(self.writer(), db => {
            sqlx::query(
                "delete from identity_change where number in \
                 (select number from identity_change where made_at < $1 limit $2)",
            )
            .bind(before.as_micros())
            .bind(MAX_FORGOTTEN)
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(forgotten)
    }
}
