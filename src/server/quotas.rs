//! Keeps what a node has leased of quotas filled, as [`super::leases`] does for balances: leases for calls that wait and for those to
//! come, and gives back what nobody uses.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::task::JoinHandle as Task;
use tokio::time::Interval;

use self::giving::Given;
use self::settling::{Unsettled, settle_earlier};
use super::asking::{Asking, Looks, RETRY_AFTER, STOP_TIME};
use super::coming::{coming, is_to_come};
use super::node::Services;
use super::pace::Paces;
use crate::billing::quota::{AT_ONCE, Doubt, Granted, Wanted, begin, grant, was_done};
use crate::domain::balance::Run;
use crate::domain::quota::QuotaWindow;
use crate::domain::time::Clock;
use crate::journal::journal::Journal;
use crate::journal::state::State;
use crate::limit::quota_purse::{QuotaPurse, QuotaPurses};
use crate::policy::live::Live;
use crate::store::{Store, StoreError};

mod giving;
mod settling;

/// What leases of a node.
pub(super) struct Quotas {
    lessee: Lessee,
    tasks: [Task<()>; 2],
}

/// Who leases, and for what.
#[derive(Clone)]
struct Lessee {
    store: Store,
    run: Run,
    journal: Arc<State>,
    purses: Arc<QuotaPurses>,
}

impl Quotas {
    /// Begins to lease. What earlier runs have leased and not used is given back besides, once their journal is recorded.
    pub(super) fn start(services: &Services, purses: Arc<QuotaPurses>, journal: &Journal, run: Run) -> Self {
        let journal = journal.state().clone();
        let lessee = Lessee { store: services.store.clone(), run, journal, purses };
        let unsettled = Arc::<Unsettled>::default();
        let keeper = Keeper {
            lessee: lessee.clone(),
            live: services.live.clone(),
            clock: services.clock.clone(),
            unsettled: unsettled.clone(),
            asking: Asking::default(),
            paces: Paces::default(),
            doubted: None,
            filled: Vec::new(),
            looks: Looks::default(),
        };
        let known = (services.live.clone(), services.clock.clone());
        let settling = settle_earlier((lessee.store.clone(), lessee.run.clone()), known, unsettled);
        Self { lessee, tasks: [tokio::spawn(keeper.keep()), tokio::spawn(settling)] }
    }

    /// What it keeps filled.
    pub(super) fn purses(&self) -> Arc<QuotaPurses> {
        self.lessee.purses.clone()
    }

    /// Leases no more but for what is owed, and gives back what was not used. No core may run any more.
    pub(super) async fn stop(self) {
        let Self { lessee, tasks } = self;
        for task in tasks {
            task.abort();
            // Else it might lease while all is given back.
            let _ = task.await;
        }
        if tokio::time::timeout(STOP_TIME, lessee.leave()).await.is_err() {
            tracing::warn!("what this node has leased of quotas is given back at its next start");
        }
    }
}

impl Lessee {
    /// Leases for purses, which are no more than [`AT_ONCE`].
    async fn grant(&self, asking: &[(Arc<QuotaPurse>, Wanted)]) -> Result<Granted, StoreError> {
        let windows: Vec<_> = asking.iter().map(|(purse, wanted)| (purse.window(), *wanted)).collect();
        grant(&self.store, (&self.run, self.journal.committed()), &windows).await
    }

    async fn leave(self) {
        let all = self.purses.all();
        let owing = all.iter().filter(|purse| purse.left() < 0);
        let owing = owing.map(|purse| (purse.clone(), Wanted { missing: purse.missing(), ahead: 0 }));
        for some in owing.collect::<Vec<_>>().chunks(AT_ONCE) {
            let error = match self.grant(some).await {
                Ok(Granted::Now(granted)) => {
                    some.iter().zip(granted).for_each(|((purse, _), units)| purse.put(units));
                    continue;
                }
                Ok(Granted::Unsaid(doubt)) => doubt.error,
                Err(error) => error,
            };
            warn(&error, "what calls used of quotas beyond what was leased is leased at the next start");
        }
        let unused: Vec<_> = all.into_iter().filter_map(|purse| left(purse, 0)).collect();
        for some in unused.chunks(AT_ONCE) {
            self.give_back(some).await;
        }
    }
}

