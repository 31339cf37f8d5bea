//! Keeps what a node has leased of quotas filled, as [`super::leases`] does for balances: leases for calls that wait and for those to
//! come, and gives back what nobody uses.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle as Task;
use tokio::time::MissedTickBehavior;

use super::node::Services;
use crate::billing::quota::{Wanted, give_back, grant, settle};
use crate::domain::id::NodeId;
use crate::domain::quota::QuotaWindow;
use crate::domain::time::Clock;
use crate::limit::quota_purse::{QuotaPurse, QuotaPurses};
use crate::store::{Store, StoreError};

/// How often purses are looked over: for so long it is remembered that a quota is used up, too.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks between which nothing was taken of a purse before what is in it is given back.
const IDLE_LOOKS: u32 = 2;
/// Leased for calls to come: for the pace of two seconds, and in between.
const AHEAD: (u64, u64) = (16, 65_536);
/// So many times what is leased for calls to come stays in a purse of which something is taken.
const SURPLUS: u64 = 4;
/// Looks between which it is told once that the store refuses: a minute's.
const WARN_LOOKS: u64 = 60;
/// How soon it is looked again whether the journal of the run before is recorded.
const SETTLE_AGAIN: Duration = Duration::from_millis(50);
/// How soon the store is asked again that did not answer.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long an orderly stop waits for what is left to be given back.
const STOP_TIME: Duration = Duration::from_secs(2);

/// What leases of a node.
pub(super) struct Quotas {
    store: Store,
    node: NodeId,
    clock: Arc<dyn Clock>,
    keeping: Task<()>,
}

impl Quotas {
    /// Begins to lease, once the journal is recorded up to `reached`, where it ended when the node started: until then it is not
    /// known what the run before has used.
    pub(super) fn start(
        services: &Services,
        purses: Arc<QuotaPurses>,
        (node, reached): (&NodeId, u64),
    ) -> Self {
        let (store, node, clock) = (services.store.clone(), node.clone(), services.clock.clone());
        let keeper = Keeper {
            store: store.clone(),
            node: node.clone(),
            clock: clock.clone(),
            purses,
            paces: HashMap::default(),
            looks: 0,
            warned: None,
        };
        Self { store, node, clock, keeping: tokio::spawn(keeper.keep(reached)) }
    }

    /// Leases no more, and gives back what was not used if the journal is recorded up to `reached`, its end. No core may run any more.
    pub(super) async fn stop(self, reached: u64) {
        let Self { store, node, clock, keeping } = self;
        keeping.abort();
        // Else it might lease while all is given back.
        let _ = keeping.await;
        let settled = tokio::time::timeout(STOP_TIME, settle(&store, &node, (reached, clock.now()))).await;
        if !matches!(settled, Ok(Ok(true))) {
            tracing::warn!("what this node has leased of quotas is given back at its next start");
        }
    }
}

struct Keeper {
    store: Store,
    node: NodeId,
    clock: Arc<dyn Clock>,
    purses: Arc<QuotaPurses>,
    paces: HashMap<QuotaWindow, Pace, foldhash::fast::RandomState>,
    /// How often it was looked.
    looks: u64,
    /// By which look it was told last that nothing can be leased.
    warned: Option<u64>,
}

/// How fast a purse is used.
#[derive(Clone, Copy)]
struct Pace {
    /// To be leased for calls to come.
    ahead: u64,
    /// What was used by the last look.
    used: i64,
    /// Looks since something was used.
    idle: u32,
    /// Whether the store failed since the last look: until the next, it is not asked.
    has_failed: bool,
    /// By which look there was such a purse.
    looked: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { ahead: AHEAD.0, used: 0, idle: 0, has_failed: false, looked: 0 }
    }
}

impl Keeper {
    async fn keep(mut self, reached: u64) {
        self.settle(reached).await;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let purses = self.purses.clone();
            tokio::select! {
                asking = purses.asking() => {
                    for purse in &asking {
                        self.refill(purse).await;
                    }
                }
                _ = looks.tick() => self.look_over().await,
            }
        }
    }

    /// Gives back what the run before has leased and not used.
    async fn settle(&self, reached: u64) {
        loop {
            match settle(&self.store, &self.node, (reached, self.clock.now())).await {
                Ok(true) => return,
                Ok(false) => tokio::time::sleep(SETTLE_AGAIN).await,
                Err(error) => {
                    warn(&error, "nothing is leased of quotas for now");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    /// Leases what a purse asks for. What the store leased without saying so comes back at the next start.
    async fn refill(&mut self, purse: &QuotaPurse) {
        let pace = self.paces.entry(purse.window().clone()).or_default();
        if pace.has_failed {
            return;
        }
        let wanted = Wanted { missing: purse.missing(), ahead: pace.ahead };
        pace.ahead = pace.ahead.saturating_mul(2).min(AHEAD.1);
        match grant(&self.store, &self.node, purse.window(), wanted).await {
            Ok(units) => {
                if units > 0 {
                    purse.put(units);
                }
                if units < wanted.missing {
                    purse.refuse();
                } else if units == 0 {
                    purse.expect_no_more();
                }
            }
            Err(error) => {
                pace.has_failed = true;
                if self.warned.is_none_or(|warned| warned.saturating_add(WARN_LOOKS) <= self.looks) {
                    self.warned = Some(self.looks);
                    warn(&error, "a quota cannot be leased of");
                }
            }
        }
    }

    /// Gives back what nobody uses, leases what is owed, and has it be asked again what is left of quotas that were used up.
    async fn look_over(&mut self) {
        self.looks = self.looks.saturating_add(1);
        self.purses.sweep(self.clock.now());
        for purse in self.purses.all() {
            purse.may_ask_again();
            let pace = self.paces.entry(purse.window().clone()).or_default();
            (pace.has_failed, pace.looked) = (false, self.looks);
            let used = purse.used();
            let more =
                u64::try_from(used.saturating_sub(std::mem::replace(&mut pace.used, used))).unwrap_or(0);
            pace.ahead = more.saturating_mul(2).clamp(AHEAD.0, AHEAD.1);
            pace.idle = if more == 0 { pace.idle.saturating_add(1) } else { 0 };
            let kept = if pace.idle < IDLE_LOOKS { pace.ahead.saturating_mul(SURPLUS) } else { 0 };
            let surplus = purse.leave(i64::try_from(kept).unwrap_or(i64::MAX));
            let is_owing = pace.idle == 0 && purse.missing() > 0;
            if is_owing {
                self.refill(&purse).await;
            }
            if let Ok(units @ 1..) = u64::try_from(surplus)
                && let Err(error) = give_back(&self.store, &self.node, purse.window(), units).await
            {
                purse.put_again(surplus);
                warn(&error, "a part of a quota could not be given back, and is tried again");
                break;
            }
        }
        let looks = self.looks;
        self.paces.retain(|_, pace| pace.looked == looks);
    }
}

fn warn(error: &StoreError, what: &'static str) {
    tracing::warn!(%error, "{what}");
}
