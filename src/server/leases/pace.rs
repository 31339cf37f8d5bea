//! How fast units of a purse are used, and so how many are leased ahead.

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
    pub(super) ahead: u64,
    /// What was taken by the last look.
    taken: u64,
    /// Looks since something was taken.
    idle: u32,
    /// Whether the store failed since the last look: until the next, it is not asked.
    pub(super) has_failed: bool,
    /// By which look there was such a purse.
    pub(super) looked: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { ahead: AHEAD.0, taken: 0, idle: 0, has_failed: false, looked: 0 }
    }
}

impl Pace {
    /// What is leased ahead, now that more was asked for: the next time it is twice as much.
    pub(super) fn quicken(&mut self) -> u64 {
        let ahead = self.ahead;
        self.ahead = ahead.saturating_mul(2).min(AHEAD.1);
        ahead
    }

    /// Looks at a purse; gives how many units stay in it.
    pub(super) fn look(&mut self, purse: &Purse, look: u64) -> u64 {
        (self.has_failed, self.looked) = (false, look);
        let taken = purse.leased().saturating_sub(purse.left());
        let used = taken.saturating_sub(std::mem::replace(&mut self.taken, taken));
        self.ahead = used.saturating_mul(2).clamp(AHEAD.0, AHEAD.1);
        self.idle = if used == 0 { self.idle.saturating_add(1) } else { 0 };
        if self.idle < IDLE_LOOKS { self.ahead.saturating_mul(SURPLUS) } else { 0 }
    }
}
