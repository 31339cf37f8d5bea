//! Units that a node has leased ahead of its calls, of a balance ([`super::balance_purse`]) or of a quota ([`super::quota_purse`]): a
//! call takes some before its upstream sees it, and what it does not use comes back by itself.
//!
//! Units come into being by [`Purse::put`] alone, which the control plane calls with what the store has leased: so whatever cores
//! do at the same time, no more are held and used than were leased, and owed.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Of so many units put in at once, when only one in so many is left, more are asked for.
const LOW: i64 = 4;

/// Leased units of one thing.
#[derive(Debug)]
pub struct Purse<Of> {
    of: Of,
    /// Units that no call holds; below zero: used, and not leased yet.
    left: AtomicI64,
    /// Units that were put in, and not taken out again.
    leased: AtomicI64,
    /// So many are few: then more are asked for before anyone has to wait.
    low: AtomicI64,
    /// Units that calls wait for.
    wanted: AtomicU64,
    /// The most that one call waits for, while any does.
    largest: AtomicU64,
    /// How often units were put in.
    answers: AtomicU64,
    /// How often it was said that there are no more.
    refusals: AtomicU64,
    /// Whether that was said so lately that it is not asked again.
    is_refused: AtomicBool,
    /// Whether that was said so lately for calls to come that only those that wait ask.
    expects_none: AtomicBool,
    /// Whether it waits at the desk.
    is_asking: AtomicBool,
    /// Rung when there may be something for calls that wait.
    answered: Notify,
    desk: Arc<Desk<Of>>,
}

/// Where purses ask for more.
pub(super) struct Desk<Of> {
    asking: Mutex<Vec<Arc<Purse<Of>>>>,
    pub(super) bell: Notify,
}

impl<Of> Default for Desk<Of> {
    fn default() -> Self {
        Self { asking: Mutex::default(), bell: Notify::new() }
    }
}

/// Those that ask have it themselves.
impl<Of> std::fmt::Debug for Desk<Of> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk")
    }
}

impl<Of> Desk<Of> {
    /// Those that ask.
    pub(super) fn take(&self) -> Vec<Arc<Purse<Of>>> {
        let asking = std::mem::take(&mut *lock(&self.asking));
        // What they ask from now on is another question.
        asking.iter().for_each(|purse| purse.is_asking.store(false, Ordering::Release));
        asking
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// There are no more units for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

impl<Of> Purse<Of> {
    pub(super) fn new(of: Of, desk: Arc<Desk<Of>>) -> Self {
        Self {
            of,
            left: AtomicI64::new(0),
            leased: AtomicI64::new(0),
            low: AtomicI64::new(0),
            wanted: AtomicU64::new(0),
            largest: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            is_refused: AtomicBool::new(false),
            expects_none: AtomicBool::new(false),
            is_asking: AtomicBool::new(false),
            answered: Notify::new(),
            desk,
        }
    }

    /// Of what its units are.
    #[must_use]
    pub fn of(&self) -> &Of {
        &self.of
    }

    /// Units that no call holds; below zero: used, and not leased yet.
    #[must_use]
    pub fn left(&self) -> i64 {
        self.left.load(Ordering::Acquire)
    }

    /// Units that were put in, and not taken out again: in all, used or not.
    #[must_use]
    pub fn leased(&self) -> i64 {
        self.leased.load(Ordering::Acquire)
    }

    /// Units that calls hold or have used.
    #[must_use]
    pub fn used(&self) -> i64 {
        self.leased().saturating_sub(self.left())
    }

    /// Units that calls wait for.
    #[must_use]
    pub fn wanted(&self) -> u64 {
        self.wanted.load(Ordering::Acquire)
    }

    /// The most units that one call waits for.
    #[must_use]
    pub fn largest(&self) -> u64 {
        self.largest.load(Ordering::Acquire)
    }

    /// Units that have to be leased for calls that wait, and for what is owed.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let wanted = i64::try_from(self.wanted()).unwrap_or(i64::MAX);
        u64::try_from(wanted.saturating_sub(self.left())).unwrap_or(0)
    }

    /// Whether it is known that there are not so many.
    #[must_use]
    pub fn lacks(&self, units: u64) -> bool {
        let left = || u64::try_from(self.left()).unwrap_or(0);
        self.is_refused.load(Ordering::Acquire) && left() < units
    }

    /// Takes units, all or none. None are always there.
    #[must_use]
    pub fn take(self: &Arc<Self>, units: u64) -> Option<Hold<Of>> {
        let taken = i64::try_from(units).ok()?;
        if taken > 0 {
            let before = self.change(|left| left.checked_sub(taken).filter(|left| *left >= 0))?;
            if before - taken <= self.low.load(Ordering::Relaxed) && !self.is_silent() {
                self.ask();
            }
        }
        Some(Hold { purse: self.clone(), units })
    }

    /// Takes units, all or none, and waits for them if there are not so many: until there are, or until it is said that there
    /// are no more. How long that may take is for the caller to bound.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub async fn wait(self: &Arc<Self>, units: u64) -> Result<Hold<Of>, Exhausted> {
        let refusals = self.refusals.load(Ordering::Acquire);
        if self.is_refused.load(Ordering::Acquire) {
            return self.take(units).ok_or(Exhausted);
        }
        let _waiting = Waiting::begin(self, units);
        let mut asked_after = None;
        loop {
            let mut answered = pin!(self.answered.notified());
            // From here on no answer is missed.
            answered.as_mut().enable();
            let answers = self.answers.load(Ordering::Acquire);
            if let Some(hold) = self.take(units) {
                return Ok(hold);
            }
            if self.refusals.load(Ordering::Acquire) != refusals {
                return Err(Exhausted);
            }
            // What another call gave back was not enough, and is no answer.
            if asked_after.replace(answers) != Some(answers) {
                self.ask();
            }
            answered.await;
        }
    }

