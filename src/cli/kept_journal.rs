//! What the store kept of a node's journal, read beside whatever uses the store.

use std::path::Path;

use super::failure::Failure;
use crate::config::environment;
use crate::journal::frame::Sequence;
use crate::journal::kept_heads::{KeptBatch, KeptJournal};
use crate::store::{Store, StoreError};

/// What the store at `TOLLGATE_STORE`, or in the data folder, kept of the journal of `node` behind record `after`; `None` if there is no
/// store.
///
/// # Errors
/// That it cannot be read.
pub(super) fn read(node: &str, after: Sequence, data: &Path) -> Result<Option<KeptJournal>, Failure> {
    let file = data.join("tollgate.db");
    let address = match environment::variable("TOLLGATE_STORE") {
        Some(address) => address,
        None if file.is_file() => format!("sqlite:{}", file.display()),
        None => return Ok(None),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = Store::open_to_read(&address).await?;
        let kept = kept(&store, node, after).await;
        store.close().await;
        Ok(Some(kept?))
    })
}

async fn kept(store: &Store, node: &str, begin: Sequence) -> Result<KeptJournal, StoreError> {
    // The position first: a batch that is taken meanwhile is one more, and none too few.
    let place = store.journal_place(node).await?;
    let mut batches: Vec<KeptBatch> = Vec::new();
    loop {
        let after = batches.last().map_or(begin, |batch| batch.last);
        let more = store.journal_batches(node, after).await?;
        if more.is_empty() {
            return Ok(KeptJournal { position: place.sequence, identity: place.journal, batches });
        }
        batches.extend(more.into_iter().map(|batch| KeptBatch {
            first: batch.first,
            last: batch.last,
            head: batch.head,
        }));
    }
}
