//! Keeps the purses of a node filled: leases units of balances for calls that wait and for those to come, and gives back what
//! nobody uses. Calls speak to no store: they take what is there, or wait for this.
//!
//! What the store did not say was done is asked for before the same is done again; and when the books have all of the journal, what
//! the store has leased to the node beyond what the node knows of goes back, however that came.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::{JoinHandle as Task, JoinSet};
use tokio::time::Interval;

use self::giving::{give_back_all, returned, warn};
use super::asking::{Asking, Looks, RETRY_AFTER, STOP_TIME, every};
use super::coming::{coming, is_to_come};
use super::node::Services;
use super::pace::Paces;
use crate::billing::balance::available::Asked;
use crate::billing::balance::leases::{
    Doubt, Granted, Returned, begin, give_back, grant, leased, settle, settle_earlier, was_granted,
};
use crate::billing::error::BillingError;
use crate::billing::plans::keep_due;
use crate::domain::balance::{Run, Stretch};
use crate::domain::id::BalanceId;
use crate::domain::time::Clock;
use crate::journal::journal::Journal;
use crate::journal::state::State;
use crate::limit::balance_purse::{BalancePurse, BalancePurses, BalanceUnits};
use crate::policy::live::Live;
use crate::store::Store;

mod giving;

/// Looks between which it is seen once whether the store has more leased to the node than it knows of.
const AUDIT_LOOKS: u64 = 5;
/// Purses that are filled at once: others need the store's connections, too.
const AT_ONCE: usize = 4;
/// How soon it is looked again whether the journal of the run before is recorded.
const SETTLE_AGAIN: Duration = Duration::from_millis(50);

/// Purses of which something was given back, and how much.
type GivenBack = Vec<(Arc<BalancePurse>, u64)>;

/// What leases of a node.
pub(super) struct Leases {
    store: Store,
    run: Run,
    /// What it keeps filled.
    pub(super) purses: Arc<BalancePurses>,
    keeping: Task<()>,
}

impl Leases {
    /// Begins to lease. The journal ended where the run began when the node started: what the runs before have leased and not used is
    /// given back once it is recorded up to there.
    pub(super) fn start(store: &Store, purses: Arc<BalancePurses>, known: Known, run: Run) -> Self {
        let keeper = Keeper {
            store: store.clone(),
            run: run.clone(),
            purses: purses.clone(),
            known,
            asking: Asking::default(),
            paces: Paces::default(),
            siblings: HashMap::default(),
            doubts: Vec::new(),
            giving: JoinSet::new(),
            looks: Looks::default(),
            is_settled: false,
            has_leased: false,
        };
        Self { store: store.clone(), run, purses, keeping: tokio::spawn(keeper.keep()) }
    }

    /// Leases no more, and gives all back if the journal is recorded up to `reached`, its end. No core may run any more.
    pub(super) async fn stop(self, reached: u64) {
        let Self { store, run, keeping, .. } = self;
        keeping.abort();
        // Else it might lease while all is given back.
        let _ = keeping.await;
        let settled = tokio::time::timeout(STOP_TIME, settle(&store, &run.node, reached)).await;
        if !matches!(settled, Ok(Ok(true))) {
            tracing::warn!("units of balances that this node has leased are given back at its next start");
        }
    }
}

/// What else a node knows that leases.
pub(super) struct Known {
    /// Which plan versions come into force.
    live: Arc<Live>,
    /// When it is.
    clock: Arc<dyn Clock>,
    /// What its journal has taken.
    journal: Arc<State>,
}

impl Known {
    pub(super) fn of(services: &Services, journal: &Journal) -> Self {
        let (live, clock) = (services.live.clone(), services.clock.clone());
        Self { live, clock, journal: journal.state().clone() }
    }
}

struct Keeper {
    store: Store,
    run: Run,
    purses: Arc<BalancePurses>,
    known: Known,
    asking: Asking<BalanceUnits>,
    paces: Paces<Stretch>,
    /// Purses of balances that have several, by the last look.
    siblings: HashMap<BalanceId, Vec<Weak<BalancePurse>>, foldhash::fast::RandomState>,
    doubts: Vec<Doubted>,
    /// Gives back what the last look found to be too much.
    giving: JoinSet<()>,
    looks: Looks,
    /// Whether what the runs before had leased is given back.
    is_settled: bool,
    /// Whether the store may have something leased to this run.
    has_leased: bool,
}

/// Units of which the store did not say whether they are leased, with those that were to be given back for them.
struct Doubted {
    doubt: Doubt,
    purse: Arc<BalancePurse>,
    returned: GivenBack,
}

