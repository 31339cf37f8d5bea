//! Whether all that was counted of journals as exceptions is asked about: records that could not be read, and those that stand for calls
//! without one, leave nothing else in the books.

use crate::billing::statement::StatementError;
use crate::store::journal_position::JournalCounts;
use crate::store::{StoreError, Transaction};

/// Whether each node has as many exceptions of its journal as were counted. Of a position that an older program moved, nothing was.
pub(super) async fn check_journals(
    transaction: &mut Transaction,
    findings: &mut Vec<String>,
) -> Result<(), StatementError> {
    for node in transaction.journal_nodes().await? {
        match compare_journal(transaction, &node).await {
            Ok(finding) => findings.extend(finding),
            Err(StoreError::Corrupt { what }) => {
                findings.push(format!("{node}: what became of its journal cannot be read: {what}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn compare_journal(transaction: &mut Transaction, node: &str) -> Result<Option<String>, StoreError> {
    let place = transaction.journal_place(node).await?;
    if place.is_uncounted {
        return Ok(None);
    }
    let JournalCounts { excepted, omissions, .. } = place.counts;
    let kept = (transaction.excepted_records(node).await?, transaction.omission_records(node).await?);
    Ok((kept != (excepted, omissions)).then(|| {
        format!(
            "{node}: {excepted} records of its journal became exceptions and {omissions} stand for calls without one, and there are \
             exceptions of {} and {}",
            kept.0, kept.1
        )
    }))
}
