//! Calls that may come again: those that were billed, and those of which nobody saw what they are worth; and those that came again and
//! cost nothing.

use uuid::Uuid;

use super::error::StoreError;
use super::open::Store;
use super::row::{all, parse};
use super::transaction::Transaction;
use crate::domain::time::Timestamp;

/// What is the same of a call and of the same call again.
pub type Digest = [u8; 16];

/// Most calls of one digest that are told of those that were billed, and of those that are open exceptions.
pub const MOST_KNOWN: usize = 16;

/// How [`Worth::Any`] stands in the store; no transaction is written so.
const ANY: &str = "*";

/// A call that may come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatableCall {
    /// What is the same of it and of the same call again.
    pub digest: Digest,
    /// The id of its usage record.
    pub usage: Uuid,
    /// When it came.
    pub at: Timestamp,
    /// Until when its upstream knows it.
    pub known_until: Timestamp,
    /// What is known of its worth.
    pub worth: Worth,
}

/// What is known of the worth of a call that may come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Worth {
    /// Nobody saw it: it is an exception, which is open.
    Unseen,
    /// It was billed with these units and this transaction, as text.
    Billed(String),
    /// It was billed, and its answer is not known: by an older program, which did not write down with which transaction, or as someone
    /// said.
    Any,
}

row! {
    CallRow { digest: Vec<u8>, usage: String, at: i64, known_until: i64, worth: Option<String> }
}

impl TryFrom<CallRow> for RepeatableCall {
    type Error = StoreError;

    fn try_from(row: CallRow) -> Result<Self, StoreError> {
        let digest =
            row.digest.as_slice().try_into().map_err(|_| StoreError::corrupt("repeatable_call.digest"))?;
        let usage = parse("repeatable_call.usage", &row.usage)?;
        let worth = match row.worth {
            None => Worth::Unseen,
            Some(any) if any == ANY => Worth::Any,
            Some(transaction) => Worth::Billed(transaction),
        };
        let (at, known_until) = (Timestamp::from_micros(row.at), Timestamp::from_micros(row.known_until));
        Ok(Self { digest, usage, at, known_until, worth })
    }
}

impl Worth {
    fn stored(&self) -> Option<&str> {
        match self {
            Self::Unseen => None,
            Self::Billed(transaction) => Some(transaction),
            Self::Any => Some(ANY),
        }
    }
}

impl Transaction {
    /// Which calls there were like these that were billed, or are open exceptions: the last of them, [`MOST_KNOWN`] of each. The
    /// transaction must hold [`super::transaction::Exclusive::Billing`], so that no other bills one meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn repeatable_calls(&mut self, digests: &[Digest]) -> Result<Vec<RepeatableCall>, StoreError> {
        let mut calls = Vec::new();
        for some in digests.chunks(super::arm::MAX_PARAMETERS) {
            let rows: Vec<CallRow> = on!(self.connection(), db => {
                let mut statement =
                    sqlx::QueryBuilder::new(
                        "select digest, usage, at, known_until, worth from \
                         (select digest, usage, at, known_until, worth, row_number() over \
                         (partition by digest, case when worth is null then 1 else 0 end order by at desc, usage desc) as place \
                         from repeatable_call c where digest in ",
                    );
                push_list!(statement, some.iter().map(|digest| digest.to_vec()));
                // What someone waived is no question any more, and was not billed.
                statement.push(
                    " and (worth is not null or not exists \
                     (select 1 from exception_resolution r where r.exception = 'usage:' || c.usage))) newest where place <= ",
                );
                statement.push(MOST_KNOWN);
                statement.build_query_as().persistent(false).fetch_all(db).await
            })?;
            calls.extend(all::<CallRow, RepeatableCall>(rows)?);
        }
        Ok(calls)
    }

    /// Remembers calls that may come again.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_repeatable_calls(&mut self, calls: &[RepeatableCall]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into repeatable_call (digest, usage, at, known_until, worth) ",
            5,
            calls,
            "on conflict (digest, usage) do nothing",
            |row, call| {
                row.push_bind(call.digest.to_vec())
                    .push_bind(call.usage.to_string())
                    .push_bind(call.at.as_micros())
                    .push_bind(call.known_until.as_micros())
                    .push_bind(call.worth.stored());
            }
        )?;
        Ok(())
    }

    /// The open exceptions of the same call as one that is an exception, too, if none of it is billed so far: whatever one of them is
    /// worth is all of it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn unseen_with(&mut self, usage: Uuid) -> Result<Vec<Uuid>, StoreError> {
        let rows: Vec<(String,)> = on!(self.connection(), db => {
            sqlx::query_as(
                "select o.usage from repeatable_call c join repeatable_call o on o.digest = c.digest and o.usage <> c.usage \
                 where c.usage = $1 and c.worth is null and o.worth is null \
                 and case when o.at < c.at then c.at < o.known_until else o.at < c.known_until end \
                 and not exists (select 1 from repeatable_call b where b.digest = c.digest and b.worth is not null) \
                 and not exists (select 1 from exception_resolution r where r.exception = 'usage:' || o.usage)",
            )
            .bind(usage.to_string())
            .fetch_all(db)
            .await
        })?;
        rows.iter().map(|(usage,)| parse("repeatable_call.usage", usage)).collect()
    }

    /// Someone has said what a call was worth of which nobody saw it, and it is billed so: if it comes again, it is not billed once more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn learn_worth(&mut self, usage: Uuid, worth: &Worth) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("update repeatable_call set worth = $2 where usage = $1 and worth is null")
                .bind(usage.to_string())
                .bind(worth.stored())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }

    /// Notes calls that cost nothing, each with the one like it that was billed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn insert_repeats(&mut self, repeats: &[(Uuid, Uuid)]) -> Result<(), StoreError> {
        insert_rows!(self, "insert into usage_repeat (usage, first) ", 2, repeats, "", |row, repeat| {
            row.push_bind(repeat.0.to_string()).push_bind(repeat.1.to_string());
        })?;
        Ok(())
    }
}

impl Store {
    /// The id of the usage record that was billed for the same call, if that of this id cost nothing for it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn billed_before(&self, usage: &str) -> Result<Option<String>, StoreError> {
        let first: Option<(String,)> = on!(self.reader(), db => {
            sqlx::query_as("select first from usage_repeat where usage = $1").bind(usage).fetch_optional(db).await
        })?;
        Ok(first.map(|(first,)| first))
    }
}
