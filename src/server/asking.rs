//! Purses that are to be filled, and the rhythm in which all are looked over: the same for what is leased of balances
//! ([`super::leases`]) and of quotas ([`super::quotas`]).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

use crate::limit::purse::Purse;

/// How often purses are looked over: for so long it is remembered that there is no more, too.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks between which it is told once that the store refuses: a minute's.
const WARN_LOOKS: u64 = 60;
/// How soon the store is asked again that did not answer.
pub(super) const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long an orderly stop waits for what is left to be given back.
pub(super) const STOP_TIME: Duration = Duration::from_secs(2);

/// Purses to be filled, each once, those of calls that wait before others.
pub(super) struct Asking<Of>(Vec<Arc<Purse<Of>>>);

impl<Of> Default for Asking<Of> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<Of> Asking<Of> {
    /// Has more be filled.
    pub(super) fn add(&mut self, purses: Vec<Arc<Purse<Of>>>) {
        let mut seen = HashSet::new();
        let all = self.0.drain(..).chain(purses).filter(|purse| seen.insert(Arc::as_ptr(purse)));
        let (waiting, others): (Vec<_>, Vec<_>) = all.partition(|purse| purse.wanted() > 0);
        self.0 = waiting;
        self.0.extend(others);
    }

    /// The next ones, at most so many.
    pub(super) fn next(&mut self, most: usize) -> Vec<Arc<Purse<Of>>> {
        self.0.drain(..self.0.len().min(most)).collect()
    }

    /// Whether none is to be filled.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How often purses were looked over.
#[derive(Default)]
pub(super) struct Looks {
    /// The number of the last look.
    number: u64,
    /// By which look it was told last that nothing can be leased.
    warned: Option<u64>,
}

impl Looks {
    /// When to look.
    pub(super) fn ticks() -> Interval {
        every(LOOK_EVERY)
    }

    /// The number of the next look.
    pub(super) fn begin(&mut self) -> u64 {
        self.number = self.number.saturating_add(1);
        self.number
    }

    /// Whether it is to be told what the store refuses: not each time.
    pub(super) fn is_told(&mut self) -> bool {
        let is_told = self.warned.is_none_or(|warned| warned.saturating_add(WARN_LOOKS) <= self.number);
        if is_told {
            self.warned = Some(self.number);
        }
        is_told
    }
}

/// Ticks that come no faster after one was late.
pub(super) fn every(period: Duration) -> Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::Quantity;
    use crate::domain::quota::QuotaWindow;
    use crate::domain::time::Timestamp;
    use crate::limit::quota_purse::QuotaPurses;

    #[tokio::test]
    async fn purses_of_calls_that_wait_are_filled_before_others_and_each_once() {
        let purses = QuotaPurses::default();
        let purse = |quota: &str| {
            let window = QuotaWindow {
                app: "app_1".parse().unwrap(),
                plan: "standard".parse().unwrap(),
                quota: quota.parse().unwrap(),
                of: Quantity::Calls,
                most: 1,
                from: Timestamp::from_seconds(0),
                until: Timestamp::from_seconds(1000),
            };
            purses.find(window).unwrap()
        };
        let [first, second, third] = ["first", "second", "third"].map(purse);
        let mut asking = Asking::default();
        asking.add(vec![first.clone(), second.clone(), third.clone()]);
        let waiting = third.wait(1);
        let filling = async {
            asking.add(vec![third.clone()]);
            let next = asking.next(2);
            assert!(Arc::ptr_eq(&next[0], &third) && Arc::ptr_eq(&next[1], &first));
            assert_eq!((asking.next(9).len(), asking.is_empty()), (1, true));
            third.put(1);
        };
        let (waited, ()) = tokio::join!(waiting, filling);
        assert!(waited.is_ok());
    }
}