impl Keeper {
    async fn keep(mut self) {
        self.begin().await;
        let (mut looks, mut settling) = (Looks::ticks(), every(SETTLE_AGAIN));
        loop {
            let step = AssertUnwindSafe(self.step(&mut looks, &mut settling));
            if step.catch_unwind().await.is_err() {
                tracing::error!("what leases units of balances has failed, and goes on: this is a bug");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }

    async fn step(&mut self, looks: &mut Interval, settling: &mut Interval) {
        let (purses, is_asked) = (self.purses.clone(), !self.asking.is_empty());
        tokio::select! {
            biased;
            _ = looks.tick() => self.look_over().await,
            _ = settling.tick(), if !self.is_settled => self.settle(settling).await,
            asking = purses.asking() => self.asking.add(asking),
            () = std::future::ready(()), if is_asked => {}
        }
        let some = self.asking.next(AT_ONCE);
        self.refill(&some).await;
    }

    /// Has it that the run has leased nothing yet.
    async fn begin(&mut self) {
        while let Err(error) = begin(&self.store, &self.run).await {
            self.warn_once(&error, "nothing is leased of balances for now");
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// Gives back what the runs before have leased and not used, if it is known what that is.
    async fn settle(&mut self, settling: &mut Interval) {
        match settle_earlier(&self.store, &self.run).await {
            Ok(true) => {
                self.is_settled = true;
                self.paces.ask_again();
                self.ask_for_waiting();
            }
            Ok(false) => {}
            Err(error) => {
                self.warn_once(
                    &error,
                    "what this node had leased of balances before its start is not given back yet",
                );
                settling.reset_after(RETRY_AFTER);
            }
        }
    }

    /// Has it be asked for calls that wait and were left without an answer: now there may be one.
    fn ask_for_waiting(&mut self) {
        let mut purses = self.purses.all();
        purses.retain(|purse| purse.wanted() > 0);
        self.asking.add(purses);
    }

    /// Leases what purses ask for, of all at once.
    async fn refill(&mut self, purses: &[Arc<BalancePurse>]) {
        let mut asking = Vec::with_capacity(purses.len());
        for purse in purses {
            let is_doubted = self.is_doubted(purse);
            let pace = self.paces.of(purse.stretch());
            if !is_doubted && !pace.has_failed {
                let ahead = pace.quicken();
                // However many wait, an app gets no more at once than it has used so far, or one of them needs.
                let waiting = purse.missing().min(ahead.max(purse.largest()));
                asking.push((purse, Asked { waiting, ahead }));
            }
        }
        let mut granting = Vec::with_capacity(asking.len());
        for (purse, asked) in &asking {
            granting.push(self.grant(purse.stretch(), *asked, &[]));
        }
        let granted = futures_util::future::join_all(granting).await;
        let mut refused = Vec::new();
        for ((purse, asked), granted) in asking.into_iter().zip(granted) {
            match granted {
                Ok(Granted::Now(0)) if asked.waiting > 0 => refused.push((purse, asked)),
                granted => self.take(purse, asked, (granted, Vec::new())),
            }
        }
        for (purse, asked) in refused {
            self.refill_from_siblings(purse, asked).await;
        }
    }

    /// Leases for calls that wait what other purses of the same balance have at hand: it is of more use here.
    async fn refill_from_siblings(&mut self, purse: &Arc<BalancePurse>, asked: Asked) {
        let siblings = self.siblings.get(&purse.stretch().balance).map_or(&[][..], Vec::as_slice);
        let siblings = siblings.iter().filter_map(Weak::upgrade);
        let others = siblings.filter(|other| !Arc::ptr_eq(other, purse) && !self.is_doubted(other));
        let taken = others.map(|other| {
            let units = other.leave(0);
            (other, units)
        });
        let taken: GivenBack = taken.filter(|(_, units)| *units > 0).collect();
        let granted = match taken.is_empty() {
            true => Ok(Granted::Now(0)),
            false => self.grant(purse.stretch(), asked, &returned(&taken)).await,
        };
        self.take(purse, asked, (granted, taken));
    }

    /// Takes what came of leasing for a purse, with what was given back for it.
    fn take(
        &mut self,
        purse: &Arc<BalancePurse>,
        asked: Asked,
        (granted, returned): (Result<Granted, BillingError>, GivenBack),
    ) {
        let pace = self.paces.of(purse.stretch());
        match granted {
            Ok(Granted::Now(0)) if asked.waiting == 0 => purse.expect_no_more(),
            // What the runs before had leased may be enough.
            Ok(Granted::Now(0)) if !self.is_settled => pace.has_failed = true,
            Ok(Granted::Now(0)) => purse.refuse(),
            Ok(Granted::Now(units)) => {
                self.has_leased = true;
                purse.put(units);
            }
            Ok(Granted::Unsaid(doubt)) => {
                self.has_leased = true;
                tracing::warn!(error = %doubt.error, "the store did not say whether units of a balance are leased");
                // If nothing was leased, it is seen later whether something is given back.
                if doubt.units > 0 {
                    self.doubts.push(Doubted { doubt, purse: purse.clone(), returned });
                }
            }
            Err(error) => {
                pace.has_failed = true;
                returned.iter().for_each(|(other, units)| other.put_again(*units));
                self.warn_once(&error, "units of a balance cannot be leased");
            }
        }
    }

    fn is_doubted(&self, purse: &BalancePurse) -> bool {
        self.doubts.iter().any(|doubted| doubted.doubt.stretch() == purse.stretch())
    }

    /// Leases units. Those of a plan version that has just come into force are leased as soon as the books know it.
    async fn grant(
        &self,
        stretch: &Stretch,
        asked: Asked,
        returned: &[Returned],
    ) -> Result<Granted, BillingError> {
        let Self { store, run, known, .. } = self;
        match grant(store, run, stretch, (asked, returned)).await {
            Err(BillingError::PlanUnknown(_)) => {
                keep_due(store, &known.live.load(), known.clock.now()).await?;
                grant(store, run, stretch, (asked, returned)).await
            }
            granted => granted,
        }
    }

    /// Has what nobody uses be given back, and it be asked again what is left of balances that bore no more.
    async fn look_over(&mut self) {
        let look = self.looks.begin();
        self.find_out().await;
        while self.giving.try_join_next().is_some() {}
        let is_giving = !self.giving.is_empty();
        let (now, snapshot) = (self.known.clock.now(), self.known.live.load());
        let (mut surplus, mut next, all) = (Vec::new(), Vec::new(), self.purses.all());
        for purse in &all {
            purse.may_ask_again();
            let kept = self.paces.look(purse.stretch(), purse, look);
            next.extend(coming(&self.purses, &mut self.paces, purse, (now, &snapshot.platform.zone)));
            let units = if is_giving || is_to_come(purse, now) { 0 } else { purse.leave(kept) };
            if units > 0 {
                surplus.push((purse.clone(), units));
            }
        }
        self.siblings.clear();
        for purse in &all {
            let of_balance = self.siblings.entry(purse.stretch().balance.clone()).or_default();
            of_balance.push(Arc::downgrade(purse));
        }
        self.siblings.retain(|_, of_balance| of_balance.len() > 1);
        drop(all);
        self.asking.add(next);
        if !surplus.is_empty() {
            self.giving.spawn(give_back_all(self.store.clone(), self.run.clone(), surplus));
        } else if self.has_leased && look.is_multiple_of(AUDIT_LOOKS) {
            self.audit().await;
        }
        self.purses.sweep(|_| false);
        self.paces.forget(look);
    }

    /// Finds out whether units are leased of which the store did not say so.
    async fn find_out(&mut self) {
        for doubted in std::mem::take(&mut self.doubts) {
            let Doubted { doubt, purse, returned } = &doubted;
            match was_granted(&self.store, &self.run, doubt).await {
                Ok(true) => purse.put(doubt.units),
                Ok(false) => {
                    returned.iter().for_each(|(other, units)| other.put_again(*units));
                    self.ask_for_waiting();
                }
                Err(error) => {
                    self.warn_once(&error, "the store does not say whether units of a balance are leased");
                    self.doubts.push(doubted);
                }
            }
        }
    }

    /// Gives back what the store has leased to this run and no purse knows of. That is certain only while the books have all that the
    /// journal has taken: then what was spent is recorded, or its record is lost.
    async fn audit(&mut self) {
        if !self.doubts.is_empty() || !self.giving.is_empty() {
            return;
        }
        let (open, position) = match leased(&self.store, &self.run).await {
            Ok(told) => told,
            Err(error) => return self.warn_once(&error, "it cannot be seen what is leased of balances"),
        };
        let purses = self.purses.all();
        let known: HashMap<&Stretch, u64> =
            purses.iter().map(|purse| (purse.stretch(), purse.unspent())).collect();
        // Asked last: what was spent by now, the journal had taken before.
        if self.known.journal.accepted() != position {
            return;
        }
        let beyond = open.iter().filter_map(|(stretch, units)| {
            let beyond = units.saturating_sub(known.get(stretch).copied().unwrap_or(0));
            (beyond > 0).then(|| (stretch.clone(), beyond))
        });
        let beyond: Vec<Returned> = beyond.collect();
        self.has_leased = !open.is_empty() || !purses.is_empty();
        if beyond.is_empty() {
            return;
        }
        let units = beyond.iter().fold(0_u64, |sum, (_, units)| sum.saturating_add(*units));
        match give_back(&self.store, &self.run, &beyond).await {
            Ok(_) => tracing::warn!(
                units,
                "units of balances were leased of which nothing was known, and are given back"
            ),
            Err(error) => {
                self.warn_once(&error, "units of balances could not be given back, and are tried again")
            }
        }
    }

    fn warn_once(&mut self, error: &BillingError, what: &'static str) {
        if self.looks.is_told() {
            warn(error, what);
        }
    }
}
