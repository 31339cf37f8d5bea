//! How fast units of a purse are used, and so how many are leased ahead.

use std::collections::HashMap;
use std::hash::Hash;

use crate::limit::purse::Purse;

/// Looks between which nothing was taken of a purse before what is in it is given back.
const IDLE_LOOKS: u32 = 2;
/// Units that are leased for calls to come: for the pace of two seconds, and in between.
const AHEAD: (u64, u64) = (16, 65_536);
/// So many times what is leased for calls to come stays in a purse of which something is taken.
const SURPLUS: u64 = 4;

/// How fast units of a purse are used.
pub(super) struct Pace {
    /// To be leased for calls to come.
    ahead: u64,
    /// What was used by the last look.
    used: i64,
    /// Looks since something was used.
    idle: u32,
    /// Whether nothing could be leased since the last look: until the next, the store is not asked.
    pub(super) has_failed: bool,
    /// By which look there was such a purse.
    looked: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { ahead: AHEAD.0, used: 0, idle: 0, has_failed: false, looked: 0 }
    }
}

impl Pace {
    /// What is leased ahead, now that more was asked for: the next time it is twice as much.
    pub(super) fn quicken(&mut self) -> u64 {
        let ahead = self.ahead;
        self.ahead = ahead.saturating_mul(2).min(AHEAD.1);
        ahead
    }

    /// Whether units are used.
    fn is_busy(&self) -> bool {
        self.idle < IDLE_LOOKS
    }

    /// Looks at a purse; gives how many units stay in it.
    fn look<Of>(&mut self, purse: &Purse<Of>, look: u64) -> u64 {
        (self.has_failed, self.looked) = (false, look);
        let used = purse.used();
        let more = u64::try_from(used.saturating_sub(std::mem::replace(&mut self.used, used))).unwrap_or(0);
        self.ahead = more.saturating_mul(2).clamp(AHEAD.0, AHEAD.1);
        self.idle = if more == 0 { self.idle.saturating_add(1) } else { 0 };
        if self.is_busy() { self.ahead.saturating_mul(SURPLUS) } else { 0 }
    }
}

/// The paces of purses, by what these are known by.
pub(super) struct Paces<Key>(HashMap<Key, Pace, foldhash::fast::RandomState>);

impl<Key> Default for Paces<Key> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<Key: Clone + Eq + Hash> Paces<Key> {
    /// The pace of a purse.
    pub(super) fn of(&mut self, key: &Key) -> &mut Pace {
        self.0.entry(key.clone()).or_default()
    }

    /// Looks at a purse; gives how many units stay in it.
    pub(super) fn look<Of>(&mut self, key: &Key, purse: &Purse<Of>, look: u64) -> u64 {
        self.of(key).look(purse, look)
    }

    /// Whether units of a purse are used.
    pub(super) fn is_busy(&mut self, key: &Key) -> bool {
        self.of(key).is_busy()
    }

    /// Has as much be leased ahead for one purse as for another, which was looked at.
    pub(super) fn pass_on(&mut self, from: &Key, to: &Key) {
        let &mut Pace { ahead, looked, .. } = self.of(from);
        let to = self.of(to);
        (to.ahead, to.looked) = (ahead, looked);
    }

    /// Has the store be asked again for all.
    pub(super) fn ask_again(&mut self) {
        self.0.values_mut().for_each(|pace| pace.has_failed = false);
    }

    /// Forgets those of purses that there are no more by that look.
    pub(super) fn forget(&mut self, look: u64) {
        self.0.retain(|_, pace| pace.looked == look);
    }
}
