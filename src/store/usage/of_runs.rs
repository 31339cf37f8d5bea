//! The usage records of runs, in the order in which their trees have them.

use super::{LISTED, ListedRow, UsageRow};
use crate::store::error::StoreError;
use crate::store::row;
use crate::store::transaction::Transaction;
use crate::store::usage_run::{RunPlace, UsageRun};

impl Transaction {
    /// The records of a run.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn usage_of_run(&mut self, run: &UsageRun) -> Result<Vec<UsageRow>, StoreError> {
        let sql =
            format!("{LISTED} usage_record u where u.number >= $1 and u.number <= $2 order by u.number");
        let rows: Vec<ListedRow> = on!(self.connection(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(run.first()).bind(run.last).fetch_all(db).await
        })?;
        row::all(rows)
    }

    /// The records of all runs that have a root from one place to another, run by run.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn usage_of_proven_runs(
        &mut self,
        from: RunPlace,
        to: RunPlace,
    ) -> Result<Vec<UsageRow>, StoreError> {
        let sql = format!(
            "{LISTED} usage_run r cross join usage_record u where (r.app, r.day, r.first) >= ($1, $2, $3) \
             and (r.app, r.day, r.first) <= ($4, $5, $6) and r.root is not null \
             and u.number >= r.first and u.number <= r.last order by r.app, r.day, r.first, u.number"
        );
        let rows: Vec<ListedRow> = on!(self.connection(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql))
                .bind(from.0)
                .bind(from.1)
                .bind(from.2)
                .bind(to.0)
                .bind(to.1)
                .bind(to.2)
                .fetch_all(db)
                .await
        })?;
        row::all(rows)
    }
}
