//! How far each node's journal has been recorded, and what became of its records: moved in the transaction that records, so never
//! wrong by a record.

use super::error::StoreError;
use super::open::Store;
use super::transaction::Transaction;
use super::usage::{count, integer};
use crate::domain::time::Timestamp;

/// How far a node's journal has been recorded, and which journal that is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalPlace {
    /// The last place that was recorded; 0 before the first.
    pub sequence: u64,
    /// The journal's identity, once the node has given it.
    pub journal: Option<String>,
    /// What became of the records up to there.
    pub counts: JournalCounts,
    /// The time of the latest call of all nodes that is in the books and was believed.
    pub latest: Option<Timestamp>,
    /// Whether a program moved it that did not count: then what is recorded and excepted is not known, and 0 here.
    pub is_uncounted: bool,
}

/// What became of the records of a journal. All but the last add up to the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalCounts {
    /// Records in the books.
    pub recorded: u64,
    /// Records that were lost, unreadable or refused: exceptions.
    pub excepted: u64,
    /// Records that stand for calls of which the journal could take none.
    pub omissions: u64,
    /// The calls that those stand for.
    pub omitted: u64,
}

row! {
    PlaceRow {
        sequence: i64,
        journal: Option<String>,
        recorded: Option<i64>,
        excepted: Option<i64>,
        omissions: i64,
        omitted: i64,
        latest: Option<i64>,
    }
}

const SELECT: &str = "select sequence, journal, recorded, excepted, omissions, omitted, \
     (select max(latest) from journal_position) as latest from journal_position where node = $1";

fn place(row: Option<PlaceRow>) -> Result<JournalPlace, StoreError> {
    let Some(row) = row else { return Ok(JournalPlace::default()) };
    let known = |column, value: Option<i64>| value.map_or(Ok(0), |value| count(column, value));
    Ok(JournalPlace {
        sequence: count("journal_position.sequence", row.sequence)?,
        journal: row.journal,
        counts: JournalCounts {
            recorded: known("journal_position.recorded", row.recorded)?,
            excepted: known("journal_position.excepted", row.excepted)?,
            omissions: count("journal_position.omissions", row.omissions)?,
            omitted: count("journal_position.omitted", row.omitted)?,
        },
        latest: row.latest.map(Timestamp::from_micros),
        is_uncounted: row.recorded.is_none() || row.excepted.is_none(),
    })
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

    /// Moves a node's position, ahead only and in the same journal, with what became of the records up to there and the latest call
    /// that is known then.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it would go back, or the node's journal is another; [`StoreError::Unavailable`].
    pub async fn keep_journal_place(
        &mut self,
        node: &str,
        journal: &str,
        sequence: u64,
        (counts, latest): (&JournalCounts, Option<Timestamp>),
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into journal_position (node, sequence, journal, recorded, excepted, omissions, omitted, latest) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8) \
                 on conflict (node) do update set sequence = excluded.sequence, journal = excluded.journal, \
                 recorded = excluded.recorded, excepted = excluded.excepted, omissions = excluded.omissions, \
                 omitted = excluded.omitted, latest = excluded.latest",
            )
            .bind(node)
            .bind(integer(sequence))
            .bind(journal)
            .bind(integer(counts.recorded))
            .bind(integer(counts.excepted))
            .bind(integer(counts.omissions))
            .bind(integer(counts.omitted))
            .bind(latest.map(Timestamp::as_micros))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Has the latest call be no earlier than one `at`, whose time someone vouches for, and before that no later than `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn believe_time(&mut self, at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let changes = [
            ("update journal_position set latest = $1 where latest > $1", now),
            ("update journal_position set latest = $1 where latest < $1", at),
        ];
        for (change, time) in changes {
            on!(self.connection(), db => {
                sqlx::query(change).bind(time.as_micros()).execute(db).await.map(|_| ())
            })?;
        }
        Ok(())
    }
}
