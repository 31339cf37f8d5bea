//! The way from the cores to the committer: bounded in batches and in bytes, and no core ever waits on it.
//!
//! Bytes count as waiting until they are on disk, so the bound holds for what the committer keeps while the disk
//! fails as well.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::error::JournalError;
use super::frame::Sequence;

/// Records in order: lengths (u32, little endian) and payloads in turn.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<u8>,
    pub(super) count: u64,
    pub(super) waiters: Vec<Waiter>,
}

/// Who waits for a record, and the record's place in its batch, from 0.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) place: u64,
    pub(super) tell: oneshot::Sender<Result<Sequence, JournalError>>,
}

impl Batch {
    pub(super) fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        let mut records = self.records.as_slice();
        std::iter::from_fn(move || {
            let (length, rest) = records.split_first_chunk::<4>()?;
            let (payload, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            records = rest;
            Some(payload)
        })
    }

    /// Tells everyone who waits where their record is, the batch's first being at `first`.
    pub(super) fn acknowledge(&mut self, first: Sequence) {
        for waiter in self.waiters.drain(..) {
            let _ = waiter.tell.send(Ok(first + waiter.place));
        }
    }

    /// Tells everyone who waits that their record is not on disk.
    pub(super) fn refuse(&mut self, error: impl Fn() -> JournalError) {
        for waiter in self.waiters.drain(..) {
            let _ = waiter.tell.send(Err(error()));
        }
    }

    fn add(&mut self, batch: Self) {
        let before = self.count;
        self.waiters.extend(
            batch.waiters.into_iter().map(|waiter| Waiter { place: before + waiter.place, ..waiter }),
        );
        self.count += batch.count;
        if self.records.is_empty() {
            self.records = batch.records;
        } else {
            self.records.extend_from_slice(&batch.records);
        }
    }
}

#[derive(Debug)]
struct Shared {
    waiting_bytes: AtomicUsize,
    max_waiting_bytes: usize,
    /// What writers had left when they went while there was no room; at most one batch a core.
    left_behind: Mutex<Vec<Batch>>,
}

/// A core's end.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    sender: SyncSender<Batch>,
    shared: Arc<Shared>,
}

/// Why a batch comes back.
pub(super) enum Undelivered {
    /// There is no room now.
    Full(Batch),
    /// There is nobody to take it any more.
    Closed(Batch),
}

/// The committer's end.
#[derive(Debug)]
pub(super) struct Inbox {
    receiver: Receiver<Batch>,
    shared: Arc<Shared>,
}

/// Two ends with room for so many batches and bytes.
pub(super) fn inbox(max_batches: usize, max_waiting_bytes: usize) -> (Outbox, Inbox) {
    let (sender, receiver) = sync_channel(max_batches);
    let shared = Arc::new(Shared {
        waiting_bytes: AtomicUsize::default(),
        max_waiting_bytes,
        left_behind: Mutex::default(),
    });
    (Outbox { sender, shared: shared.clone() }, Inbox { receiver, shared })
}

impl Outbox {
    /// Hands a batch over without waiting.
    pub(super) fn send(&self, batch: Batch) -> Result<(), Undelivered> {
        let bytes = batch.records.len();
        let before = self.shared.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        // An empty inbox takes a batch of any size, so that nothing is stuck for ever.
        let sent = match before == 0 || before + bytes <= self.shared.max_waiting_bytes {
            true => self.sender.try_send(batch),
            false => Err(TrySendError::Full(batch)),
        };
        sent.map_err(|error| {
            self.shared.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            match error {
                TrySendError::Full(batch) => Undelivered::Full(batch),
                TrySendError::Disconnected(batch) => Undelivered::Closed(batch),
            }
        })
    }

    /// Leaves the last batch of a core that goes, room or not.
    pub(super) fn leave(&self, batch: Batch) {
        self.shared.waiting_bytes.fetch_add(batch.records.len(), Ordering::Relaxed);
        self.shared.left_behind.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
    }
}

impl Inbox {
    /// Adds all that has arrived to `group`; waits if that is nothing. Gives false once every core is gone and
    /// `group` has the last of it.
    pub(super) fn collect(&self, group: &mut Batch) -> bool {
        if group.records.is_empty() {
            match self.receiver.recv() {
                Ok(batch) => group.add(batch),
                Err(RecvError) => return self.collect_left_behind(group),
            }
        }
        loop {
            match self.receiver.try_recv() {
                Ok(batch) => group.add(batch),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return self.collect_left_behind(group),
            }
        }
    }

    /// Notes that so many bytes wait no more.
    pub(super) fn done(&self, bytes: usize) {
        self.shared.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// What a core left comes after all that it sent before.
    fn collect_left_behind(&self, group: &mut Batch) -> bool {
        let left =
            std::mem::take(&mut *self.shared.left_behind.lock().unwrap_or_else(PoisonError::into_inner));
        left.into_iter().for_each(|batch| group.add(batch));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(text: &str) -> Batch {
        let mut records = u32::try_from(text.len()).unwrap().to_le_bytes().to_vec();
        records.extend_from_slice(text.as_bytes());
        Batch { records, count: 1, waiters: Vec::new() }
    }

    fn texts(group: &Batch) -> Vec<&str> {
        group.payloads().map(|payload| std::str::from_utf8(payload).unwrap()).collect()
    }

    #[test]
    fn bytes_count_as_waiting_until_they_are_on_disk() {
        let (outbox, inbox) = inbox(8, 12);
        assert!(outbox.send(batch("123456")).is_ok());
        assert!(matches!(outbox.send(batch("7")), Err(Undelivered::Full(_))));
        let mut group = Batch::default();
        assert!(inbox.collect(&mut group));
        assert!(matches!(outbox.send(batch("7")), Err(Undelivered::Full(_))), "taken is not yet on disk");
        inbox.done(group.records.len());
        assert!(outbox.send(batch("7")).is_ok());
    }

    #[test]
    fn an_empty_inbox_takes_a_batch_of_any_size() {
        let (outbox, _inbox) = inbox(8, 4);
        assert!(outbox.send(batch("longer than four bytes")).is_ok());
    }

    #[test]
    fn what_a_core_leaves_comes_after_what_it_sent_and_needs_no_room() {
        let (outbox, inbox) = inbox(1, 100);
        assert!(outbox.send(batch("first")).is_ok());
        assert!(matches!(outbox.send(batch("second")), Err(Undelivered::Full(_))));
        outbox.leave(batch("second"));
        drop(outbox);
        let mut group = Batch::default();
        assert!(!inbox.collect(&mut group));
        assert_eq!(texts(&group), ["first", "second"]);
    }

    #[test]
    fn everyone_who_waits_learns_the_place_of_their_own_record() {
        let (outbox, inbox) = inbox(8, 100);
        let mut told = Vec::new();
        for text in ["a", "b", "c"] {
            let (tell, hear) = oneshot::channel();
            outbox.send(Batch { waiters: vec![Waiter { place: 0, tell }], ..batch(text) }).ok().unwrap();
            told.push(hear);
        }
        let mut group = Batch::default();
        inbox.collect(&mut group);
        group.acknowledge(40);
        let places: Vec<_> = told.into_iter().map(|hear| hear.blocking_recv().unwrap().unwrap()).collect();
        assert_eq!(places, [40, 41, 42]);
    }
}
