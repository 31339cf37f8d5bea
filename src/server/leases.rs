//! Keeps the purses of a node filled: leases units of balances for calls that wait and for those to come, and gives back what
//! nobody uses. Calls speak to no store: they take what is there, or wait for this.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle as Task, JoinSet};
use tokio::time::MissedTickBehavior;

use crate::billing::balance::available::Asked;
use crate::billing::balance::leases::{GivenBack, give_back, grant, settle};
use crate::billing::error::BillingError;
use crate::billing::plans::keep_due;
use crate::domain::balance::{Lease, Stretch};
use crate::domain::id::NodeId;
use crate::domain::time::Clock;
use crate::limit::purse::Purse;
use crate::limit::purses::Purses;
use crate::policy::live::Live;
use crate::store::{Store, StoreError};

/// How often purses are looked over: for so long it is remembered that a balance bears no more, too.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks between which nothing was taken of a purse before what is in it is given back.
const IDLE_LOOKS: u32 = 2;
/// Units that are leased for calls to come: for the pace of two seconds, and in between.
const AHEAD: (u64, u64) = (16, 65_536);
/// So many times what is leased for calls to come stays in a purse of which something is taken.
const SURPLUS: u64 = 4;
/// Purses that are filled at once: others need the store's connections, too.
const AT_ONCE: usize = 4;
/// Looks between which it is told once that the store refuses: a minute's.
const WARN_LOOKS: u64 = 60;
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
    pub(super) fn start(
        store: &Store,
        purses: Arc<Purses>,
        prices: Prices,
        (node, reached): (&NodeId, u64),
    ) -> Self {
        let (store, node) = (store.clone(), node.clone());
        let keeper = Keeper {
            store: store.clone(),
            node: node.clone(),
            purses,
            prices,
            paces: HashMap::default(),
            giving: JoinSet::new(),
            looks: 0,
            warned: None,
        };
        Self { store, node, keeping: tokio::spawn(keeper.keep(reached)) }
    }

    /// Leases no more, and gives all back if the journal is recorded up to `reached`, its end. No core may run any more.
    pub(super) async fn stop(self, reached: u64) {
        let Self { store, node, keeping } = self;
        keeping.abort();
        // Else it might lease while all is given back.
        let _ = keeping.await;
        let settled = tokio::time::timeout(STOP_TIME, settle(&store, &node, reached)).await;
        if !matches!(settled, Ok(Ok(true))) {
            tracing::warn!("units of balances that this node has leased are given back at its next start");
        }
    }
}

/// Which plan versions come into force, and when it is.
pub(super) struct Prices {
    pub(super) live: Arc<Live>,
    pub(super) clock: Arc<dyn Clock>,
}

