//! What a core waits for: each waiting task is woken when its time is over, and all of them when the core stops. One
//! sweep now and then stands for a timer for each wait, which is most of what a timer costs: nearly every wait is met.
//! Nothing here is shared between cores.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use slab::Slab;

/// All that a core waits for.
#[derive(Debug, Default)]
pub struct Watches {
    waits: RefCell<Slab<Wait>>,
    now: Cell<Duration>,
    is_stopping: Cell<bool>,
}

#[derive(Debug, Default)]
struct Wait {
    until: Option<Duration>,
    is_late: bool,
    waker: Option<Waker>,
}

impl Wait {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

impl Watches {
    /// Watches a wait until the watch is dropped.
    #[must_use]
    pub fn watch(self: &Rc<Self>) -> Watch {
        let key = self.waits.borrow_mut().insert(Wait::default());
        Watch { watches: self.clone(), key }
    }

    /// Wakes the tasks whose time is over at `now`, a monotonic time. Waits are exact to the time between two sweeps.
    pub fn sweep(&self, now: Duration) {
        self.now.set(now);
        for (_, wait) in self.waits.borrow_mut().iter_mut() {
            if wait.until.is_some_and(|until| until <= now) {
                wait.until = None;
                wait.is_late = true;
                wait.wake();
            }
        }
    }

    /// Wakes all tasks, for the core stops.
    pub fn stop(&self) {
        self.is_stopping.set(true);
        for (_, wait) in self.waits.borrow().iter() {
            wait.wake();
        }
    }
}

/// Watches one wait.
#[derive(Debug)]
pub struct Watch {
    watches: Rc<Watches>,
    key: usize,
}

impl Watch {
    /// Wakes `waker` from now on.
    pub fn remember(&self, waker: &Waker) {
        self.with(|wait| {
            if !wait.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
                wait.waker = Some(waker.clone());
            }
        });
    }

    /// Expects something within `time`, unless something is expected already.
    pub fn expect(&self, time: Duration) {
        let until = self.watches.now.get().saturating_add(time);
        self.with(|wait| {
            if !wait.is_late {
                wait.until.get_or_insert(until);
            }
        });
    }

    /// What was expected has come.
    pub fn met(&self) {
        self.with(|wait| (wait.until, wait.is_late) = (None, false));
    }

    /// Whether what was expected did not come in time.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.with(|wait| wait.is_late)
    }

    /// Whether the core stops.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.watches.is_stopping.get()
    }

    fn with<T: Default>(&self, act: impl FnOnce(&mut Wait) -> T) -> T {
        self.watches.waits.borrow_mut().get_mut(self.key).map(act).unwrap_or_default()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // The waker is dropped outside the borrow: it may be the last of its task, which drops other watches.
        let wait = self.watches.waits.borrow_mut().try_remove(self.key);
        drop(wait);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_wait_is_late_once_its_time_is_over_and_not_if_it_was_met() {
        let watches = Rc::<Watches>::default();
        let (late, met) = (watches.watch(), watches.watch());
        let wakes = Arc::<Wakes>::default();
        late.remember(&wakes.clone().into());
        late.expect(Duration::from_secs(30));
        met.expect(Duration::from_secs(30));
        met.met();
        for (second, is_late) in [(10, false), (29, false), (31, true), (70, true)] {
            watches.sweep(Duration::from_secs(second));
            late.expect(Duration::from_secs(30));
            assert_eq!((late.is_late(), met.is_late()), (is_late, false), "after {second} s");
        }
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        drop(late);
        watches.stop();
        assert!(met.is_stopping());
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1, "a watch that was dropped wakes nobody");
    }
}
