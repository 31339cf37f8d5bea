//! Settles what earlier runs of a node have leased of quotas, a window at a time. Nothing waits for it but the word that a quota is
//! used up of which some may come back.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;

use super::{RETRY_AFTER, warn};
use crate::billing::quota::{earlier, is_recorded, settle};
use crate::domain::balance::Run;
use crate::domain::quota::QuotaWindow;
use crate::domain::time::Clock;
use crate::policy::live::Live;
use crate::store::quota_lease::QuotaLease;
use crate::store::{Store, StoreError};

/// How soon it is looked again whether the journal of the runs before is recorded.
const AGAIN: Duration = Duration::from_millis(50);
/// How soon windows are tried again that could not be settled.
const NEXT_ROUND: Duration = Duration::from_secs(30);

/// Windows of which something may come back soon. Until it is known which those are, any.
#[derive(Default)]
pub(super) struct Unsettled(Mutex<Option<HashSet<QuotaWindow>>>);

impl Unsettled {
    /// Whether something of a window may come back soon.
    pub(super) fn has(&self, window: &QuotaWindow) -> bool {
        let windows = self.lock();
        windows.as_ref().is_none_or(|windows| windows.contains(&QuotaWindow { most: 0, ..window.clone() }))
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashSet<QuotaWindow>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Settles until nothing is left to be settled. What fails is tried again in the next round.
pub(super) async fn settle_earlier(
    (store, run): (Store, Run),
    (live, clock): (Arc<Live>, Arc<dyn Clock>),
    unsettled: Arc<Unsettled>,
) {
    while let Err(error) = begin((&store, &run), &*clock, &unsettled).await {
        warn(&error, "it is not known yet what this node had leased of quotas before its start");
        tokio::time::sleep(RETRY_AFTER).await;
    }
    loop {
        let round = AssertUnwindSafe(round((&store, &run), (&live, &*clock), &unsettled));
        match round.catch_unwind().await {
            Ok(Ok(0)) => return,
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn(&error, "what this node had leased of quotas is not given back yet"),
            Err(_) => tracing::error!("what settles leases of quotas has failed, and goes on: this is a bug"),
        }
        *unsettled.lock() = Some(HashSet::new());
        tokio::time::sleep(NEXT_ROUND).await;
    }
}

/// Waits until the books have all of the runs before.
async fn begin(
    (store, run): (&Store, &Run),
    clock: &dyn Clock,
    unsettled: &Unsettled,
) -> Result<(), StoreError> {
    let windows = earlier(store, run, clock.now()).await?;
    let windows = windows.into_iter().filter_map(|leases| leases.into_iter().next());
    *unsettled.lock() = Some(windows.map(|lease| lease.window).collect());
    while !is_recorded(store, run).await? {
        tokio::time::sleep(AGAIN).await;
    }
    Ok(())
}

/// Tries each window once; gives of how many it failed.
async fn round(
    (store, run): (&Store, &Run),
    (live, clock): (&Live, &dyn Clock),
    unsettled: &Unsettled,
) -> Result<u64, StoreError> {
    let mut failed = 0_u64;
    for leases in earlier(store, run, clock.now()).await? {
        let Some(QuotaLease { window, .. }) = leases.first() else { continue };
        let snapshot = live.load();
        let plan = snapshot.plans.get(&window.plan);
        let is_under = |version| window.counts_calls_under(plan, version);
        let settled = settle(store, run, &leases, is_under).await;
        if let Some(windows) = &mut *unsettled.lock() {
            windows.remove(window);
        }
        if let Err(error) = settled {
            failed = failed.saturating_add(1);
            warn(&error, "what this node had leased of a quota is not given back yet");
        }
    }
    Ok(failed)
}
