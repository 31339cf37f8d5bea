//! What a node has leased of quotas: a call takes of it before its upstream sees it, and its answer settles what it has used.
//!
//! What is used beyond what was leased is owed, and leased before anything else: so the store comes to know of all that was used.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::purse::Exhausted;
use super::purses::TooMany;
use crate::domain::id::{AppId, PlanName};
use crate::domain::quota::{Quota, QuotaWindow};
use crate::domain::time::{Timestamp, Zone};

/// Windows of a node. Beyond, calls that need another are refused for the moment.
const MOST: usize = 65_536;
/// Windows that a core keeps at hand, by apps; beyond: it begins anew.
const AT_HAND: usize = 4096;
/// Of so many leased at once, when only one in so many is left, more are asked for.
const LOW: i64 = 4;

/// What a node has leased of a quota in one window, in units, or calls.
#[derive(Debug)]
pub struct QuotaPurse {
    window: QuotaWindow,
    /// Leased, and held by no call; below zero: used, and not leased yet.
    left: AtomicI64,
    /// Leased in all, and not given back.
    leased: AtomicI64,
    /// So much is little: then more is asked for before anyone has to wait.
    low: AtomicI64,
    /// What calls wait for.
    wanted: AtomicU64,
    /// How often it was said that there is no more.
    refusals: AtomicU64,
    /// Whether that was said so lately that it is not asked again.
    is_refused: AtomicBool,
    /// Whether that was said so lately for calls to come that only those that wait ask.
    expects_none: AtomicBool,
    is_asking: AtomicBool,
    answered: Notify,
    desk: Arc<Desk>,
}

/// Where purses ask for more.
#[derive(Default)]
struct Desk {
    asking: Mutex<Vec<Arc<QuotaPurse>>>,
    bell: Notify,
}

/// Those that ask have it themselves.
impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk")
    }
}

impl QuotaPurse {
    fn new(window: QuotaWindow, desk: Arc<Desk>) -> Self {
        Self {
            window,
            left: AtomicI64::new(0),
            leased: AtomicI64::new(0),
            low: AtomicI64::new(0),
            wanted: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            is_refused: AtomicBool::new(false),
            expects_none: AtomicBool::new(false),
            is_asking: AtomicBool::new(false),
            answered: Notify::new(),
            desk,
        }
    }

    /// Of what it is.
    #[must_use]
    pub fn window(&self) -> &QuotaWindow {
        &self.window
    }

    /// Leased, and held by no call; below zero: used, and not leased yet.
    #[must_use]
    pub fn left(&self) -> i64 {
        self.left.load(Ordering::Acquire)
    }

    /// What calls hold or have used.
    #[must_use]
    pub fn used(&self) -> i64 {
        self.leased.load(Ordering::Acquire).saturating_sub(self.left())
    }

    /// What has to be leased for calls that wait, and for what is owed.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let wanted = i64::try_from(self.wanted.load(Ordering::Acquire)).unwrap_or(i64::MAX);
        u64::try_from(wanted.saturating_sub(self.left())).unwrap_or(0)
    }

    /// Whether a call waits.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.wanted.load(Ordering::Acquire) > 0
    }

    /// Takes units, all or none. None are always there.
    #[must_use]
    pub fn take(self: &Arc<Self>, units: u64) -> Option<QuotaHold> {
        let wanted = i64::try_from(units).ok()?;
        if wanted > 0 {
            let fewer = |left: i64| left.checked_sub(wanted).filter(|left| *left >= 0);
            let before = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, fewer).ok()?;
            if before - wanted <= self.low.load(Ordering::Relaxed) && !self.is_silent() {
                self.ask();
            }
        }
        Some(QuotaHold { purse: self.clone(), units })
    }

    /// Takes units, all or none, and waits for them if there are not so many: until there are, or until it is said that there
    /// are no more. How long that may take is for the caller to bound.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub async fn wait(self: &Arc<Self>, units: u64) -> Result<QuotaHold, Exhausted> {
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
        self.low.store(i64::try_from(units).unwrap_or(i64::MAX) / LOW, Ordering::Relaxed);
        self.put_again(units);
        self.answered.notify_waiters();
    }

    /// Puts units in that were taken out, and could not be given back.
    pub fn put_again(&self, units: u64) {
        let units = i64::try_from(units).unwrap_or(i64::MAX);
        add(&self.leased, units);
        add(&self.left, units);
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

    /// Takes out what no call holds, but for so many, to be given back; gives how many those are.
    #[must_use]
    pub fn leave(&self, kept: i64) -> u64 {
        let fewer = |left: i64| (left > kept).then_some(kept);
        let before = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, fewer);
        let taken = before.map_or(0, |before| before - kept);
        add(&self.leased, taken.saturating_neg());
        u64::try_from(taken).unwrap_or(0)
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
    let _ = sum.fetch_update(Ordering::AcqRel, Ordering::Acquire, added);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that waits.
struct Waiting<'p> {
    purse: &'p QuotaPurse,
    units: u64,
}