struct Keeper {
    store: Store,
    node: NodeId,
    purses: Arc<Purses>,
    prices: Prices,
    paces: HashMap<Stretch, Pace, foldhash::fast::RandomState>,
    /// Gives back what the last look found to be too much.
    giving: JoinSet<()>,
    /// How often it was looked.
    looks: u64,
    /// By which look it was told last that nothing can be leased.
    warned: Option<u64>,
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
    /// Whether the store failed since the last look: until the next, it is not asked.
    has_failed: bool,
    /// By which look there was such a purse.
    looked: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { ahead: AHEAD.0, leased: 0, taken: 0, idle: 0, has_failed: false, looked: 0 }
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
                    for purses in asking.chunks(AT_ONCE) {
                        self.refill(purses).await;
                    }
                }
                _ = looks.tick() => self.look_over(),
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

    /// Leases what purses ask for, of all at once. What the store leased without saying so comes back at the next start.
    async fn refill(&mut self, purses: &[Arc<Purse>]) {
        let mut asking = Vec::with_capacity(purses.len());
        for purse in purses {
            let pace = self.paces.entry(purse.stretch().clone()).or_default();
            if pace.has_failed {
                continue;
            }
            // However many wait, an app gets no more at once than it has used so far.
            let waiting = purse.wanted().min(pace.ahead);
            let asked = Asked { waiting, ahead: pace.ahead };
            pace.ahead = pace.ahead.saturating_mul(2).min(AHEAD.1);
            asking.push((purse, asked));
        }
        let mut granting = Vec::with_capacity(asking.len());
        for (purse, asked) in &asking {
            granting.push(self.grant(purse.stretch(), *asked));
        }
        let granted = futures_util::future::join_all(granting).await;
        for ((purse, asked), granted) in asking.into_iter().zip(granted) {
            let pace = self.paces.entry(purse.stretch().clone()).or_default();
            match granted {
                Ok(0) if asked.waiting == 0 => purse.expect_no_more(),
                Ok(0) => purse.refuse(),
                Ok(units) => {
                    pace.leased = pace.leased.saturating_add(units);
                    purse.put(units);
                }
                Err(error) => {
                    pace.has_failed = true;
                    if self.warned.is_none_or(|warned| warned.saturating_add(WARN_LOOKS) <= self.looks) {
                        self.warned = Some(self.looks);
                        warn(&error, "units of a balance cannot be leased");
                    }
                }
            }
        }
    }

    /// Leases units. Those of a plan version that has just come into force are leased as soon as the books know it.
    async fn grant(&self, stretch: &Stretch, asked: Asked) -> Result<u64, BillingError> {
        let Self { store, node, prices, .. } = self;
        match grant(store, node, stretch, asked).await {
            Err(BillingError::PlanUnknown(_)) => {
                for changed in keep_due(store, &prices.live.load(), prices.clock.now()).await? {
                    tracing::error!(%changed, "a plan version came into force, and is not what it is on another node");
                }
                grant(store, node, stretch, asked).await
            }
            granted => granted,
        }
    }

    /// Has what nobody uses be given back, and it be asked again what is left of balances that bore no more.
    fn look_over(&mut self) {
        self.looks = self.looks.saturating_add(1);
        while self.giving.try_join_next().is_some() {}
        let is_giving = !self.giving.is_empty();
        let mut surplus = Vec::new();
        for purse in self.purses.all() {
            purse.may_ask_again();
            let pace = self.paces.entry(purse.stretch().clone()).or_default();
            (pace.has_failed, pace.looked) = (false, self.looks);
            let before = std::mem::replace(&mut pace.taken, pace.leased.saturating_sub(purse.left()));
            let used = pace.taken.saturating_sub(before);
            pace.ahead = used.saturating_mul(2).clamp(AHEAD.0, AHEAD.1);
            pace.idle = if used == 0 { pace.idle.saturating_add(1) } else { 0 };
            let kept = if pace.idle < IDLE_LOOKS { pace.ahead.saturating_mul(SURPLUS) } else { 0 };
            let units = if is_giving { 0 } else { purse.leave(kept) };
            if units > 0 {
                pace.leased = pace.leased.saturating_sub(units);
                surplus.push((purse, units));
            }
        }
        if !surplus.is_empty() {
            self.giving.spawn(give_back_all(self.store.clone(), self.node.clone(), surplus));
        }
        self.purses.sweep();
        let looks = self.looks;
        self.paces.retain(|_, pace| pace.looked == looks);
    }
}

/// Gives units of purses back. What the store does not take stays in its purse; if it does not say whether it has them, they are not
/// used again: it takes them back at the next start.
async fn give_back_all(store: Store, node: NodeId, surplus: Vec<(Arc<Purse>, u64)>) {
    let mut failed = None;
    for (purse, units) in surplus {
        if failed.is_some() {
            purse.put_back(units);
            continue;
        }
        let lease = Lease { stretch: purse.stretch().clone(), node: node.clone(), units };
        match give_back(&store, &lease).await {
            Ok(GivenBack::Now) => {}
            Ok(GivenBack::Unsaid(error)) => {
                warn(
                    &error.into(),
                    "units of a balance stay leased until the next start: the store did not say if it has them",
                );
            }
            Err(error @ BillingError::Store(StoreError::Unavailable { .. })) => {
                purse.put_back(units);
                failed = Some(error);
            }
            // Somebody has given up what the node had leased: it has no such units.
            Err(error) => warn(&error, "units of a balance are not this node's to give back"),
        }
    }
    if let Some(error) = failed {
        warn(&error, "units of balances could not be given back, and are tried again");
    }
}

fn warn(error: &BillingError, what: &'static str) {
    let source = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(%error, source, "{what}");
}
