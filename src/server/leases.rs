//! Keeps the purses of a node filled: leases units of balances for calls that wait and for those to come, and gives back what
//! nobody uses. Calls speak to no store: they take what is there, or wait for this.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle as Task;
use tokio::time::MissedTickBehavior;

use crate::billing::balance::available::Asked;
use crate::billing::balance::leases::{give_back, grant, settle};
use crate::billing::error::BillingError;
use crate::domain::balance::{Lease, Stretch};
use crate::domain::id::NodeId;
use crate::limit::purse::Purse;
use crate::limit::purses::Purses;
use crate::store::Store;

/// How often purses are looked over: for so long it is remembered that a balance bears no more, too.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks between which nothing was taken of a purse before what is in it is given back.
const IDLE_LOOKS: u32 = 2;
/// Units that are leased for calls to come: for the pace of two seconds, and in between.
const AHEAD: (u64, u64) = (16, 65_536);
/// So many times what is leased for calls to come stays in a purse of which something is taken.
const SURPLUS: u64 = 4;
/// Stretches whose pace is remembered; beyond: all begin anew.
const PACES: usize = 131_072;
/// How soon it is looked again whether the journal of the run before is recorded.
const SETTLE_AGAIN: Duration = Duration::from_millis(50);
/// How soon the store is asked again that did not answer.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long an orderly stop waits for the last units to be given back.
const STOP_TIME: Duration = Duration::from_secs(2);

/// What leases of a node.
pub(super) struct Leases {
    store: Store,
    node: NodeId,
    keeping: Task<()>,
}

impl Leases {
    /// Begins to lease, once the journal is recorded up to `reached`, where it ended when the node started: until then it is not
    /// known what the run before has used of its leases.
    pub(super) fn start(store: &Store, purses: Arc<Purses>, (node, reached): (&NodeId, u64)) -> Self {
        let (store, node) = (store.clone(), node.clone());
        let keeper = Keeper { store: store.clone(), node: node.clone(), purses, paces: HashMap::default() };
        Self { store, node, keeping: tokio::spawn(keeper.keep(reached)) }
    }

    /// Leases no more, and gives all back if the journal is recorded up to `reached`, its end. No core may run any more.
    pub(super) async fn stop(self, reached: u64) {
        self.keeping.abort();
        let settled = tokio::time::timeout(STOP_TIME, settle(&self.store, &self.node, reached)).await;
        if !matches!(settled, Ok(Ok(true))) {
            tracing::warn!("units of balances that this node has leased are given back at its next start");
        }
    }
}

struct Keeper {
    store: Store,
    node: NodeId,
    purses: Arc<Purses>,
    paces: HashMap<Stretch, Pace, foldhash::fast::RandomState>,
}

/// How fast units of a purse are used.
struct Pace {
    /// To be leased for calls to come.
    ahead: u64,
    /// Leased, and not given back.
    leased: u64,
    /// What was taken by the last look.
    taken: u64,
    /// Looks since something was taken.
    idle: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { ahead: AHEAD.0, leased: 0, taken: 0, idle: 0 }
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
                    for purse in asking {
                        self.refill(&purse).await;
                    }
                }
                _ = looks.tick() => self.look_over().await,
            }
        }
    }

    /// Gives back what the run before has leased and not used.
    async fn settle(&self, reached: u64) {
        loop {
            match settle(&self.store, &self.node, reached).await {
                Ok(true) => return,
                Ok(false) => tokio::time::sleep(SETTLE_AGAIN).await,
                Err(error) => {
                    warn(&error, "nothing is leased of balances for now");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    /// Leases what a purse asks for. What the store leased without saying so comes back at the next start.
    async fn refill(&mut self, purse: &Purse) {
        if self.paces.len() >= PACES {
            self.paces.clear();
        }
        let pace = self.paces.entry(purse.stretch().clone()).or_default();
        let asked = Asked { waiting: purse.wanted(), ahead: pace.ahead };
        pace.ahead = pace.ahead.saturating_mul(2).min(AHEAD.1);
        match grant(&self.store, &self.node, purse.stretch(), asked).await {
            Ok(0) if asked.waiting == 0 => purse.expect_no_more(),
            Ok(0) => purse.refuse(),
            Ok(units) => {
                pace.leased = pace.leased.saturating_add(units);
                purse.put(units);
            }
            Err(error) => warn(&error, "units of a balance cannot be leased"),
        }
    }

    /// Gives back what nobody uses, and has it be asked again what is left of balances that bore no more.
    async fn look_over(&mut self) {
        for purse in self.purses.all() {
            purse.may_ask_again();
            let pace = self.paces.entry(purse.stretch().clone()).or_default();
            let before = std::mem::replace(&mut pace.taken, pace.leased.saturating_sub(purse.left()));
            let used = pace.taken.saturating_sub(before);
            pace.ahead = used.saturating_mul(2).clamp(AHEAD.0, AHEAD.1);
            pace.idle = if used == 0 { pace.idle.saturating_add(1) } else { 0 };
            let kept = if pace.idle < IDLE_LOOKS { pace.ahead.saturating_mul(SURPLUS) } else { 0 };
            let units = purse.leave(kept);
            if units > 0 {
                pace.leased = pace.leased.saturating_sub(units);
                give_back_of(&self.store, &self.node, purse.stretch(), units).await;
            }
        }
        self.purses.sweep();
    }
}

/// Gives units back. If the store does not say that it has them, they are not used again: it takes them back at the next start.
async fn give_back_of(store: &Store, node: &NodeId, stretch: &Stretch, units: u64) {
    let lease = Lease { stretch: stretch.clone(), node: node.clone(), units };
    if let Err(error) = give_back(store, &lease).await {
        warn(&error, "units of a balance stay leased until the next start: they could not be given back");
    }
}

fn warn(error: &BillingError, what: &'static str) {
    let source = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(%error, source, "{what}");
}
