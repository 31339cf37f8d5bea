//! Whether what was remembered of a subject (app, key, grant, merchant) may still be true.
//!
//! Every change to a subject bumps the counter that it falls on; what was loaded under an older count is stale.
//! Two subjects may share a counter: then a change to one also reloads the other, which is harmless. So a
//! revocation beats every cache, at the cost of a few relaxed loads a call, and memory does not grow.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

const COUNTERS: usize = 4096;

/// Counts changes by subject.
#[derive(Debug)]
pub struct Changes {
    counters: Vec<AtomicU64>,
    hasher: RandomState,
}

/// What a subject's counter showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    counter: usize,
    count: u64,
}

impl Default for Changes {
    fn default() -> Self {
        Self { counters: (0..COUNTERS).map(|_| AtomicU64::new(0)).collect(), hasher: RandomState::new() }
    }
}

impl Changes {
    /// The stamp of `subject`, to be taken before it is loaded.
    #[must_use]
    pub fn stamp(&self, subject: &str) -> Stamp {
        let counter = self.counter_of(subject);
        Stamp { counter, count: self.counters[counter].load(Ordering::Acquire) }
    }

    /// Whether nothing that falls on the stamp's counter has changed since.
    #[must_use]
    pub fn is_fresh(&self, stamp: &Stamp) -> bool {
        self.counters[stamp.counter].load(Ordering::Acquire) == stamp.count
    }

    /// Makes stale what was loaded of `subject`; to be called after the change is in the store.
    pub fn bump(&self, subject: &str) {
        self.counters[self.counter_of(subject)].fetch_add(1, Ordering::AcqRel);
    }

    fn counter_of(&self, subject: &str) -> usize {
        usize::try_from(self.hasher.hash_one(subject) % COUNTERS as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_makes_what_was_loaded_before_stale() {
        let changes = Changes::default();
        let before = changes.stamp("app_1");
        assert!(changes.is_fresh(&before));
        changes.bump("app_1");
        assert!(!changes.is_fresh(&before));
        assert!(changes.is_fresh(&changes.stamp("app_1")));
    }
}
