//! One core's way into the journal: a buffer of its own, handed over in batches. No system call and no lock for a
//! buffered record; a durable one is handed over at once and awaited.
//!
//! A call whose record must not be lost reserves room before it is served.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::oneshot;

use super::error::JournalError;
use super::frame::{MAX_PAYLOAD, Sequence};
use super::inbox::{Batch, Outbox, Undelivered, Waiter};
use super::reservation::{Reservation, Reserved};
use super::state::State;

/// Bytes after which a core hands over without being told to.
const HAND_OVER_AT: usize = 64 << 10;
/// Bytes that a core promises and keeps while the committer does not take any; beyond, no room is reserved. It bounds the
/// calls with a meter that a core has under way: some 30,000.
const MAX_RESERVED: usize = 64 << 20;
/// Bytes that a core keeps of records without a reservation; beyond, they are refused.
const MAX_UNRESERVED: usize = 4 << 20;
/// Bytes before each record in the buffer.
const LENGTH: usize = 4;

/// One core's way into the journal.
#[derive(Debug)]
pub struct Writer {
    buffer: Batch,
    reserved: Reserved,
    taken: Arc<AtomicU64>,
    outbox: Outbox,
    state: Arc<State>,
}

/// Resolves once a durable record is on disk, with its sequence.
pub type Committed = oneshot::Receiver<Result<Sequence, JournalError>>;

impl Writer {
    pub(super) fn new(outbox: Outbox, state: Arc<State>) -> Self {
        let taken = state.counter();
        Self { buffer: Batch::default(), reserved: Reserved::default(), taken, outbox, state }
    }

    /// Promises room for a record of up to `bytes`, to be asked for before a call is served whose record must not be
    /// lost. `None` if there is none, or the disk takes no records now.
    #[must_use]
    pub fn reserve(&self, bytes: usize) -> Option<Reservation> {
        if self.state.is_failing() || bytes > MAX_PAYLOAD {
            return None;
        }
        self.reserved.reserve(bytes + LENGTH, MAX_RESERVED.saturating_sub(self.buffer.records.len()))
    }

