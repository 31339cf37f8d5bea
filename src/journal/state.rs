//! What the journal tells about itself, for metrics and for those who wait for records.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::frame::Sequence;

/// Counters of a journal; written by its committer, and by each writer those of its own.
#[derive(Debug)]
pub struct State {
    /// The last record when the journal was opened.
    begin: Sequence,
    /// What each writer has taken since; a core counts its own, so that counting shares nothing.
    taken: Mutex<Vec<Arc<AtomicU64>>>,
    /// Records that were taken and will never be on disk.
    pub(super) unwritten: AtomicU64,
    pub(super) committed: watch::Sender<Sequence>,
    pub(super) groups: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) is_failing: AtomicBool,
    pub(super) is_short_of_room: AtomicBool,
    pub(super) rejected: AtomicU64,
    pub(super) last_sync_micros: AtomicU64,
    pub(super) archives: AtomicU64,
    pub(super) archive_bytes: AtomicU64,
    pub(super) packed: AtomicU64,
    pub(super) archive_failures: AtomicU64,
}

impl State {
    pub(crate) fn new(last: Sequence) -> Self {
        Self {
            begin: last,
            taken: Mutex::default(),
            unwritten: AtomicU64::default(),
            committed: watch::Sender::new(last),
            groups: AtomicU64::default(),
            bytes: AtomicU64::default(),
            failures: AtomicU64::default(),
            is_failing: AtomicBool::default(),
            is_short_of_room: AtomicBool::default(),
            rejected: AtomicU64::default(),
            last_sync_micros: AtomicU64::default(),
            archives: AtomicU64::default(),
            archive_bytes: AtomicU64::default(),
            packed: AtomicU64::default(),
            archive_failures: AtomicU64::default(),
        }
    }

    /// The counter of another writer.
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        let counter = Arc::<AtomicU64>::default();
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(counter.clone());
        counter
    }

    /// Records that the journal has ever taken, on disk or not yet: sequences have no gaps, so those before the start
    /// are as many as the last one's sequence.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.iter().fold(self.begin, |sum, count| sum.saturating_add(count.load(Ordering::Relaxed)))
    }

    /// Records that were taken and will never be on disk, since the journal had closed before.
    #[must_use]
    pub fn unwritten(&self) -> u64 {
        self.unwritten.load(Ordering::Relaxed)
    }

    /// The last record that is on disk.
    #[must_use]
    pub fn committed(&self) -> Sequence {
        *self.committed.borrow()
    }

    /// Tells each time that more is on disk.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Sequence> {
        self.committed.subscribe()
    }

    /// Groups committed: one write and one sync each.
    #[must_use]
    pub fn groups(&self) -> u64 {
        self.groups.load(Ordering::Relaxed)
    }

    /// Bytes committed.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Groups that could not be written or synced.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Whether the last group failed: nothing is acknowledged until one succeeds.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// Whether the disk had no room for the next segment when it was to be made: the journal goes on while there is any.
    #[must_use]
    pub fn is_short_of_room(&self) -> bool {
        self.is_short_of_room.load(Ordering::Relaxed)
    }

    /// How long the last `fdatasync` took, in microseconds.
    #[must_use]
    pub fn last_sync_micros(&self) -> u64 {
        self.last_sync_micros.load(Ordering::Relaxed)
    }

    /// Records that were not taken: the disk did not keep up, or they were too long.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Archived segments, when it was last looked.
    #[must_use]
    pub fn archives(&self) -> u64 {
        self.archives.load(Ordering::Relaxed)
    }

    /// Bytes of archived segments, when it was last looked.
    #[must_use]
    pub fn archive_bytes(&self) -> u64 {
        self.archive_bytes.load(Ordering::Relaxed)
    }

    /// Segments that were archived.
    #[must_use]
    pub fn packed(&self) -> u64 {
        self.packed.load(Ordering::Relaxed)
    }

    /// Times that segments could not be archived, or archives not removed.
    #[must_use]
    pub fn archive_failures(&self) -> u64 {
        self.archive_failures.load(Ordering::Relaxed)
    }
}
