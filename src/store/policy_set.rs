//! The files of policy sets that came into force. Append-only, by triggers of both stores.

use super::error::StoreError;
use super::open::Store;
use super::transaction::Transaction;
use crate::domain::id::SnapshotHash;
use crate::domain::location::Location;
use crate::domain::time::Timestamp;

/// A file of a policy set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyFile<'f> {
    /// Its path, relative to the folder.
    pub path: &'f str,
    /// SHA-256 of its text, in hexadecimal.
    pub hash: &'f str,
    /// Its text.
    pub text: &'f str,
}

impl Transaction {
    /// Whether a set is kept.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn has_policy_set(&mut self, set: &SnapshotHash) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = on!(self.connection(), db => {
            sqlx::query_as("select first_at from policy_set where hash = $1")
                .bind(set.as_str())
                .fetch_optional(db)
                .await
        })?;
        Ok(row.is_some())
    }

    /// Keeps a set that comes into force, unless another node has kept it meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_policy_set(
        &mut self,
        set: &SnapshotHash,
        files: &[PolicyFile<'_>],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // Nodes that keep different sets at once wait for each other in one order.
        let mut texts = files.to_vec();
        texts.sort_by_key(|file| file.hash);
        let sets = [(set.as_str(), now)];
        insert_rows!(
            self,
            "insert into policy_set (hash, first_at) ",
            2,
            sets,
            "on conflict (hash) do nothing",
            |row, set| {
                row.push_bind(set.0).push_bind(set.1.as_micros());
            }
        )?;
        insert_rows!(
            self,
            "insert into policy_file (hash, text) ",
            2,
            texts,
            "on conflict (hash) do nothing",
            |row, file| {
                row.push_bind(file.hash).push_bind(file.text);
            }
        )?;
        insert_rows!(
            self,
            "insert into policy_set_file (policy_set, path, file) ",
            3,
            files,
            "on conflict (policy_set, path) do nothing",
            |row, file| {
                row.push_bind(set.as_str()).push_bind(file.path).push_bind(file.hash);
            }
        )?;
        Ok(())
    }
}

impl Store {
    /// The line at a place, as it was in a set; none if the set is not kept, or has no such line.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn policy_line(&self, set: &str, place: &Location) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = on!(self.reader(), db => {
            sqlx::query_as(
                "select f.text from policy_set_file s join policy_file f on f.hash = s.file \
                 where s.policy_set = $1 and s.path = $2",
            )
            .bind(set)
            .bind(&*place.file)
            .fetch_optional(db)
            .await
        })?;
        let line = usize::try_from(place.line).ok().and_then(|line| line.checked_sub(1));
        Ok(row.zip(line).and_then(|((text,), line)| text.lines().nth(line).map(str::to_owned)))
    }
}
