//! One core's way into the journal: a buffer of its own, handed over in batches. No system call and no lock for a
//! buffered record; a durable one is handed over at once and awaited.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use super::error::JournalError;
use super::frame::{MAX_PAYLOAD, Sequence};
use super::inbox::{Batch, Outbox, Undelivered, Waiter};
use super::state::State;

/// Bytes after which a core hands over without being told to.
const HAND_OVER_AT: usize = 64 << 10;
/// Bytes that a core keeps while the committer does not take any; beyond, records are refused.
const MAX_BUFFER: usize = 4 << 20;

/// One core's way into the journal.
#[derive(Debug)]
pub struct Writer {
    buffer: Batch,
    outbox: Outbox,
    state: Arc<State>,
}

/// Resolves once a durable record is on disk, with its sequence.
pub type Committed = oneshot::Receiver<Result<Sequence, JournalError>>;

impl Writer {
    pub(super) fn new(outbox: Outbox, state: Arc<State>) -> Self {
        Self { buffer: Batch::default(), outbox, state }
    }

    /// Takes a record that is on disk soon: after the next [`Writer::flush`], which the core calls at a stated interval.
    ///
    /// # Errors
    /// [`JournalError::TooLong`], or [`JournalError::Full`] if the disk does not keep up.
    pub fn append(&mut self, payload: &[u8]) -> Result<(), JournalError> {
        self.push(payload)?;
        if self.buffer.records.len() >= HAND_OVER_AT {
            self.flush();
        }
        Ok(())
    }

    /// Takes a record and hands it over at once; the result resolves when it is on disk. A record whose result is
    /// [`JournalError::NotCommitted`] is not given up: it is written once the disk takes it.
    ///
    /// # Errors
    /// [`JournalError::TooLong`], or [`JournalError::Full`] if the disk does not keep up.
    pub fn append_durable(&mut self, payload: &[u8]) -> Result<Committed, JournalError> {
        self.push(payload)?;
        let (tell, committed) = oneshot::channel();
        self.buffer.waiters.push(Waiter { place: self.buffer.count - 1, tell });
        self.flush();
        Ok(committed)
    }

    /// Whether records would be taken: to be asked before a call is served whose record must not be lost.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.state.is_failing() && self.buffer.records.len() < MAX_BUFFER / 2
    }

    /// Hands the buffer over, if there is room; else it stays until the next time.
    pub fn flush(&mut self) {
        if self.buffer.records.is_empty() {
            return;
        }
        let capacity = self.buffer.records.len().min(HAND_OVER_AT);
        match self.outbox.send(std::mem::take(&mut self.buffer)) {
            // About as much as last time comes again: one allocation a batch, none a record.
            Ok(()) => self.buffer.records = Vec::with_capacity(capacity),
            Err(Undelivered::Full(batch)) => {
                self.buffer = batch;
                if self.state.is_failing() {
                    self.buffer.refuse(|| JournalError::NotCommitted);
                }
            }
            Err(Undelivered::Closed(mut batch)) => {
                self.state.rejected.fetch_add(batch.count, Ordering::Relaxed);
                batch.refuse(|| JournalError::Closed);
            }
        }
    }

    fn push(&mut self, payload: &[u8]) -> Result<(), JournalError> {
        if payload.len() > MAX_PAYLOAD {
            return Err(JournalError::TooLong(payload.len()));
        }
        if self.buffer.records.len() + payload.len() > MAX_BUFFER {
            self.state.rejected.fetch_add(1, Ordering::Relaxed);
            return Err(JournalError::Full);
        }
        let length = u32::try_from(payload.len()).map_err(|_| JournalError::TooLong(payload.len()))?;
        self.buffer.records.extend_from_slice(&length.to_le_bytes());
        self.buffer.records.extend_from_slice(payload);
        self.buffer.count += 1;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.flush();
        if !self.buffer.records.is_empty() {
            self.outbox.leave(std::mem::take(&mut self.buffer));
        }
    }
}
