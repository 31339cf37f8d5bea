//! What became of the journal's records, counted one by one as the sink takes them. `recorded` and `excepted` add up to
//! `position`, or a record is unaccounted for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::journal::frame::Sequence;
use crate::journal::state::State;

/// What became of the records up to a position.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// The last record that the sink has taken.
    pub position: Sequence,
    /// Records in the books. Of those taken before the drain began, all count here that are not known as exceptions.
    pub recorded: u64,
    /// Records that became exceptions: lost to rot, unreadable, or refused.
    pub excepted: u64,
}

impl Tally {
    /// Begins at a position, of which so many records became exceptions: the journal has no gaps, so all others were recorded.
    fn at(position: Sequence, excepted: u64) -> Self {
        let excepted = excepted.min(position);
        Self { position, recorded: position - excepted, excepted }
    }
}

/// Where each record is that the journal has taken. The figures belong together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Records that the journal took.
    pub accepted: u64,
    /// Records in the books.
    pub recorded: u64,
    /// Records that became exceptions of the journal.
    pub excepted: u64,
    /// Records on their way from a core to the books.
    pub waiting: u64,
    /// What none of these explains.
    pub unaccounted: u64,
}

impl Accounts {
    /// The accounts of a journal and its drain.
    #[must_use]
    pub fn of(journal: &State, drain: &DrainState) -> Self {
        // Read against the stream: what was drained had been accepted before.
        let tally = drain.tally();
        let accepted = journal.accepted();
        let waiting = accepted.saturating_sub(journal.unwritten()).saturating_sub(tally.position);
        let explained = tally.recorded.saturating_add(tally.excepted).saturating_add(waiting);
        Self {
            accepted,
            recorded: tally.recorded,
            excepted: tally.excepted,
            waiting,
            unaccounted: accepted.abs_diff(explained),
        }
    }
}

/// Counters of the drain.
#[derive(Debug, Default)]
pub struct DrainState {
    tally: Mutex<Tally>,
    failures: AtomicU64,
    refused: AtomicU64,
}

impl DrainState {
    /// A drain that goes on after `position`, up to which so many records became exceptions.
    #[must_use]
    pub fn at(position: Sequence, excepted: u64) -> Self {
        Self { tally: Mutex::new(Tally::at(position, excepted)), ..Self::default() }
    }

    /// What became of the records up to now; the figures belong together.
    #[must_use]
    pub fn tally(&self) -> Tally {
        *self.lock()
    }

    /// Batches that the sink did not take at once.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Records that the sink refused by themselves; each is an exception.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The sink took what lies up to `position`.
    pub(super) fn took(&self, position: Sequence, recorded: u64, excepted: u64) {
        let mut tally = self.lock();
        tally.position = position;
        tally.recorded = tally.recorded.saturating_add(recorded);
        tally.excepted = tally.excepted.saturating_add(excepted);
    }

    /// The sink says where it stands. It is ahead if the answer to a batch was lost, and behind if it was restored
    /// from a copy: then counting begins again.
    pub(super) fn stands_at(&self, position: Sequence) {
        let mut tally = self.lock();
        match position.checked_sub(tally.position) {
            Some(ahead) => {
                tally.recorded = tally.recorded.saturating_add(ahead);
                tally.position = position;
            }
            None => *tally = Tally::at(position, 0),
        }
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused_one(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_exceptions_before_is_not_counted_as_recorded() {
        let drain = DrainState::at(10, 3);
        assert_eq!(drain.tally(), Tally { position: 10, recorded: 7, excepted: 3 });
        drain.took(12, 1, 1);
        assert_eq!(drain.tally(), Tally { position: 12, recorded: 8, excepted: 4 });
        drain.stands_at(5);
        assert_eq!(drain.tally(), Tally { position: 5, recorded: 5, excepted: 0 });
        assert_eq!(DrainState::at(2, 3).tally(), Tally { position: 2, recorded: 0, excepted: 2 });
    }
}
