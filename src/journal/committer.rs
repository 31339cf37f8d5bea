//! The one thread that writes: all that has arrived becomes one group, with one write and one `fdatasync`.
//!
//! A group that fails is never acknowledged and its segment is given up, since after a failed sync nobody knows
//! what the disk holds. Its records are kept and go first into the next segment, so nothing accepted is lost.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::error::JournalError;
use super::frame::{self, Sequence};
use super::segment;
use super::state::State;

/// Most bytes of payload in one group.
const MAX_GROUP: usize = 8 << 20;
/// How long to wait before a failed group is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Records from one core: lengths (u32, little endian) and payloads in turn.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<u8>,
    pub(super) waiters: Vec<oneshot::Sender<Result<Sequence, JournalError>>>,
}

pub(super) struct Committer {
    pub(super) folder: PathBuf,
    pub(super) node: String,
    pub(super) segment_bytes: u64,
    pub(super) state: Arc<State>,
    pub(super) open: Option<(File, u64)>,
    pub(super) last: Sequence,
}

impl Committer {
    /// Runs until every writer is gone and what they sent is on disk, or cannot be put there.
    pub(super) fn run(mut self, inbox: &Receiver<Batch>) {
        let mut group = Batch::default();
        let mut is_open = true;
        while is_open || !group.records.is_empty() {
            is_open = collect(inbox, &mut group, self.state.is_failing()) && is_open;
            if group.records.is_empty() {
                continue;
            }
            match self.commit(&group.records) {
                Ok(()) => acknowledge(&mut group, self.last),
                Err(error) => {
                    self.give_up(&error);
                    for waiter in group.waiters.drain(..) {
                        let _ = waiter.send(Err(JournalError::NotCommitted));
                    }
                    if !is_open {
                        tracing::error!(
                            bytes = group.records.len(),
                            "the journal closes with records not on disk"
                        );
                        return;
                    }
                }
            }
        }
    }

    fn commit(&mut self, records: &[u8]) -> Result<(), JournalError> {
        let mut framed = Vec::with_capacity(records.len() + records.len() / 4);
        let mut sequence = self.last;
        for payload in payloads(records) {
            sequence += 1;
            frame::encode(&mut framed, sequence, payload);
        }
        let folder = self.folder.clone();
        let (file, length) = self.segment()?;
        file.write_all(&framed).and_then(|()| file.sync_data()).map_err(JournalError::io(folder))?;
        *length += framed.len() as u64;
        self.last = sequence;
        self.state.is_failing.store(false, Ordering::Relaxed);
        self.state.groups.fetch_add(1, Ordering::Relaxed);
        self.state.bytes.fetch_add(framed.len() as u64, Ordering::Relaxed);
        self.state.committed.send_replace(sequence);
        Ok(())
    }

    /// The segment to append to; a new one if there is none or it is full.
    fn segment(&mut self) -> Result<&mut (File, u64), JournalError> {
        if self.open.as_ref().is_some_and(|(_, length)| *length >= self.segment_bytes) {
            self.open = None;
        }
        match &mut self.open {
            Some(open) => Ok(open),
            empty => Ok(empty.insert(segment::create(&self.folder, &self.node, self.last + 1)?)),
        }
    }

    fn give_up(&mut self, error: &JournalError) {
        tracing::error!(%error, source = ?std::error::Error::source(error), "the journal could not be written");
        if let Some((file, length)) = self.open.take() {
            // What the failed write left is cut, so that its sequences are free for the next segment. Should
            // that fail too, recovery and readers skip it: a later segment repeats its sequences.
            let _ = file.set_len(length).and_then(|()| file.sync_all());
        }
        self.state.failures.fetch_add(1, Ordering::Relaxed);
        self.state.is_failing.store(true, Ordering::Relaxed);
    }
}

/// Takes all that has arrived into `group`; waits if there is nothing. Gives false once every writer is gone.
fn collect(inbox: &Receiver<Batch>, group: &mut Batch, is_failing: bool) -> bool {
    if group.records.is_empty() {
        match inbox.recv() {
            Ok(batch) => add(group, batch),
            Err(_) => return false,
        }
    } else if is_failing {
        match inbox.recv_timeout(RETRY_AFTER) {
            Ok(batch) => add(group, batch),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
    while group.records.len() < MAX_GROUP {
        match inbox.try_recv() {
            Ok(batch) => add(group, batch),
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
    true
}

fn add(group: &mut Batch, batch: Batch) {
    group.records.extend_from_slice(&batch.records);
    group.waiters.extend(batch.waiters);
}

fn acknowledge(group: &mut Batch, last: Sequence) {
    group.records.clear();
    for waiter in group.waiters.drain(..) {
        let _ = waiter.send(Ok(last));
    }
}

fn payloads(mut records: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = records.split_first_chunk::<4>()?;
        let (payload, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        records = rest;
        Some(payload)
    })
}