    /// Whether the disk takes no records now.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.state.is_failing()
    }

    /// Whether the committer has all that was taken here: the disk keeps up, or did of late.
    #[must_use]
    pub fn has_handed_over(&self) -> bool {
        self.buffer.records.is_empty()
    }

    /// Takes a record that is on disk soon: after the next [`Writer::flush`], which the core calls at a stated interval.
    ///
    /// # Errors
    /// [`JournalError::TooLong`], or [`JournalError::Full`] if the disk does not keep up.
    pub fn append(&mut self, payload: &[u8]) -> Result<(), JournalError> {
        self.find_room(payload)?;
        self.take(payload)
    }

    /// As [`Writer::append`], however full the journal is: for the few records of a core that goes.
    ///
    /// # Errors
    /// [`JournalError::TooLong`].
    pub fn append_at_last(&mut self, payload: &[u8]) -> Result<(), JournalError> {
        self.take(payload)
    }

    /// As [`Writer::append`], in the room of a reservation of this writer. A record that is longer than was reserved
    /// for is taken all the same.
    ///
    /// # Errors
    /// [`JournalError::TooLong`].
    pub fn append_reserved(&mut self, payload: &[u8], room: Reservation) -> Result<(), JournalError> {
        drop(room);
        self.take(payload)
    }

    /// Takes a record and hands it over at once; the result resolves when it is on disk. A record whose result is
    /// [`JournalError::NotCommitted`] is not given up: it is written once the disk takes it.
    ///
    /// # Errors
    /// [`JournalError::TooLong`], or [`JournalError::Full`] if the disk does not keep up.
    pub fn append_durable(&mut self, payload: &[u8]) -> Result<Committed, JournalError> {
        self.find_room(payload)?;
        self.take_durably(payload)
    }

    /// As [`Writer::append_durable`], in the room of a reservation of this writer. A record that is longer than was
    /// reserved for is taken all the same.
    ///
    /// # Errors
    /// [`JournalError::TooLong`].
    pub fn append_durable_reserved(
        &mut self,
        payload: &[u8],
        room: Reservation,
    ) -> Result<Committed, JournalError> {
        drop(room);
        self.take_durably(payload)
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
                tracing::error!(records = batch.count, "the journal has closed before these records");
                self.state.unwritten.fetch_add(batch.count, Ordering::Relaxed);
                batch.refuse(|| JournalError::Closed);
            }
        }
    }

    /// Whether there is room that is not promised to others.
    fn find_room(&self, payload: &[u8]) -> Result<(), JournalError> {
        let with_it = self.buffer.records.len() + LENGTH + payload.len();
        if with_it > MAX_UNRESERVED {
            self.state.rejected.fetch_add(1, Ordering::Relaxed);
            return Err(JournalError::Full);
        }
        Ok(())
    }

    fn take(&mut self, payload: &[u8]) -> Result<(), JournalError> {
        self.push(payload)?;
        if self.buffer.records.len() >= HAND_OVER_AT {
            self.flush();
        }
        Ok(())
    }

    fn take_durably(&mut self, payload: &[u8]) -> Result<Committed, JournalError> {
        self.push(payload)?;
        let (tell, committed) = oneshot::channel();
        self.buffer.waiters.push(Waiter { place: self.buffer.count - 1, tell });
        self.flush();
        Ok(committed)
    }

    fn push(&mut self, payload: &[u8]) -> Result<(), JournalError> {
        let length = u32::try_from(payload.len()).ok().filter(|_| payload.len() <= MAX_PAYLOAD);
        let Some(length) = length else {
            self.state.rejected.fetch_add(1, Ordering::Relaxed);
            return Err(JournalError::TooLong(payload.len()));
        };
        self.buffer.records.extend_from_slice(&length.to_le_bytes());
        self.buffer.records.extend_from_slice(payload);
        self.buffer.count += 1;
        // Only this writer adds; it counts before it hands over, so that nobody sees more written than taken.
        self.taken.store(self.taken.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::inbox::{Inbox, inbox};

    /// A writer whose committer takes nothing but one batch, as a disk does that hangs.
    fn stuck() -> (Writer, Arc<State>, Inbox) {
        let state = Arc::new(State::new(100));
        let (outbox, inbox) = inbox(1, 1 << 20);
        let mut writer = Writer::new(outbox, state.clone());
        writer.append_durable(b"in the inbox").unwrap();
        (writer, state, inbox)
    }

    #[test]
    fn what_was_reserved_is_taken_however_full_the_journal_is() {
        let (mut writer, state, _inbox) = stuck();
        let mut reservations: Vec<_> = std::iter::from_fn(|| writer.reserve(1000)).collect();
        assert_eq!(reservations.len(), MAX_RESERVED / 1004);
        drop(reservations.pop());
        reservations.push(writer.reserve(1000).unwrap());
        writer.append(&[0; 5000]).unwrap();
        let count = reservations.len() as u64;
        for (number, room) in reservations.into_iter().enumerate() {
            match number % 2 {
                0 => writer.append_reserved(&[1; 1000], room).unwrap(),
                _ => drop(writer.append_durable_reserved(&[1; 1000], room).unwrap()),
            }
        }
        assert!(writer.reserve(1000).is_none());
        assert_eq!((writer.reserved.bytes(), state.accepted()), (0, 100 + 2 + count));
        assert!(writer.buffer.records.len() <= MAX_RESERVED + 5004);
    }

    #[test]
    fn records_without_a_reservation_leave_room_to_those_with_one() {
        let (mut writer, state, _inbox) = stuck();
        let taken = (0..).take_while(|_| writer.append(&[0; 10_000]).is_ok()).count();
        assert_eq!(taken, MAX_UNRESERVED / 10_004);
        assert!(writer.reserve(MAX_PAYLOAD).is_some());
        assert_eq!(state.rejected(), 1);
    }

    #[test]
    fn what_is_too_long_or_comes_after_the_close_is_counted() {
        let (mut writer, state, inbox) = stuck();
        assert!(matches!(writer.append(&vec![0; MAX_PAYLOAD + 1]), Err(JournalError::TooLong(_))));
        let room = writer.reserve(10).unwrap();
        assert!(writer.append_reserved(&vec![0; MAX_PAYLOAD + 1], room).is_err());
        assert!(writer.reserve(MAX_PAYLOAD + 1).is_none());
        assert_eq!((state.rejected(), state.accepted()), (2, 101));
        drop(inbox);
        let committed = writer.append_durable(b"late").unwrap();
        assert!(matches!(committed.blocking_recv().unwrap(), Err(JournalError::Closed)));
        assert_eq!((state.unwritten(), state.accepted()), (1, 102));
    }

    #[test]
    fn nothing_is_promised_while_the_disk_fails() {
        let (writer, state, _inbox) = stuck();
        assert!(writer.reserve(10).is_some());
        state.is_failing.store(true, Ordering::Relaxed);
        assert!(writer.reserve(10).is_none());
    }
}