impl<'p> Waiting<'p> {
    fn begin(purse: &'p QuotaPurse, units: u64) -> Self {
        purse.wanted.fetch_add(units, Ordering::AcqRel);
        Self { purse, units }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.purse.wanted.fetch_sub(self.units, Ordering::AcqRel);
    }
}

/// What a call under way holds of a quota. Dropped, all of it goes back.
#[derive(Debug)]
pub struct QuotaHold {
    purse: Arc<QuotaPurse>,
    units: u64,
}

impl QuotaHold {
    /// It is known now that the call used so many. What is missing is owed.
    pub fn settle(mut self, used: u64) {
        let held = std::mem::take(&mut self.units);
        let [held, used] = [held, used].map(|units| i64::try_from(units).unwrap_or(i64::MAX));
        add(&self.purse.left, held.saturating_sub(used));
    }

    /// What it holds is used.
    pub fn keep(mut self) {
        self.units = 0;
    }
}

impl Drop for QuotaHold {
    fn drop(&mut self) {
        if let (true, Ok(units)) = (self.units > 0, i64::try_from(self.units)) {
            add(&self.purse.left, units);
        }
    }
}

/// All that a node has leased of quotas.
#[derive(Debug, Default)]
pub struct QuotaPurses {
    all: Mutex<HashMap<QuotaWindow, Arc<QuotaPurse>, foldhash::fast::RandomState>>,
    desk: Arc<Desk>,
}

impl QuotaPurses {
    /// The purse for a window.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn find(&self, window: QuotaWindow) -> Result<Arc<QuotaPurse>, TooMany> {
        let mut all = lock(&self.all);
        if let Some(purse) = all.get(&window) {
            return Ok(purse.clone());
        }
        if all.len() >= MOST {
            return Err(TooMany);
        }
        let purse = Arc::new(QuotaPurse::new(window.clone(), self.desk.clone()));
        all.insert(window, purse.clone());
        Ok(purse)
    }

    /// What is left of a window on this node; 0 if nothing was leased of it.
    #[must_use]
    pub fn left(&self, window: &QuotaWindow) -> i64 {
        lock(&self.all).get(window).map_or(0, |purse| purse.left())
    }

    /// Waits until a purse asks for more; gives those that do.
    pub async fn asking(&self) -> Vec<Arc<QuotaPurse>> {
        loop {
            let asking = std::mem::take(&mut *lock(&self.desk.asking));
            // What they ask from now on is another question.
            asking.iter().for_each(|purse| purse.is_asking.store(false, Ordering::Release));
            if !asking.is_empty() {
                return asking;
            }
            self.desk.bell.notified().await;
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<QuotaPurse>> {
        lock(&self.all).values().cloned().collect()
    }

    /// Forgets those of windows that have ended by `now`, and those that nobody has and that neither hold nor owe anything.
    pub fn sweep(&self, now: Timestamp) {
        lock(&self.all).retain(|window, purse| {
            window.until > now && (Arc::strong_count(purse) > 1 || purse.left() != 0)
        });
    }
}

/// A core's own view.
#[derive(Debug, Default)]
pub struct LocalQuotas {
    by_app: HashMap<AppId, Vec<Arc<QuotaPurse>>, foldhash::fast::RandomState>,
}

impl LocalQuotas {
    /// The purse for a call at `at` under a quota of a plan, in windows of that zone.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn find(
        &mut self,
        purses: &QuotaPurses,
        (app, plan, quota): (&AppId, &PlanName, &Quota),
        (at, zone): (Timestamp, &Zone),
    ) -> Result<Arc<QuotaPurse>, TooMany> {
        let is_it = |purse: &&Arc<QuotaPurse>| {
            let QuotaWindow { plan: of_plan, quota: name, of, most, from, until, .. } = &purse.window;
            let is_of_quota = *name == quota.name && (*of, *most) == (quota.of, quota.most);
            is_of_quota && of_plan == plan && *from <= at && at < *until
        };
        if let Some(purse) = self.by_app.get(app).and_then(|of_app| of_app.iter().find(is_it)) {
            return Ok(purse.clone());
        }
        let purse = purses.find(quota.window((app, plan), at, zone))?;
        if self.by_app.len() >= AT_HAND {
            self.by_app.clear();
        }
        self.by_app.entry(app.clone()).or_default().push(purse.clone());
        Ok(purse)
    }

    /// Forgets all, so that the shared map can drop what nobody uses.
    pub fn sweep(&mut self) {
        self.by_app.clear();
    }
}

#[cfg(test)]
mod tests;
