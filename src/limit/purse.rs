//! Leased units of one balance: a call takes some before its upstream sees it, and what it does not spend comes back by itself.
//!
//! Units come into being by [`Purse::put`] alone, which the control plane calls with what the store has leased: so whatever cores
//! do at the same time, no more are held and spent than were leased.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::domain::balance::Stretch;
use crate::domain::time::Timestamp;

/// Of so many units put in at once, when only one in so many is left, more are asked for.
const LOW: u64 = 4;

/// Leased units for one stretch of one balance.
#[derive(Debug)]
pub struct Purse {
    stretch: Stretch,
    /// The service period: from when, and until when.
    span: (Timestamp, Timestamp),
    /// Units that no call holds.
    left: AtomicU64,
    /// Units that were put in, and not taken out again.
    leased: AtomicU64,
    /// Units of them that calls have spent.
    spent: AtomicU64,
    /// So many are few: then more are asked for before anyone has to wait.
    low: AtomicU64,
    /// Units that calls wait for.
    wanted: AtomicU64,
    /// How often it was said that there are no more.
    refusals: AtomicU64,
    /// Whether that was said so lately that it is not asked again.
    is_refused: AtomicBool,
    /// Whether that was said so lately for calls to come that only those that wait ask.
    expects_none: AtomicBool,
    /// Whether it waits at the desk.
    is_asking: AtomicBool,
    answered: Notify,
    desk: Arc<Desk>,
}

/// Where purses ask for more.
#[derive(Default)]
pub(super) struct Desk {
    asking: Mutex<Vec<Arc<Purse>>>,
    pub(super) bell: Notify,
}

/// Those that ask have it themselves.
impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk")
    }
}

impl Desk {
    /// Those that ask.
    pub(super) fn take(&self) -> Vec<Arc<Purse>> {
        let asking = std::mem::take(&mut *self.asking.lock().unwrap_or_else(PoisonError::into_inner));
        // What they ask from now on is another question.
        asking.iter().for_each(|purse| purse.is_asking.store(false, Ordering::Release));
        asking
    }
}

/// The balance bears no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

impl Purse {
    pub(super) fn new(stretch: Stretch, span: (Timestamp, Timestamp), desk: Arc<Desk>) -> Self {
        Self {
            stretch,
            span,
            left: AtomicU64::new(0),
            leased: AtomicU64::new(0),
            spent: AtomicU64::new(0),
            low: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            is_refused: AtomicBool::new(false),
            expects_none: AtomicBool::new(false),
            is_asking: AtomicBool::new(false),
            answered: Notify::new(),
            desk,
        }
    }

    /// For what its units are.
    #[must_use]
    pub fn stretch(&self) -> &Stretch {
        &self.stretch
    }

    /// Whether its units are for calls of that time.
    #[must_use]
    pub fn is_for(&self, at: Timestamp) -> bool {
        let (from, until) = self.span;
        from <= at && at < until
    }

