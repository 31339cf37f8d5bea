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
    /// The time of the node's latest call that is in the books and was believed.
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

const SELECT: &str = "select sequence, journal, recorded, excepted, omissions, omitted, latest \
     from journal_position where node = $1";

row! {
    LatestRow { latest: Option<i64> }
}

/// Nodes that were ahead are passed over, if no fewer agree with the clock of whoever asks.
const LATEST: &str = "select case when sum(case when latest > $2 then 1 when latest >= $1 then -1 else 0 end) <= 0 \
     then max(case when latest <= $2 then latest end) else max(latest) end as latest from journal_position";

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
    /// The latest call of all nodes that is in the books and was believed. Those of nodes that were ahead of a clock, to which calls of
    /// the span `near` agree, do not count, unless they are more than those that do agree.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn latest_call(
        &self,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Option<Timestamp>, StoreError> {
        let row: LatestRow = on!(self.reader(), db => {
            sqlx::query_as(LATEST).bind(from.as_micros()).bind(to.as_micros()).fetch_one(db).await
        })?;
        Ok(row.latest.map(Timestamp::from_micros))
    }

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
    /// [`Store::latest_call`], as this transaction sees it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn latest_call(
        &mut self,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Option<Timestamp>, StoreError> {
        let row: LatestRow = on!(self.connection(), db => {
            sqlx::query_as(LATEST).bind(from.as_micros()).bind(to.as_micros()).fetch_one(db).await
        })?;
        Ok(row.latest.map(Timestamp::from_micros))
    }

    /// The nodes of which a journal has been recorded, in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn journal_nodes(&mut self) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> = on!(self.connection(), db => {
            sqlx::query_as("select node from journal_position order by node").fetch_all(db).await
        })?;
        Ok(rows.into_iter().map(|(node,)| node).collect())
    }

    /// How far a node's journal has been recorded, as this transaction sees it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn journal_place(&mut self, node: &str) -> Result<JournalPlace, StoreError> {
        place(on!(self.connection(), db => sqlx::query_as(SELECT).bind(node).fetch_optional(db).await)?)
    }

    /// Moves a node's position, ahead only and in the same journal, with what became of the records up to there and its latest call
    /// that was believed.
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

    /// Has the latest call of the node that recorded `usage` be no earlier than that, which was `at` then as someone vouches, and before
    /// that those of all nodes no later than `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn believe_time(
        &mut self,
        (usage, at): (&str, Timestamp),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("update journal_position set latest = $1 where latest > $1")
                .bind(now.as_micros())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        on!(self.connection(), db => {
            sqlx::query(
                "update journal_position set latest = $1 where (latest is null or latest < $1) \
                 and node = (select node from usage_record where id = $2)",
            )
            .bind(at.as_micros())
            .bind(usage)
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }
}
