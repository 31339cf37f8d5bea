//! The heads of nodes' journals, as they were kept with the batches that were taken.

use super::error::StoreError;
use super::open::Store;
use super::row::hash;
use super::usage::{count, integer};

/// Most batches that one call gives.
const MAX_BATCHES: i64 = 10_000;

/// A batch of a node's journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalBatch {
    /// Its first record.
    pub first: u64,
    /// Its last record.
    pub last: u64,
    /// The head of the journal's chain where it ends (SHA-256), if the journal had one.
    pub head: Option<[u8; 32]>,
}

row! {
    BatchRow { first: i64, last: i64, head: Option<Vec<u8>> }
}

impl TryFrom<BatchRow> for JournalBatch {
    type Error = StoreError;

    fn try_from(row: BatchRow) -> Result<Self, StoreError> {
        let head = row.head.map(|head| hash("usage_batch.head", &head));
        Ok(Self {
            first: count("usage_batch.first", row.first)?,
            last: count("usage_batch.last", row.last)?,
            head: head.transpose()?,
        })
    }
}

impl Store {
    /// Batches of a node's journal by rising sequence, of those whose last record comes after `after`; some ten thousand at most.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn journal_batches(&self, node: &str, after: u64) -> Result<Vec<JournalBatch>, StoreError> {
        let rows: Vec<BatchRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select first, last, head from usage_batch where node = $1 and last > $2 order by last limit $3",
            )
            .bind(node)
            .bind(integer(after))
            .bind(MAX_BATCHES)
            .fetch_all(db)
            .await
        })?;
        super::row::all(rows)
    }
}
