//! Usage records that stand for many calls: how many, and until when. Any that is not here is of one call. Append-only, by triggers
//! of both stores; each is kept in the transaction of its usage record.

use super::error::StoreError;
use super::transaction::Transaction;
use super::usage::integer;
use crate::domain::usage::{Counted, UsageRecord};

impl Transaction {
    /// Keeps how many calls numbered usage records are of, if they are of many.
    pub(super) async fn insert_usage_counts(
        &mut self,
        records: impl Iterator<Item = (i64, &UsageRecord)>,
    ) -> Result<(), StoreError> {
        let counts: Vec<(i64, Counted)> =
            records.filter_map(|(number, usage)| Some((number, usage.counted?))).collect();
        insert_rows!(self, "insert into usage_count (usage, calls, until) ", 3, counts, "", |row, kept| {
            let (number, Counted { calls, until }) = kept;
            row.push_bind(*number).push_bind(integer(calls.get())).push_bind(until.as_micros());
        })?;
        Ok(())
    }
}
