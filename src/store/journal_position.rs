//! How far each node's journal has been recorded: moved in the transaction that records, so never wrong by a record.

use super::error::StoreError;
use super::open::Store;
use super::transaction::Transaction;
use super::usage::integer;

row! {
    PositionRow { sequence: i64 }
}

const SELECT: &str = "select sequence from journal_position where node = $1";

fn position(row: Option<PositionRow>) -> Result<u64, StoreError> {
    let Some(row) = row else { return Ok(0) };
    u64::try_from(row.sequence).map_err(|_| StoreError::corrupt("journal_position.sequence"))
}

impl Store {
    /// The last place of a node's journal that was recorded; 0 before the first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn journal_position(&self, node: &str) -> Result<u64, StoreError> {
        position(on!(self.reader(), db => sqlx::query_as(SELECT).bind(node).fetch_optional(db).await)?)
    }
}

impl Transaction {
    /// The last place of a node's journal that was recorded, as this transaction sees it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn journal_position(&mut self, node: &str) -> Result<u64, StoreError> {
        position(on!(self.connection(), db => sqlx::query_as(SELECT).bind(node).fetch_optional(db).await)?)
    }

    /// Moves a node's position.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn set_journal_position(&mut self, node: &str, sequence: u64) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into journal_position (node, sequence) values ($1, $2) \
                 on conflict (node) do update set sequence = excluded.sequence",
            )
            .bind(node)
            .bind(integer(sequence))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }
}
