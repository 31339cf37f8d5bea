//! What a core waits for: each waiting task is woken when its time is over, and all of them when the core stops. One
//! sweep now and then stands for a timer for each wait, which is most of what a timer costs: nearly every wait is met.
//! Nothing here is shared between cores.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use slab::Slab;

/// Time between two sweeps beyond which the core was kept from running.
const LONGEST_STEP: Duration = Duration::from_secs(1);

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
    /// When the task is to be told that it has rested.
    rest: Option<Duration>,
    has_rested: bool,
    waker: Option<Waker>,
    alarm: Option<Rc<Alarm>>,
    /// Whether a call waits, which may have to end.
    is_call: bool,
}

impl Wait {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

/// Told to a task that some wait of several is over, when none of them has a task of its own that would see it.
#[derive(Debug, Default)]
pub struct Alarm {
    is_raised: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Alarm {
    /// Whether it was raised; else wakes `waker` once it is.
    pub fn is_raised(&self, waker: &Waker) -> bool {
        let is_known = self.waker.borrow().as_ref().is_some_and(|known| known.will_wake(waker));
        if !is_known {
            let before = self.waker.replace(Some(waker.clone()));
            drop(before);
        }
        self.is_raised.get()
    }

    fn raise(&self) {
        self.is_raised.set(true);
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

impl Watches {
    /// Watches a wait until the watch is dropped.
    #[must_use]
    pub fn watch(self: &Rc<Self>) -> Watch {
        self.insert(Wait::default())
    }

    /// Watches a wait of a call, whose task is woken too when something changes that calls may have to end for.
    #[must_use]
    pub fn watch_call(self: &Rc<Self>) -> Watch {
        self.insert(Wait { is_call: true, ..Wait::default() })
    }

    fn insert(self: &Rc<Self>, wait: Wait) -> Watch {
        let key = self.waits.borrow_mut().insert(wait);
        Watch { watches: self.clone(), key }
    }

    /// Wakes the tasks of all calls that wait.
    pub fn wake_calls(&self) {
        self.waits.borrow().iter().filter(|(_, wait)| wait.is_call).for_each(|(_, wait)| wait.wake());
    }

    /// Wakes the tasks whose time is over at `now`, a monotonic time. Waits are exact to the time between two sweeps.
    ///
    /// Time in which the core did not run, because it was stopped or starved, is nobody's: no wait counts it.
    pub fn sweep(&self, now: Duration) {
        let lost = now.saturating_sub(self.now.replace(now)).saturating_sub(LONGEST_STEP);
        for (_, wait) in self.waits.borrow_mut().iter_mut() {
            wait.until = wait.until.map(|until| until.saturating_add(lost));
            if wait.until.is_some_and(|until| until <= now) {
                wait.until = None;
                wait.is_late = true;
                wait.wake();
                if let Some(alarm) = &wait.alarm {
                    alarm.raise();
                }
            } else if wait.rest.is_some_and(|rest| rest <= now) {
                wait.rest = None;
                wait.has_rested = true;
                wait.wake();
            }
        }
    }

    /// Whether the core stops.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.get()
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
        let before = self.with(|wait| {
            let is_known = wait.waker.as_ref().is_some_and(|known| known.will_wake(waker));
            if is_known { None } else { wait.waker.replace(waker.clone()) }
        });
        // Outside the borrow: it may be the last of its task, which drops other watches.
        drop(before);
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

    /// Raises `alarm` if what is expected does not come in time.
    pub fn or_else(&self, alarm: &Rc<Alarm>) {
        self.with(|wait| wait.alarm = Some(alarm.clone()));
    }

    /// Wakes the task after `time`, unless it is to be woken so already: what it waits for is not late, but it may make
    /// itself small.
    pub fn rest(&self, time: Duration) {
        let rest = self.watches.now.get().saturating_add(time);
        self.with(|wait| {
            wait.rest.get_or_insert(rest);
        });
    }

    /// Whether the task has rested, told once.
    #[must_use]
    pub fn has_rested(&self) -> bool {
        self.with(|wait| std::mem::take(&mut wait.has_rested))
    }

    /// What was expected has come.
    pub fn met(&self) {
        self.with(|wait| {
            (wait.until, wait.is_late) = (None, false);
            (wait.rest, wait.has_rested) = (None, false);
        });
    }

    /// Whether what was expected did not come in time.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.with(|wait| wait.is_late)
    }

    /// Whether the core stops.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.watches.is_stopping()
    }

    fn with<T: Default>(&self, act: impl FnOnce(&mut Wait) -> T) -> T {
        self.watches.waits.borrow_mut().get_mut(self.key).map(act).unwrap_or_default()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Outside the borrow, too.
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
        for second in 1..=32 {
            watches.sweep(Duration::from_secs(second));
            let is_late = second >= 30;
            late.expect(Duration::from_secs(30));
            assert_eq!((late.is_late(), met.is_late()), (is_late, false), "after {second} s");
        }
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        met.expect(Duration::from_secs(5));
        watches.sweep(Duration::from_secs(100));
        assert!(!met.is_late(), "the core was stopped for more than a minute");
        let alarm = Rc::<Alarm>::default();
        met.or_else(&alarm);
        assert!(!alarm.is_raised(&wakes.clone().into()));
        watches.sweep(Duration::from_secs(101));
        met.met();
        met.expect(Duration::from_secs(1));
        watches.sweep(Duration::from_secs(102));
        assert!(met.is_late() && alarm.is_raised(&wakes.clone().into()));
        assert_eq!(wakes.0.swap(1, Ordering::SeqCst), 2);
        drop(late);
        watches.stop();
        assert!(met.is_stopping());
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1, "a watch that was dropped wakes nobody");
    }

    #[test]
    fn calls_that_wait_are_woken_and_nobody_else() {
        let watches = Rc::<Watches>::default();
        let (call, other) = (watches.watch_call(), watches.watch());
        let (of_call, of_other) = (Arc::<Wakes>::default(), Arc::<Wakes>::default());
        call.remember(&of_call.clone().into());
        other.remember(&of_other.clone().into());
        watches.wake_calls();
        assert_eq!((of_call.0.load(Ordering::SeqCst), of_other.0.load(Ordering::SeqCst)), (1, 0));
        assert!(!call.is_late());
    }

    #[test]
    fn a_task_that_rests_is_woken_and_told_once_and_its_wait_is_not_late() {
        let watches = Rc::<Watches>::default();
        let watch = watches.watch();
        let wakes = Arc::<Wakes>::default();
        watch.remember(&wakes.clone().into());
        watch.expect(Duration::from_secs(30));
        watch.rest(Duration::from_millis(300));
        watches.sweep(Duration::from_millis(200));
        watch.rest(Duration::from_millis(300));
        assert!(!watch.has_rested());
        watches.sweep(Duration::from_millis(300));
        assert!(watch.has_rested() && !watch.has_rested() && !watch.is_late());
        watches.sweep(Duration::from_millis(900));
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        watch.rest(Duration::from_millis(300));
        watch.met();
        watches.sweep(Duration::from_millis(1_500));
        assert!(!watch.has_rested());
    }
}
