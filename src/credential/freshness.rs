//! Whether what was remembered of a subject (app, key, grant, merchant …) may still be true.
//!
//! Every change to a subject bumps the counter that it falls on; what was loaded under an older count is stale.
//! Two subjects may share a counter: then a change to one also reloads the other, which is harmless. So a
//! revocation beats every cache, at the cost of a few relaxed loads a call, and memory does not grow.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// So many that of a million keys a change makes fifty stale, not hundreds.
const COUNTERS: usize = 1 << 16;
/// Most subjects that one memory rests on: token, app, partner, merchant, grant, family.
const MOST: usize = 6;

/// Counts changes by subject.
#[derive(Debug)]
pub struct Changes {
    counters: Box<[AtomicU32]>,
    hasher: RandomState,
    /// All that were made, each before it is counted by its subject.
    made: AtomicU64,
    /// All that were made, each after it was counted by its subject.
    known: AtomicU64,
    /// Up to when the changes of others are known, in nanoseconds of monotonic time.
    heard: AtomicU64,
}

/// What a subject's counter showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    counter: u16,
    count: u32,
}

impl Stamp {
    /// The stamp that was taken apart into its counter and what that showed.
    pub(super) fn of(counter: u16, count: u32) -> Self {
        Self { counter, count }
    }

    pub(super) fn counter(self) -> u16 {
        self.counter
    }

    pub(super) fn count(self) -> u32 {
        self.count
    }
}

/// The stamps of everything that a memory rests on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stamps {
    counters: [u16; MOST],
    counts: [u32; MOST],
    length: u8,
}

impl Stamps {
    /// Adds one. With more than there is room for, the memory is never fresh.
    pub fn push(&mut self, stamp: Stamp) {
        let place = usize::from(self.length);
        if let (Some(counter), Some(count)) = (self.counters.get_mut(place), self.counts.get_mut(place)) {
            (*counter, *count) = (stamp.counter, stamp.count);
        }
        self.length = self.length.saturating_add(1);
    }

    /// Adds all of another's.
    pub fn extend(&mut self, others: &Self) {
        others.iter().for_each(|stamp| self.push(stamp));
    }

    /// Whether both are those of the same subjects, in the same order, as far as counters tell.
    #[must_use]
    pub fn are_of_the_same_as(&self, others: &Self) -> bool {
        (self.length, self.counters) == (others.length, others.counters)
    }

    /// The stamps.
    pub fn iter(&self) -> impl Iterator<Item = Stamp> {
        let stamps = self.counters.into_iter().zip(self.counts);
        stamps.map(|(counter, count)| Stamp { counter, count }).take(usize::from(self.length))
    }
}

impl FromIterator<Stamp> for Stamps {
    fn from_iter<I: IntoIterator<Item = Stamp>>(stamps: I) -> Self {
        let mut all = Self::default();
        stamps.into_iter().for_each(|stamp| all.push(stamp));
        all
    }
}

impl Default for Changes {
    fn default() -> Self {
        let counters = (0..COUNTERS).map(|_| AtomicU32::new(0)).collect();
        let [made, known, heard] = [0; 3].map(AtomicU64::new);
        Self { counters, hasher: RandomState::new(), made, known, heard }
    }
}

impl Changes {
    /// The stamp of `subject`, to be taken before it is loaded.
    #[must_use]
    pub fn stamp(&self, subject: &str) -> Stamp {
        let counter = self.counter_of(subject);
        Stamp { counter, count: self.counters[usize::from(counter)].load(Ordering::Acquire) }
    }

    /// Whether nothing that falls on the stamps' counters has changed since.
    #[must_use]
    pub fn are_fresh(&self, stamps: &Stamps) -> bool {
        let is_fresh =
            |stamp: Stamp| self.counters[usize::from(stamp.counter)].load(Ordering::Acquire) == stamp.count;
        usize::from(stamps.length) <= MOST && stamps.iter().all(is_fresh)
    }

    /// Makes stale what was loaded of `subject`; to be called after the change is in the store.
    pub fn bump(&self, subject: &str) {
        self.made.fetch_add(1, Ordering::SeqCst);
        self.counters[usize::from(self.counter_of(subject))].fetch_add(1, Ordering::SeqCst);
        self.known.fetch_add(1, Ordering::SeqCst);
    }

    /// Makes everything stale: which changes there were is not known.
    pub fn bump_all(&self) {
        self.made.fetch_add(1, Ordering::SeqCst);
        self.counters.iter().for_each(|counter| {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        self.known.fetch_add(1, Ordering::SeqCst);
    }

    /// How many changes were made. If it is the same before something is loaded and after it was stamped, the stamps are as good
    /// as if they had been taken before.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::SeqCst)
    }

    /// Rises with each change, once that is seen in every stamp it makes stale: what is fresh then stays so until it rises again.
    #[must_use]
    pub fn known(&self) -> u64 {
        self.known.load(Ordering::Acquire)
    }

    /// The changes that others made in the store up to `at`, a monotonic time, have been bumped.
    pub fn heard(&self, at: Duration) {
        self.heard.fetch_max(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX), Ordering::AcqRel);
    }

    /// Until when what was loaded at `loaded_at` need not be loaded again, if that is after `time` without news.
    #[must_use]
    pub fn aged_at(&self, loaded_at: Duration, time: Duration) -> Duration {
        loaded_at.max(Duration::from_nanos(self.heard.load(Ordering::Acquire))).saturating_add(time)
    }

    fn counter_of(&self, subject: &str) -> u16 {
        // The lowest bits are the number of a counter.
        (self.hasher.hash_one(subject) & 0xffff) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_makes_what_was_loaded_before_stale() {
        let changes = Changes::default();
        let before: Stamps = [changes.stamp("app_1"), changes.stamp("key_1")].into_iter().collect();
        assert!(changes.are_fresh(&before));
        changes.bump("app_1");
        assert!(!changes.are_fresh(&before));
        let after = [changes.stamp("app_1")].into_iter().collect();
        assert!(changes.are_fresh(&after));
        let known = changes.known();
        changes.bump_all();
        assert!(!changes.are_fresh(&after) && changes.known() > known);
    }

    #[test]
    fn what_rests_on_more_than_there_is_room_for_is_never_fresh() {
        let changes = Changes::default();
        let stamps: Stamps = (0..=MOST).map(|number| changes.stamp(&number.to_string())).collect();
        assert!(!changes.are_fresh(&stamps));
    }

    #[test]
    fn news_keep_what_is_known_from_ageing() {
        let (changes, second) = (Changes::default(), Duration::from_secs(1));
        assert_eq!(changes.aged_at(second, second), 2 * second);
        changes.heard(5 * second);
        assert_eq!(changes.aged_at(second, second), 6 * second);
        assert_eq!(changes.aged_at(7 * second, second), 8 * second);
    }
}
