//! What the store kept of a node's journal, read beside whatever uses the store.

use std::path::Path;

use tokio::runtime::Runtime;

use super::failure::Failure;
use crate::config::environment;
use crate::journal::frame::Sequence;
use crate::journal::kept_heads::{KeptBatch, KeptJournal};
use crate::store::{Store, StoreError};

/// A store that may be asked what it kept of a node's journal.
pub(super) struct KeptInStore {
    runtime: Runtime,
    store: Store,
    node: String,
    /// What it kept when it was opened.
    pub(super) journal: KeptJournal,
}

impl KeptInStore {
    /// The store at `TOLLGATE_STORE`, or in the data folder; `None` if there is none.
    ///
    /// # Errors
    /// That it cannot be read.
    pub(super) fn open(node: &str, data: &Path) -> Result<Option<Self>, Failure> {
        let file = data.join("tollgate.db");
        let address = match environment::variable("TOLLGATE_STORE") {
            Some(address) => address,
            None if file.is_file() => format!("sqlite:{}", file.display()),
            None => return Ok(None),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let store = runtime.block_on(Store::open_to_read(&address))?;
        let place = runtime.block_on(store.journal_place(node))?;
        let journal = KeptJournal { position: place.sequence, identity: place.journal };
        Ok(Some(Self { runtime, store, node: node.to_owned(), journal }))
    }

    /// Some of its batches by rising sequence, of those that end after record `after`.
    pub(super) fn batches(&self, after: Sequence) -> Result<Vec<KeptBatch>, StoreError> {
        let batches = self.runtime.block_on(self.store.journal_batches(&self.node, after))?.into_iter();
        let kept = batches.map(|batch| KeptBatch { first: batch.first, last: batch.last, head: batch.head });
        Ok(kept.collect())
    }

    pub(super) fn close(self) {
        self.runtime.block_on(self.store.close());
    }
}
