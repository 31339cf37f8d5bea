//! The files of a policy set are kept as it comes into force: so a rule that a charge names can be shown as it was.

use std::sync::Arc;

use crate::billing::statement::hash;
use crate::domain::time::Timestamp;
use crate::policy::snapshot::Snapshot;
use crate::store::policy_set::PolicyFile;
use crate::store::{StoreError, Transaction};

/// Keeps the files of a snapshot, if it is in force for the first time.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn keep_set(
    transaction: &mut Transaction,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<(), StoreError> {
    if transaction.has_policy_set(&snapshot.hash).await? {
        return Ok(());
    }
    let texts = snapshot.source.files.iter().filter_map(|file| Some((&file.path, file.text.as_ref().ok()?)));
    let hashed: Vec<(&Arc<str>, &String, String)> =
        texts.map(|(path, text)| (path, text, hash(text))).collect();
    let files: Vec<PolicyFile<'_>> =
        hashed.iter().map(|(path, text, hash)| PolicyFile { path, hash, text }).collect();
    transaction.keep_policy_set(&snapshot.hash, &files, now).await
}
