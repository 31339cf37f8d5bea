//! Moves usage records from the journal to where they are rated, each exactly once.
//!
//! The sink keeps records and position in one transaction; after any crash the drain goes on from that position.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::record;
use crate::domain::usage::UsageRecord;
use crate::journal::frame::Sequence;
use crate::journal::journal::{JournalSettings, release};
use crate::journal::reader::{Entry, Reader};
use crate::journal::state::State;

/// Most records in one batch.
const MAX_BATCH: usize = 1000;
/// How long to wait at first before a failed batch is tried again; twice as long each time.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// Longest wait between tries.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// What stands at a place of the journal.
#[derive(Debug)]
pub enum Drained {
    /// A usage record.
    Usage(Sequence, Box<UsageRecord>),
    /// Bytes that no usage can be recorded from, because they are no usage record or because the sink refused it by
    /// itself, and why: someone must look at them.
    Unreadable(Sequence, Vec<u8>, String),
    /// Records that are lost to rot, first and last: someone must look for them.
    Lost(Sequence, Sequence),
}

/// Why the sink did not take a batch; nothing of it was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// The sink is out of reach; the same batch may be taken later.
    #[error("usage records cannot be recorded now: {0}")]
    Unavailable(String),
    /// Something in the batch cannot be recorded, now or later.
    #[error("usage records were refused: {0}")]
    Refused(String),
    /// The batch does not begin right after the sink's position, which this is: read on from there.
    #[error("the journal is to be read on from record {0}")]
    Behind(Sequence),
}

/// Where usage records go.
#[async_trait]
pub trait UsageSink: Send + Sync {
    /// The last record that was taken.
    async fn position(&self) -> Result<Sequence, SinkError>;

    /// Takes a batch and moves the position to `up_to`, both or neither. What is at or before the position is
    /// passed over.
    async fn record(&self, batch: Vec<Drained>, up_to: Sequence) -> Result<(), SinkError>;
}

/// Counters of the drain.
#[derive(Debug, Default)]
pub struct DrainState {
    recorded: AtomicU64,
    failures: AtomicU64,
}

impl DrainState {
    /// The last record that the sink has taken.
    #[must_use]
    pub fn recorded(&self) -> Sequence {
        self.recorded.load(Ordering::Acquire)
    }

    /// Batches that the sink did not take at once.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

/// Drains until `stop` resolves and all that is committed by then has been taken.
pub async fn drain(
    mut reader: Reader,
    journal: (Arc<State>, JournalSettings),
    sink: Arc<dyn UsageSink>,
    state: Arc<DrainState>,
    stop: impl Future<Output = ()>,
) {
    let (journal, settings) = journal;
    let mut committed = journal.subscribe();
    let mut stop = std::pin::pin!(stop);
    let mut is_stopping = false;
    let mut retry_after = RETRY_AFTER;
    match sink.position().await {
        Ok(position) => state.recorded.store(position, Ordering::Release),
        Err(error) => tracing::error!(%error, "the journal's position is not known yet"),
    }
    loop {
        match step(&mut reader, &settings, &*sink, &state).await {
            Ok(true) => {
                retry_after = RETRY_AFTER;
                continue;
            }
            Ok(false) if is_stopping => return,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%error, "usage records wait in the journal");
                state.failures.fetch_add(1, Ordering::Relaxed);
                if is_stopping {
                    return;
                }
                // New records are no reason to try sooner: a sink that is down is asked ever less often.
                tokio::select! {
                    () = &mut stop => is_stopping = true,
                    () = tokio::time::sleep(retry_after) => {}
                }
                retry_after = (retry_after * 2).min(MAX_RETRY_AFTER);
                continue;
            }
        }
        tokio::select! {
            () = &mut stop, if !is_stopping => is_stopping = true,
            _ = committed.changed() => {}
            () = tokio::time::sleep(RETRY_AFTER) => {}
        }
    }
}

/// Moves one batch; false if there was none.
async fn step(
    reader: &mut Reader,
    settings: &JournalSettings,
    sink: &dyn UsageSink,
    state: &DrainState,
) -> Result<bool, SinkError> {
    let position = sink.position().await?;
    if reader.position() != position {
        reader.rewind(position);
    }
    let entries = reader.next_batch(MAX_BATCH).map_err(|error| SinkError::Unavailable(error.to_string()))?;
    if entries.is_empty() {
        return Ok(false);
    }
    let up_to = reader.position();
    sink.record(entries.into_iter().map(decode).collect(), up_to).await?;
    state.recorded.store(up_to, Ordering::Release);
    if let Err(error) = release(settings, up_to) {
        tracing::warn!(%error, "drained journal segments could not be removed");
    }
    Ok(true)
}

fn decode(entry: Entry) -> Drained {
    match entry {
        Entry::Lost(from, to) => Drained::Lost(from, to),
        Entry::Record(sequence, payload) => match record::decode(&payload) {
            Ok(record) => Drained::Usage(sequence, Box::new(record)),
            Err(error) => {
                let reason = error.to_string();
                Drained::Unreadable(sequence, payload, reason)
            }
        },
    }
}