/// Takes out of a purse what no call holds, but for so many, if there is more.
fn left(purse: Arc<QuotaPurse>, kept: u64) -> Option<(Arc<QuotaPurse>, u64)> {
    let units = purse.leave(kept);
    (units > 0).then_some((purse, units))
}

struct Keeper {
    lessee: Lessee,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    unsettled: Arc<Unsettled>,
    asking: Asking<QuotaWindow>,
    paces: Paces<QuotaWindow>,
    /// Until it is known whether that is so, nothing is leased or given back.
    doubted: Option<Doubted>,
    /// Purses in which the last look found more than is needed, and how much of it is.
    filled: Vec<(Arc<QuotaPurse>, u64)>,
    looks: Looks,
}

/// What the store did not say whether it is so, with the purses, in the order in which it was asked.
enum Doubted {
    /// It may be leased for them.
    Leased(Doubt, Vec<Arc<QuotaPurse>>),
    /// It may be given back, which was taken out of them.
    Returned(Doubt, Vec<Arc<QuotaPurse>>),
}

impl Keeper {
    async fn keep(mut self) {
        while let Err(error) = begin(&self.lessee.store, &self.lessee.run, self.clock.now()).await {
            self.warn_once(&error, "nothing is leased of quotas for now");
            tokio::time::sleep(RETRY_AFTER).await;
        }
        let mut looks = Looks::ticks();
        loop {
            if AssertUnwindSafe(self.step(&mut looks)).catch_unwind().await.is_err() {
                tracing::error!("what leases of quotas has failed, and goes on: this is a bug");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }

    async fn step(&mut self, looks: &mut Interval) {
        let purses = self.lessee.purses.clone();
        let is_giving = !self.filled.is_empty() && self.doubted.is_none();
        let is_busy = !self.asking.is_empty() || is_giving;
        tokio::select! {
            biased;
            _ = looks.tick() => self.look_over(),
            asking = purses.asking() => self.asking.add(asking),
            () = std::future::ready(()), if is_busy => {}
        }
        let some = self.asking.next(AT_ONCE);
        self.refill(some).await;
        // In between, so that calls wait for one transaction of it at most.
        self.give_back().await;
    }

    /// Gives back some of what purses have beyond what is needed.
    async fn give_back(&mut self) {
        if self.doubted.is_some() {
            return;
        }
        let some = self.filled.drain(..self.filled.len().min(AT_ONCE));
        let unused: Vec<_> = some.filter_map(|(purse, kept)| left(purse, kept)).collect();
        if unused.is_empty() {
            return;
        }
        match self.lessee.give_back(&unused).await {
            Given::Back => {}
            // By the next look.
            Given::Kept => self.filled.clear(),
            Given::Unsaid(doubted) => self.doubted = Some(doubted),
        }
    }

    /// Leases what purses ask for.
    async fn refill(&mut self, purses: Vec<Arc<QuotaPurse>>) {
        if !self.find_out().await {
            purses.iter().for_each(|purse| self.paces.of(purse.window()).has_failed = true);
            return;
        }
        let mut asking = Vec::with_capacity(purses.len());
        for purse in purses {
            let pace = self.paces.of(purse.window());
            if !pace.has_failed {
                let wanted = Wanted { missing: purse.missing(), ahead: pace.quicken() };
                asking.push((purse, wanted));
            }
        }
        if asking.is_empty() {
            return;
        }
        match self.lessee.grant(&asking).await {
            Err(error) if asking.len() > 1 && !matches!(error, StoreError::Unavailable { .. }) => {
                for one in asking.chunks(1) {
                    let granted = self.lessee.grant(one).await;
                    self.take(one, granted);
                    if self.doubted.is_some() {
                        break;
                    }
                }
            }
            granted => self.take(&asking, granted),
        }
    }

    /// Finds out what the store has done of which it did not say so; gives whether it is known.
    async fn find_out(&mut self) -> bool {
        let Some(doubted) = &self.doubted else { return true };
        let (Doubted::Leased(doubt, purses) | Doubted::Returned(doubt, purses)) = doubted;
        match was_done(&self.lessee.store, &self.lessee.run, doubt).await {
            Ok(is_done) => {
                let of_each = purses.iter().zip(&doubt.units).filter(|(_, units)| **units > 0);
                match (doubted, is_done) {
                    (Doubted::Leased(..), true) => of_each.for_each(|(purse, units)| purse.put(*units)),
                    (Doubted::Returned(..), false) => {
                        of_each.for_each(|(purse, units)| purse.put_again(*units));
                    }
                    (Doubted::Leased(..), false) | (Doubted::Returned(..), true) => {}
                }
                self.doubted = None;
                true
            }
            Err(error) => {
                self.warn_once(&error, "the store does not say what is leased of quotas");
                false
            }
        }
    }

    /// Takes what came of leasing for purses.
    fn take(&mut self, asking: &[(Arc<QuotaPurse>, Wanted)], granted: Result<Granted, StoreError>) {
        let granted = match granted {
            Ok(Granted::Now(granted)) => granted,
            Ok(Granted::Unsaid(doubt)) => {
                warn(&doubt.error, "the store did not say whether parts of quotas are leased");
                let purses = asking.iter().map(|(purse, _)| purse.clone());
                self.doubted = Some(Doubted::Leased(doubt, purses.collect()));
                Vec::new()
            }
            Err(error) => {
                self.warn_once(&error, "quotas cannot be leased of");
                Vec::new()
            }
        };
        for (place, (purse, wanted)) in asking.iter().enumerate() {
            let has_failed = match granted.get(place) {
                Some(units) => !self.put(purse, *wanted, *units),
                None => true,
            };
            self.paces.of(purse.window()).has_failed = has_failed;
        }
    }

    /// Puts what was leased into a purse; gives whether it is known that there is no more if it is not enough.
    fn put(&self, purse: &QuotaPurse, wanted: Wanted, units: u64) -> bool {
        if units > 0 {
            purse.put(units);
        }
        if units >= wanted.missing {
            if units == 0 {
                purse.expect_no_more();
            }
            return true;
        }
        // What earlier runs had leased may be enough.
        let is_known = !self.unsettled.has(purse.window());
        if is_known {
            purse.refuse();
        }
        is_known
    }

    /// Has what nobody uses be given back, what is owed be leased, and it be asked again what is left of quotas that were used up.
    fn look_over(&mut self) {
        let (look, now) = (self.looks.begin(), self.clock.now());
        // What is left of windows that have ended is given back, too: a clock may jump.
        self.lessee.purses.sweep(|window| window.until <= now);
        let (snapshot, all) = (self.live.load(), self.lessee.purses.all());
        pass_debts_on(&all);
        let mut asking = Vec::new();
        self.filled.clear();
        for purse in all {
            purse.may_ask_again();
            let kept = self.paces.look(purse.window(), &purse, look);
            let zone = &snapshot.platform.zone;
            asking.extend(coming(&self.lessee.purses, &mut self.paces, &purse, (now, zone)));
            if purse.left() < 0 {
                asking.push(purse);
            } else if !is_to_come(&purse, now) && u64::try_from(purse.left()).is_ok_and(|left| left > kept) {
                self.filled.push((purse, kept));
            }
        }
        self.asking.add(asking);
        self.paces.forget(look);
    }

    fn warn_once(&mut self, error: &StoreError, what: &'static str) {
        if self.looks.is_told() {
            warn(error, what);
        }
    }
}

/// Has what is owed of a window be owed by that of its purses that has the most: once policies say more than before, calls ask that alone.
fn pass_debts_on(purses: &[Arc<QuotaPurse>]) {
    let owing: Vec<_> = purses.iter().filter(|purse| purse.left() < 0).collect();
    if owing.is_empty() {
        return;
    }
    let mut largest = HashMap::new();
    for purse in purses {
        let known = largest.entry(purse.window().key()).or_insert(purse);
        if known.window().most < purse.window().most {
            *known = purse;
        }
    }
    for purse in owing {
        if let Some(largest) = largest.get(&purse.window().key()).filter(|other| !Arc::ptr_eq(other, purse)) {
            purse.pass_debt_on(largest);
        }
    }
}

fn warn(error: &StoreError, what: &'static str) {
    tracing::warn!(%error, "{what}");
}
