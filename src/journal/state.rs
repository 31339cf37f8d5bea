//! What the journal tells about itself, for metrics and for those who wait for records.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;

use super::frame::Sequence;

/// Counters of a journal; written by its committer.
#[derive(Debug)]
pub struct State {
    pub(super) committed: watch::Sender<Sequence>,
    pub(super) groups: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) is_failing: AtomicBool,
    pub(super) rejected: AtomicU64,
    pub(super) last_sync_micros: AtomicU64,
}

impl State {
    pub(super) fn new(last: Sequence) -> Self {
        Self {
            committed: watch::Sender::new(last),
            groups: AtomicU64::default(),
            bytes: AtomicU64::default(),
            failures: AtomicU64::default(),
            is_failing: AtomicBool::default(),
            rejected: AtomicU64::default(),
            last_sync_micros: AtomicU64::default(),
        }
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

    /// How long the last `fdatasync` took, in microseconds.
    #[must_use]
    pub fn last_sync_micros(&self) -> u64 {
        self.last_sync_micros.load(Ordering::Relaxed)
    }

    /// Records that were not taken, since the disk did not keep up.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }
}
