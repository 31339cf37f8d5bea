//! How far each node's journal has been recorded: moved in the transaction that records, so never wrong by a record.

use super::error::StoreError;
use super::open::Store;
use super::transaction::Transaction;
use super::usage::integer;

/// How far a node's journal has been recorded, and which journal that is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalPlace {
    /// The last place that was recorded; 0 before the first.
    pub sequence: u64,
    /// The journal's identity, once the node has given it.
    pub journal: Option<String>,
}

row! {
    PlaceRow { sequence: i64, journal: Option<String> }
}

const SELECT: &str = "select sequence, journal from journal_position where node = $1";

fn place(row: Option<PlaceRow>) -> Result<JournalPlace, StoreError> {
    let Some(row) = row else { return Ok(JournalPlace::default()) };
    let sequence =
        u64::try_from(row.sequence).map_err(|_| StoreError::corrupt("journal_position.sequence"))?;
    Ok(JournalPlace { sequence, journal: row.journal })
}

impl Store {
    /// The last place of a node's journal that was recorded; 0 before the first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn journal_position(&self, node: &str) -> Result<u64, StoreError> {
        Ok(self.journal_place(node).await?.sequence)
    }

    /// How far a node's journal has been recorded, and which journal that is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn journal_place(&self, node: &str) -> Result<JournalPlace, StoreError> {
        place(on!(self.reader(), db => sqlx::query_as(SELECT).bind(node).fetch_optional(db).await)?)
    }
}

impl Transaction {
    /// How far a node's journal has been recorded, as this transaction sees it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn journal_place(&mut self, node: &str) -> Result<JournalPlace, StoreError> {
        place(on!(self.connection(), db => sqlx::query_as(SELECT).bind(node).fetch_optional(db).await)?)
    }

    /// Moves a node's position, ahead only and in the same journal.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it would go back, or the node's journal is another; [`StoreError::Unavailable`].
    pub async fn keep_journal_place(
        &mut self,
        node: &str,
        journal: &str,
        sequence: u64,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into journal_position (node, sequence, journal) values ($1, $2, $3) \
                 on conflict (node) do update set sequence = excluded.sequence, journal = excluded.journal",
            )
            .bind(node)
            .bind(integer(sequence))
            .bind(journal)
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }
}