    /// Units that no call holds.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Acquire)
    }

    /// Units that were put in, and not taken out again: in all, spent or not.
    #[must_use]
    pub fn leased(&self) -> u64 {
        self.leased.load(Ordering::Acquire)
    }

    /// Units that calls have spent, in all: the record of each is the journal's.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.spent.load(Ordering::Acquire)
    }

    /// Whether it is known that there are not so many.
    #[must_use]
    pub fn lacks(&self, units: u64) -> bool {
        self.is_refused.load(Ordering::Acquire) && self.left() < units
    }

    /// Units that calls wait for.
    #[must_use]
    pub fn wanted(&self) -> u64 {
        self.wanted.load(Ordering::Acquire)
    }

    /// Takes units, all or none.
    #[must_use]
    pub fn take(self: &Arc<Self>, units: u64) -> Option<Hold> {
        let (_, left) = self.reduce(|left| left.checked_sub(units))?;
        if left <= self.low.load(Ordering::Relaxed)
            && !self.is_refused.load(Ordering::Relaxed)
            && !self.expects_none.load(Ordering::Relaxed)
        {
            self.ask();
        }
        Some(Hold { purse: self.clone(), units })
    }

    /// Takes units, all or none, and waits for them if there are not so many: until there are, or until it is said that there
    /// are no more. How long that may take is for the caller to bound.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub async fn wait(self: &Arc<Self>, units: u64) -> Result<Hold, Exhausted> {
        let refusals = self.refusals.load(Ordering::Acquire);
        if self.is_refused.load(Ordering::Acquire) {
            return self.take(units).ok_or(Exhausted);
        }
        let _waiting = Waiting::begin(self, units);
        loop {
            let mut answered = pin!(self.answered.notified());
            // From here on no answer is missed.
            answered.as_mut().enable();
            if let Some(hold) = self.take(units) {
                return Ok(hold);
            }
            if self.refusals.load(Ordering::Acquire) != refusals {
                return Err(Exhausted);
            }
            self.ask();
            answered.await;
        }
    }

    /// Puts units in that were leased.
    pub fn put(&self, units: u64) {
        self.low.store(units / LOW, Ordering::Relaxed);
        self.put_again(units);
        self.may_ask_again();
        self.answered.notify_waiters();
    }

    /// Puts units in that were taken out, and could not be given back.
    pub fn put_again(&self, units: u64) {
        self.leased.fetch_add(units, Ordering::AcqRel);
        self.left.fetch_add(units, Ordering::AcqRel);
    }

    /// Says that there are no more for now. Until [`Self::may_ask_again`], it is not asked again.
    pub fn refuse(&self) {
        self.is_refused.store(true, Ordering::Release);
        self.refusals.fetch_add(1, Ordering::AcqRel);
        self.answered.notify_waiters();
    }

    /// Has it be asked again whether there are more.
    pub fn may_ask_again(&self) {
        self.is_refused.store(false, Ordering::Release);
        self.expects_none.store(false, Ordering::Release);
    }

    /// Says that nothing more comes for calls to come. Until [`Self::may_ask_again`], only calls that wait ask.
    pub fn expect_no_more(&self) {
        self.expects_none.store(true, Ordering::Release);
    }

    /// Takes out what no call holds, but for so many units, to be given back; gives how many those are.
    #[must_use]
    pub fn leave(&self, units: u64) -> u64 {
        let taken = self.reduce(|left| Some(left.min(units))).map_or(0, |(before, after)| before - after);
        self.leased.fetch_sub(taken, Ordering::AcqRel);
        taken
    }

    fn ask(self: &Arc<Self>) {
        if !self.is_asking.swap(true, Ordering::AcqRel) {
            self.desk.asking.lock().unwrap_or_else(PoisonError::into_inner).push(self.clone());
            self.desk.bell.notify_one();
        }
    }

    /// Replaces what is left by what `fewer` makes of it, if it makes anything; gives what it was and is.
    fn reduce(&self, fewer: impl Fn(u64) -> Option<u64>) -> Option<(u64, u64)> {
        let mut before = self.left.load(Ordering::Relaxed);
        loop {
            let after = fewer(before)?;
            match self.left.compare_exchange_weak(before, after, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Some((before, after)),
                Err(changed) => before = changed,
            }
        }
    }
}

/// A call that waits for units.
struct Waiting<'p> {
    purse: &'p Purse,
    units: u64,
}

impl<'p> Waiting<'p> {
    fn begin(purse: &'p Purse, units: u64) -> Self {
        purse.wanted.fetch_add(units, Ordering::AcqRel);
        Self { purse, units }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.purse.wanted.fetch_sub(self.units, Ordering::AcqRel);
    }
}

/// Units that a call holds. What is not spent goes back.
#[derive(Debug)]
pub struct Hold {
    purse: Arc<Purse>,
    units: u64,
}

impl Hold {
    /// How many.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.units
    }

    /// Has it hold so many units, now that it is known how many the call has used: what is too much goes back, and of what is
    /// missing is taken what there is. What is beyond is spent all the same once it is recorded, and leaves no debt here: a balance
    /// may be overdrawn by the units of calls that were under way beyond the one that each held.
    #[must_use]
    pub fn settled(mut self, units: u64) -> Self {
        match units.checked_sub(self.units) {
            Some(0) => {}
            Some(missing) => {
                let taken = self.purse.reduce(|left| Some(left.saturating_sub(missing)));
                self.units += taken.map_or(0, |(before, after)| before - after);
            }
            None => {
                let before = std::mem::replace(&mut self.units, units);
                self.purse.left.fetch_add(before - units, Ordering::AcqRel);
            }
        }
        self
    }

    /// Spends them: they do not come back.
    pub fn spend(mut self) {
        self.purse.spent.fetch_add(std::mem::take(&mut self.units), Ordering::AcqRel);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.units > 0 {
            self.purse.left.fetch_add(self.units, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests;
