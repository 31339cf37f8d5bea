//! Calls that were billed and may come again, and those that came again and cost nothing.

use uuid::Uuid;

use super::error::StoreError;
use super::open::Store;
use super::row::{all, parse};
use super::transaction::Transaction;
use crate::domain::time::Timestamp;

/// What is the same of a call and of the same call again.
pub type Digest = [u8; 16];

/// A call that was billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BilledCall {
    /// What is the same of it and of the same call again.
    pub digest: Digest,
    /// The id of its usage record.
    pub usage: Uuid,
    /// When it came.
    pub at: Timestamp,
}

row! {
    BilledRow { digest: Vec<u8>, usage: String, at: i64 }
}

impl TryFrom<BilledRow> for BilledCall {
    type Error = StoreError;

    fn try_from(row: BilledRow) -> Result<Self, StoreError> {
        let digest =
            row.digest.as_slice().try_into().map_err(|_| StoreError::corrupt("billed_call.digest"))?;
        let usage = parse("billed_call.usage", &row.usage)?;
        Ok(Self { digest, usage, at: Timestamp::from_micros(row.at) })
    }
}

impl Transaction {
    /// Which of these calls were billed. The transaction must hold [`super::transaction::Exclusive::Billing`], so that no other bills
    /// one meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn billed_calls(&mut self, digests: &[Digest]) -> Result<Vec<BilledCall>, StoreError> {
        let mut billed = Vec::new();
        for some in digests.chunks(super::arm::MAX_PARAMETERS) {
            let rows: Vec<BilledRow> = on!(self.connection(), db => {
                let mut statement =
                    sqlx::QueryBuilder::new("select digest, usage, at from billed_call where digest in ");
                push_list!(statement, some.iter().map(|digest| digest.to_vec()));
                statement.build_query_as().persistent(false).fetch_all(db).await
            })?;
            billed.extend(all::<BilledRow, BilledCall>(rows)?);
        }
        Ok(billed)
    }

    /// Remembers calls that were billed, in the place of those like them that were so long ago that they were billed again.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_billed_calls(&mut self, billed: &[BilledCall]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into billed_call (digest, usage, at) ",
            3,
            billed,
            "on conflict (digest) do update set usage = excluded.usage, at = excluded.at",
            |row, call| {
                row.push_bind(call.digest.to_vec())
                    .push_bind(call.usage.to_string())
                    .push_bind(call.at.as_micros());
            }
        )?;
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
    /// The id of the usage record that was billed for the same call, if that of this id is of a call that came again.
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