    /// Puts units in that were leased.
    pub fn put(&self, units: u64) {
        self.low.store(signed(units) / LOW, Ordering::Relaxed);
        self.put_again(units);
        self.may_ask_again();
        self.answers.fetch_add(1, Ordering::AcqRel);
        self.answered.notify_waiters();
    }

    /// Puts units in that were taken out, and could not be given back.
    pub fn put_again(&self, units: u64) {
        add(&self.leased, signed(units));
        self.add_left(signed(units));
    }

    /// Says that there are no more for now. Until [`Self::may_ask_again`], it is not asked again.
    pub fn refuse(&self) {
        self.is_refused.store(true, Ordering::Release);
        self.refusals.fetch_add(1, Ordering::AcqRel);
        self.answered.notify_waiters();
    }

    /// Says that nothing more comes for calls to come. Until [`Self::may_ask_again`], only calls that wait ask.
    pub fn expect_no_more(&self) {
        self.expects_none.store(true, Ordering::Release);
    }

    /// Has it be asked again whether there are more.
    pub fn may_ask_again(&self) {
        self.is_refused.store(false, Ordering::Release);
        self.expects_none.store(false, Ordering::Release);
    }

    /// Takes out what no call holds, but for so many units, to be given back; gives how many those are.
    #[must_use]
    pub fn leave(&self, units: u64) -> u64 {
        let kept = signed(units);
        let before = self.change(|left| (left > kept).then_some(kept));
        let taken = before.map_or(0, |before| before - kept);
        add(&self.leased, -taken);
        u64::try_from(taken).unwrap_or(0)
    }

    /// Adds units that come back, or takes what is owed if it is below zero. Who waits for units that come back has them at once.
    pub(super) fn add_left(&self, units: i64) {
        add(&self.left, units);
        // Who begins to wait says so before it looks at what is left: one of both sees the other.
        if units > 0 && self.wanted.load(Ordering::SeqCst) > 0 {
            self.answered.notify_waiters();
        }
    }

    /// Replaces what is left by what `changed` makes of it, if it makes anything; gives what it was.
    pub(super) fn change(&self, changed: impl FnMut(i64) -> Option<i64>) -> Option<i64> {
        self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, changed).ok()
    }

    fn is_silent(&self) -> bool {
        self.is_refused.load(Ordering::Relaxed) || self.expects_none.load(Ordering::Relaxed)
    }

    fn ask(self: &Arc<Self>) {
        if !self.is_asking.swap(true, Ordering::AcqRel) {
            lock(&self.desk.asking).push(self.clone());
            self.desk.bell.notify_one();
        }
    }
}

/// Adds to a sum, which stays where it cannot be told any more.
fn add(sum: &AtomicI64, units: i64) {
    let added = |sum: i64| Some(sum.saturating_add(units));
    // It always has a next value.
    let _ = sum.fetch_update(Ordering::SeqCst, Ordering::SeqCst, added);
}

pub(super) fn signed(units: u64) -> i64 {
    i64::try_from(units).unwrap_or(i64::MAX)
}

/// A call that waits for units.
struct Waiting<'p> {
    wanted: &'p AtomicU64,
    largest: &'p AtomicU64,
    units: u64,
}

impl<'p> Waiting<'p> {
    fn begin<Of>(purse: &'p Purse<Of>, units: u64) -> Self {
        purse.wanted.fetch_add(units, Ordering::SeqCst);
        purse.largest.fetch_max(units, Ordering::AcqRel);
        Self { wanted: &purse.wanted, largest: &purse.largest, units }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.wanted.fetch_sub(self.units, Ordering::AcqRel) == self.units {
            // If another begins now, it is leased for in more steps.
            self.largest.store(0, Ordering::Release);
        }
    }
}

/// Units that a call holds. Dropped, they go back.
#[derive(Debug)]
pub struct Hold<Of> {
    pub(super) purse: Arc<Purse<Of>>,
    pub(super) units: u64,
}

impl<Of> Hold<Of> {
    /// How many.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.units
    }
}

impl<Of> Drop for Hold<Of> {
    fn drop(&mut self) {
        if self.units > 0 {
            self.purse.add_left(signed(self.units));
        }
    }
}

#[cfg(test)]
mod tests;
