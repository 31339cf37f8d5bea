//! How the readings of an issuer's keys go: told by the one task that reads them, awaited by calls whose key is not known.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::limit::cell::Cell;

/// Least time from one reading to one that a key causes which is not known.
pub(super) const REST: Duration = Duration::from_secs(10);
/// How long a call waits for a reading: beyond the rest, so that whether there is such a key is known in the end.
const PATIENCE: Duration = REST.saturating_add(Duration::from_secs(4));

/// How the readings of an issuer's keys go.
#[derive(Default)]
pub(in crate::credential) struct Readings {
    state: watch::Sender<State>,
    /// The number of the latest reading that a call waits for.
    wanted: AtomicU64,
    told: Notify,
    /// How many calls have waited of late.
    waits: Arc<Cell>,
}

/// How they stand. Times are monotonic.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct State {
    /// Readings that are over.
    pub(super) ended: u64,
    /// Of those, the ones that failed.
    pub(super) failures: u64,
    /// Whether the last one was such.
    pub(super) is_failing: bool,
    /// When the keys that are known began to be read; `None` while none are.
    pub(super) read_at: Option<Duration>,
}

/// How the keys of an issuer stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whose they are.
    pub issuer: String,
    /// How many are known and taken.
    pub keys: usize,
    /// How long ago they were read; `None` while there are none that are good.
    pub age: Option<Duration>,
    /// Readings that are over.
    pub readings: u64,
    /// Of those, the ones that failed.
    pub failures: u64,
}

impl Readings {
    /// How the keys stand at `now`, of which an issuer of that name has so many.
    pub(super) fn standing(&self, issuer: &str, keys: usize, now: Duration) -> Standing {
        let State { ended, failures, read_at, .. } = self.state();
        let age = read_at.map(|read_at| now.saturating_sub(read_at));
        Standing { issuer: issuer.to_owned(), keys, age, readings: ended, failures }
    }

    /// How many are over.
    pub(in crate::credential) fn over(&self) -> u64 {
        self.state().ended
    }

    /// What bounds how many calls wait for them.
    pub(in crate::credential) fn waits(&self) -> &Arc<Cell> {
        &self.waits
    }

    /// How they stand.
    pub(super) fn state(&self) -> State {
        *self.state.borrow()
    }

    /// Waits for a reading after that of the number `seen`: the one that is under way, or one that begins as soon as may be. Gives
    /// whether it brought the keys. While their server is away nobody waits.
    pub(in crate::credential) async fn one_after(&self, seen: u64) -> bool {
        let mut state = self.state.subscribe();
        self.wanted.fetch_max(seen + 1, Ordering::AcqRel);
        self.told.notify_one();
        if self.state().is_failing {
            return false;
        }
        let over = state.wait_for(|state| seen < state.ended);
        match tokio::time::timeout(PATIENCE, over).await {
            Ok(Ok(state)) => !state.is_failing,
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// One is over that began at `read_at` and brought the keys.
    pub(in crate::credential) fn succeed(&self, read_at: Duration) {
        self.state.send_modify(|state| {
            let (ended, failures) = (state.ended + 1, state.failures);
            *state = State { ended, failures, is_failing: false, read_at: Some(read_at) };
        });
    }

    /// One failed; `read_at` is when the keys were read that are still good.
    pub(in crate::credential) fn fail(&self, read_at: Option<Duration>) {
        self.state.send_modify(|state| {
            let (ended, failures) = (state.ended + 1, state.failures + 1);
            *state = State { ended, failures, is_failing: true, read_at };
        });
    }

    /// Waits until a call wants a reading that has not begun.
    pub(in crate::credential) async fn wanted(&self) {
        loop {
            self.told.notified().await;
            if self.state().ended < self.wanted.load(Ordering::Acquire) {
                return;
            }
        }
    }
}
