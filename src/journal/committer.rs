//! The one thread that writes: all that has arrived becomes one group, with one write and one `fdatasync`. It ends in a seal, which
//! is made here, where no core waits for it.
//!
//! A group that fails is never acknowledged and its segment is given up, since after a failed sync nobody knows
//! what the disk holds. Its records are kept and go first into the next segment, so nothing accepted is lost.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::chain::{self, Head};
use super::error::JournalError;
use super::frame::{self, Sequence};
use super::inbox::{Batch, Inbox};
use super::open_segment::OpenSegment;
use super::spare::Spare;
use super::state::State;
use crate::domain::time::Clock;

/// How long to wait before a failed group is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// How often a failing group is tried when the journal closes: a second in all, then the stop goes on without it.
const CLOSING_ATTEMPTS: u32 = 5;
/// Bytes of the framing buffer that are kept from one group to the next.
const KEPT_BUFFER: usize = 1 << 20;

pub(super) struct Committer {
    pub(super) folder: PathBuf,
    pub(super) node: String,
    pub(super) segment_bytes: u64,
    pub(super) state: Arc<State>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) spare: Spare,
    pub(super) open: Option<OpenSegment>,
    pub(super) last: Sequence,
    /// The chain's head behind `last`.
    pub(super) head: Head,
    pub(super) framed: Vec<u8>,
}

impl Committer {
    /// Runs until every writer is gone and what they sent is on disk.
    ///
    /// # Errors
    /// [`JournalError::NotCommitted`] if the last of it could not be put there.
    pub(super) fn run(mut self, inbox: &Inbox) -> Result<(), JournalError> {
        let mut group = Batch::default();
        let mut closing_attempts = 0;
        loop {
            let is_open = inbox.collect(&mut group);
            if group.records.is_empty() {
                match is_open {
                    true => continue,
                    false => return Ok(()),
                }
            }
            let first = self.last + 1;
            if let Err(error) = self.commit(&group) {
                self.give_up(&error);
                group.refuse(|| JournalError::NotCommitted);
                closing_attempts += u32::from(!is_open);
                if closing_attempts >= CLOSING_ATTEMPTS {
                    tracing::error!(records = group.count, "the journal closes with records not on disk");
                    return Err(JournalError::NotCommitted);
                }
                std::thread::sleep(RETRY_AFTER);
                continue;
            }
            group.acknowledge(first);
            inbox.done(group.records.len());
            group = Batch::default();
        }
    }

    fn commit(&mut self, group: &Batch) -> Result<(), JournalError> {
        self.framed.clear();
        self.framed.shrink_to(KEPT_BUFFER);
        let mut sequence = self.last;
        for payload in group.payloads() {
            sequence += 1;
            frame::encode(&mut self.framed, sequence, payload);
        }
        let head = chain::next(&self.head, &self.framed);
        frame::encode_seal(&mut self.framed, sequence, &head);
        self.write()?;
        let missing = group.count.abs_diff(sequence - self.last);
        if missing > 0 {
            tracing::error!(missing, "the journal took records that it did not write");
            self.state.unwritten.fetch_add(missing, Ordering::Relaxed);
        }
        (self.last, self.head) = (sequence, head);
        if self.state.is_failing.swap(false, Ordering::Relaxed) {
            tracing::warn!("the journal can be written again");
        }
        self.state.groups.fetch_add(1, Ordering::Relaxed);
        self.state.bytes.fetch_add(self.framed.len() as u64, Ordering::Relaxed);
        self.state.committed.send_replace(sequence);
        Ok(())
    }

    fn write(&mut self) -> Result<(), JournalError> {
        self.prepare_segment()?;
        let Some(open) = &mut self.open else { return Err(JournalError::NotCommitted) };
        open.write(&self.framed).map_err(JournalError::io(&self.folder))?;
        let begun = self.clock.monotonic();
        open.sync(self.framed.len()).map_err(JournalError::io(&self.folder))?;
        let took = self.clock.monotonic().saturating_sub(begun).as_micros();
        self.state.last_sync_micros.store(u64::try_from(took).unwrap_or(u64::MAX), Ordering::Relaxed);
        // Half a segment is time enough to make the next one.
        if open.length() >= self.segment_bytes / 2 {
            self.spare.prepare(begun);
        }
        Ok(())
    }

    /// Has a segment to append to; a new one if there is none or it is full.
    fn prepare_segment(&mut self) -> Result<(), JournalError> {
        if self.open.as_ref().is_none_or(|open| open.length() >= self.segment_bytes) {
            self.open = None;
            let behind = (self.last, &self.head);
            self.open = Some(OpenSegment::begin(&self.folder, &self.node, behind, &mut self.spare)?);
        }
        Ok(())
    }

    fn give_up(&mut self, error: &JournalError) {
        if let Some(open) = self.open.take() {
            open.give_up();
        }
        self.state.failures.fetch_add(1, Ordering::Relaxed);
        if !self.state.is_failing.swap(true, Ordering::Relaxed) {
            let source = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(%error, source, "the journal cannot be written; it is tried again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::OwnedFd;

    use super::*;
    use crate::domain::time::ManualClock;
    use crate::journal::frame::Sequence;
    use crate::journal::inbox::{Waiter, inbox};
    use crate::journal::reader::{Entry, Reader};

    /// A pipe takes what is written and then refuses `fdatasync`: what a disk does that fails at the worst time.
    #[test]
    fn after_a_failed_sync_nothing_is_acknowledged_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let state = Arc::new(State::new(0));
        let (_keep, pipe) = std::io::pipe().unwrap();
        let committer = Committer {
            folder: folder.path().to_owned(),
            node: "n".to_owned(),
            segment_bytes: 1 << 20,
            state: state.clone(),
            clock: Arc::new(ManualClock::default()),
            spare: Spare::new(folder.path(), 1 << 20, state.clone()),
            open: Some(OpenSegment::of(File::from(OwnedFd::from(pipe)))),
            last: 0,
            head: Head::default(),
            framed: Vec::new(),
        };
        let (outbox, inbox) = inbox(8, 1 << 20);
        let (tell, hear) = tokio::sync::oneshot::channel::<Result<Sequence, JournalError>>();
        let records = [&1_u32.to_le_bytes()[..], b"a"].concat();
        outbox.send(Batch { records, count: 1, waiters: vec![Waiter { place: 0, tell }] }).ok().unwrap();
        let thread = std::thread::spawn(move || committer.run(&inbox));
        assert!(matches!(hear.blocking_recv().unwrap(), Err(JournalError::NotCommitted)));
        drop(outbox);
        thread.join().unwrap().unwrap();
        assert_eq!((state.failures(), state.is_failing(), state.committed()), (1, false, 1));
        let read = Reader::new(folder.path().to_owned(), state, 0).next_batch(9).unwrap();
        assert_eq!(read, [Entry::Record(1, b"a".to_vec())]);
    }
}
