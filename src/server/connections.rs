//! A core's connections: each is woken when its time is over, and all of them when the core stops. One sweep now and then
//! stands for a timer for each request; nothing here is shared between cores.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use slab::Slab;

/// A core's connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    watched: RefCell<Slab<Rc<State>>>,
    now: Cell<Duration>,
    is_stopping: Cell<bool>,
}

#[derive(Debug, Default)]
struct State {
    deadline: Cell<Option<Duration>>,
    is_late: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl State {
    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

impl Connections {
    /// Watches a connection until the watch is dropped.
    #[must_use]
    pub(super) fn watch(self: &Rc<Self>) -> Watch {
        let state = Rc::<State>::default();
        let key = self.watched.borrow_mut().insert(state.clone());
        Watch { connections: self.clone(), key, state }
    }

    /// Tells the time, to which deadlines are exact.
    pub(super) fn tick(&self, now: Duration) {
        self.now.set(now);
    }

    /// Wakes the connections whose time is over.
    pub(super) fn sweep(&self) {
        let now = self.now.get();
        for (_, state) in self.watched.borrow().iter() {
            if state.deadline.get().is_some_and(|deadline| deadline <= now) {
                state.is_late.set(true);
                state.wake();
            }
        }
    }

    /// Wakes all connections, to end as soon as their requests in flight have.
    pub(super) fn stop(&self) {
        self.is_stopping.set(true);
        for (_, state) in self.watched.borrow().iter() {
            state.wake();
        }
    }
}

/// What watches one connection.
#[derive(Debug)]
pub(super) struct Watch {
    connections: Rc<Connections>,
    key: usize,
    state: Rc<State>,
}

impl Watch {
    /// Wakes `waker` from now on.
    pub(super) fn remember(&self, waker: &Waker) {
        let mut known = self.state.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    /// Expects something within `time`, unless something is expected already.
    pub(super) fn expect(&self, time: Duration) {
        if self.state.deadline.get().is_none() {
            self.state.deadline.set(Some(self.connections.now.get().saturating_add(time)));
        }
    }

    /// What was expected has come.
    pub(super) fn met(&self) {
        self.state.deadline.set(None);
    }

    /// Whether what was expected did not come in time.
    #[must_use]
    pub(super) fn is_late(&self) -> bool {
        self.state.is_late.get()
    }

    /// Whether the core stops.
    #[must_use]
    pub(super) fn is_stopping(&self) -> bool {
        self.connections.is_stopping.get()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.connections.watched.borrow_mut().try_remove(self.key);
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
    fn a_connection_is_late_once_its_time_is_over_and_not_if_it_was_met() {
        let connections = Rc::<Connections>::default();
        let (late, met) = (connections.watch(), connections.watch());
        let wakes = Arc::<Wakes>::default();
        late.remember(&wakes.clone().into());
        late.expect(Duration::from_secs(30));
        met.expect(Duration::from_secs(30));
        met.met();
        for (second, is_late) in [(10, false), (29, false), (31, true)] {
            connections.tick(Duration::from_secs(second));
            late.expect(Duration::from_secs(30));
            connections.sweep();
            assert_eq!((late.is_late(), met.is_late()), (is_late, false), "after {second} s");
        }
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        drop(late);
        connections.stop();
        assert!(met.is_stopping());
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1, "a closed connection is not woken");
    }
}
