//! Uses of secrets and sessions that are to be written down, off the path of any answer: a node writes them together, now and
//! then.
//!
//! Bounded: a use for which there is no room is lost, and the next one of the same is noted instead.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::last_use::Used;
use crate::domain::time::Timestamp;

/// Most uses that wait.
const CAPACITY: usize = 50_000;

/// Uses that wait to be written down.
#[derive(Debug, Default)]
pub struct LastUses(Mutex<BTreeMap<Used, Timestamp>>);

impl LastUses {
    /// Notes a use at `now`, unless what is known of the last one is near enough.
    pub fn note(&self, used: Used, known: Option<Timestamp>, now: Timestamp) {
        if !used.is_due(known, now) {
            return;
        }
        let mut waiting = self.waiting();
        if waiting.len() < CAPACITY || waiting.contains_key(&used) {
            waiting.insert(used, now);
        }
    }

    /// What waits; it no longer does.
    #[must_use]
    pub fn take(&self) -> Vec<(Used, Timestamp)> {
        std::mem::take(&mut *self.waiting()).into_iter().collect()
    }

    /// Has uses wait again that could not be written down, unless there was a later one.
    pub fn put_back(&self, uses: Vec<(Used, Timestamp)>) {
        let mut waiting = self.waiting();
        for (used, at) in uses {
            if waiting.len() < CAPACITY {
                waiting.entry(used).or_insert(at);
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<Used, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn uses_wait_once_each_and_what_was_not_written_waits_again() {
        let (uses, at) = (LastUses::default(), Timestamp::from_seconds(1_000_000));
        let secret = |name: &str| Used::Secret(name.parse().unwrap());
        let later = at.plus(Duration::from_secs(1));
        uses.note(secret("one"), Some(at), at);
        uses.note(secret("two"), None, at);
        uses.note(secret("two"), None, later);
        let taken = uses.take();
        assert_eq!((taken.as_slice(), uses.take().len()), (&[(secret("two"), later)][..], 0));
        let latest = later.plus(Duration::from_secs(1));
        uses.note(secret("two"), None, latest);
        uses.put_back([taken, vec![(secret("three"), at)]].concat());
        assert_eq!(uses.take(), [(secret("three"), at), (secret("two"), latest)]);
    }

    #[test]
    fn uses_that_wait_are_bounded() {
        let (uses, at) = (LastUses::default(), Timestamp::from_seconds(1_000_000));
        for number in 0..=CAPACITY {
            uses.note(Used::Secret(format!("sec_{number:06}").parse().unwrap()), None, at);
        }
        uses.put_back(vec![(Used::Session("ses_1".parse().unwrap()), at)]);
        assert_eq!(uses.take().len(), CAPACITY);
    }
}
