//! What became of the journal's records. `recorded`, `excepted` and `omissions` are counted one by one as the sink takes them, and
//! kept by it with the position; they add up to that, or a record is unaccounted for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::journal::frame::Sequence;
use crate::journal::state::State;

/// What became of the records up to a position.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// The last record that the sink has taken.
    pub position: Sequence,
    /// Records in the books.
    pub recorded: u64,
    /// Records that became exceptions: lost, unreadable, or refused.
    pub excepted: u64,
    /// Records that stand for calls of which the journal could take none.
    pub omissions: u64,
    /// The calls that those stand for.
    pub omitted: u64,
}

/// Where each record is that the journal has taken. The figures belong together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Records that the journal took.
    pub accepted: u64,
    /// What became of those that the sink has taken.
    pub tally: Tally,
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
        let taken = [tally.recorded, tally.excepted, tally.omissions];
        let explained = taken.into_iter().fold(waiting, u64::saturating_add);
        Self { accepted, tally, waiting, unaccounted: accepted.abs_diff(explained) }
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
    /// A drain that goes on after what the sink has taken.
    #[must_use]
    pub fn at(tally: Tally) -> Self {
        Self { tally: Mutex::new(tally), ..Self::default() }
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

    /// The sink says where it stands. It may have come further than was heard, if the answer to a batch was lost, and less far if it
    /// was restored from a copy.
    pub(super) fn stands_at(&self, tally: Tally) {
        *self.lock() = tally;
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
    fn a_record_that_was_counted_nowhere_is_unaccounted_for() {
        let journal = State::new(10);
        let tally = Tally { position: 8, recorded: 5, excepted: 2, omissions: 1, omitted: 40 };
        let accounts = Accounts::of(&journal, &DrainState::at(tally));
        assert_eq!((accounts.accepted, accounts.waiting, accounts.unaccounted), (10, 2, 0));
        let short = Tally { recorded: 4, ..tally };
        assert_eq!(Accounts::of(&journal, &DrainState::at(short)).unaccounted, 1);
    }
}
