//! Quotas over all nodes: each leases ahead of its calls, and what all have leased is never more than there is. What a node that was
//! killed had used is what the books have of it: it leases no less than before for what it had not used, and no more for what it owed.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::balance::Run;
use crate::domain::id::{AppId, NodeId};
use crate::domain::quota::QuotaWindow;
use crate::domain::time::Timestamp;
use crate::limit::quota_purse::QuotaPurses;
use crate::store::quota_lease::{QuotaLease, QuotaLeased};
use crate::store::{Store, StoreError};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a node asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// For calls that wait, and for what is owed.
    pub missing: u64,
    /// For calls to come.
    pub ahead: u64,
}

/// More than any quota has: what a run has used beyond is no more, so that sums can be told.
const MOST_USED: u64 = 1 << 60;

/// Windows of which one transaction leases or takes back: others want to lease, too.
pub const AT_ONCE: usize = 32;

/// What became of leasing.
#[derive(Debug)]
pub enum Granted {
    /// So many of each window are leased, which may be fewer than are missing.
    Now(Vec<u64>),
    /// The store did not say whether it is so.
    Unsaid(Doubt),
}

/// What may have been leased, or given back.
#[derive(Debug)]
pub struct Doubt {
    /// How many of each window.
    pub units: Vec<u64>,
    /// What the store said.
    pub error: StoreError,
    /// One of the windows, and how many the run has leased of it then, in all.
    told_by: (QuotaWindow, u64),
}

/// Leases of windows to a run of a node, whose journal has that last record: in one transaction, so no more than [`AT_ONCE`].
///
/// # Errors
/// [`StoreError`]; nothing is leased then.
pub async fn grant(
    store: &Store,
    (run, behind): (&Run, u64),
    windows: &[(&QuotaWindow, Wanted)],
) -> Result<Granted, StoreError> {
    let mut granted = vec![0; windows.len()];
    let mut places: Vec<_> = granted.iter_mut().zip(windows).collect();
    // All lock in one order.
    places.sort_by(|(_, (one, _)), (_, (other, _))| one.key().cmp(&other.key()));
    let mut transaction = store.begin().await?;
    let mut last = None;
    for (granted, (window, wanted)) in places {
        let leased = transaction.lock_quota(window).await?;
        let units = share(window.most.saturating_sub(leased), *wanted);
        if units > 0 {
            transaction.lease_quota(window, (run, behind), units).await?;
            (*granted, last) = (units, Some(*window));
        }
    }
    let Some(last) = last else {
        transaction.roll_back().await?;
        return Ok(Granted::Now(granted));
    };
    let told_by = (last.clone(), transaction.quota_leased_to(last, run).await?);
    Ok(match transaction.commit().await {
        Ok(()) => Granted::Now(granted),
        Err(error) => Granted::Unsaid(Doubt { units: granted, error, told_by }),
    })
}

/// Whether what may have been done is: all of it, or nothing. The run must have leased nothing of these windows since, and given nothing
/// back.
///
/// # Errors
/// [`StoreError`].
pub async fn was_done(store: &Store, run: &Run, doubt: &Doubt) -> Result<bool, StoreError> {
    let (window, leased) = &doubt.told_by;
    let mut transaction = store.begin().await?;
    // If the store is still at it, this waits for it.
    transaction.lock_quota(window).await?;
    let known = transaction.quota_leased_to(window, run).await?;
    transaction.roll_back().await?;
    Ok(known == *leased)
}

/// For calls to come there is at most half of what is left: others want some, too, and so the last ones go to calls that wait.
fn share(left: u64, Wanted { missing, ahead }: Wanted) -> u64 {
    match left.checked_sub(missing) {
        Some(more) => missing.saturating_add(ahead.min(more / 2)),
        None => left,
    }
}

/// Gives back what a run of a node has leased of windows, and has not used: in one transaction, so of no more than [`AT_ONCE`]. If the
/// store does not say whether it has it, that is given, and it must not be used again before [`was_done`] has told.
///
/// # Errors
/// [`StoreError`]; the node has it still then.
pub async fn give_back(
    store: &Store,
    run: &Run,
    unused: &[(&QuotaWindow, u64)],
) -> Result<Option<Doubt>, StoreError> {
    let mut sorted = unused.to_vec();
    sorted.sort_by(|(one, _), (other, _)| one.key().cmp(&other.key()));
    let Some((last, _)) = sorted.last() else { return Ok(None) };
    let mut transaction = store.begin().await?;
    for (window, units) in &sorted {
        transaction.lock_quota(window).await?;
        transaction.give_back_quota(window, run, *units).await?;
    }
    let told_by = ((*last).clone(), transaction.quota_leased_to(last, run).await?);
    let units = unused.iter().map(|(_, units)| *units).collect();
    Ok(transaction.commit().await.err().map(|error| Doubt { units, error, told_by }))
}

/// Has it that a run of a node has leased nothing yet: runs that began where it does have used nothing, and what they leased comes back.
///
/// # Errors
/// [`StoreError`]; to be begun again then.
pub async fn begin(store: &Store, run: &Run, now: Timestamp) -> Result<(), StoreError> {
    let leases = store.quota_leases(&run.node, run.since..u64::MAX, now).await?;
    for some in leases.chunks(AT_ONCE) {
        close(store, &run.node, some.iter().map(|lease| (lease, 0)).collect()).await?;
    }
    Ok(())
}

/// What earlier runs of a node have leased of windows that run at `now`, and what is not settled: of each window by runs.
///
/// # Errors
/// [`StoreError`].
pub async fn earlier(store: &Store, run: &Run, now: Timestamp) -> Result<Vec<Vec<QuotaLease>>, StoreError> {
    let leases = store.quota_leases(&run.node, 0..run.since, now).await?;
    Ok(leases.chunk_by(|one, other| one.window == other.window).map(<[_]>::to_vec).collect())
}

/// Whether the books have all records of earlier runs of a node.
///
/// # Errors
/// [`StoreError`].
pub async fn is_recorded(store: &Store, run: &Run) -> Result<bool, StoreError> {
    let mut reading = store.begin_reading().await?;
    let place = reading.journal_place(run.node.as_str()).await?;
    reading.roll_back().await?;
    Ok(place.sequence >= run.since)
}

/// Settles what [`earlier`] runs of a node have leased of one window, once all of theirs [`is_recorded`]: what the books have of calls
/// under the quota is used, and the rest comes back, or what it is beyond is leased now. `is_under` says which plan versions have it.
///
/// # Errors
/// [`StoreError`]; to be tried again then.
pub async fn settle(
    store: &Store,
    run: &Run,
    leases: &[QuotaLease],
    is_under: impl Fn(u32) -> bool,
) -> Result<(), StoreError> {
    let ends = leases.iter().skip(1).map(|next| next.since).chain([run.since]);
    let mut settled = Vec::with_capacity(leases.len());
    for (lease, last) in leases.iter().zip(ends) {
        let used = recorded(store, (&run.node, lease, last), &is_under).await?;
        settled.push((lease, used.min(MOST_USED)));
    }
    close(store, &run.node, settled).await
}

/// How many of a window were used at least, whatever nodes have leased: what is settled, and what the books have by now of calls under
/// leases that are not. `is_under` says which plan versions have the quota.
///
/// # Errors
/// [`StoreError`].
pub async fn used(
    store: &Store,
    window: &QuotaWindow,
    is_under: impl Fn(u32) -> bool,
) -> Result<u64, StoreError> {
    let mut reading = store.begin_reading().await?;
    let (settled, leases) = reading.leases_of_quota(window).await?;
    reading.roll_back().await?;
    let mut used = settled;
    for (place, (node, lease)) in leases.iter().enumerate() {
        let next = leases.get(place.saturating_add(1)).filter(|(other, _)| other == node);
        let last = next.map_or(u64::MAX, |(_, next)| next.since);
        used = used.saturating_add(recorded(store, (node, lease, last), &is_under).await?);
    }
    Ok(used)
}

/// What the books have of calls of a node under a lease, whose records end with `last`.
async fn recorded(
    store: &Store,
    (node, lease, last): (&NodeId, &QuotaLease, u64),
    is_under: &impl Fn(u32) -> bool,
) -> Result<u64, StoreError> {
    let mut used = 0_u64;
    // Of a day at a time: a month is too much for one question.
    for day in days(&lease.window) {
        let records = (node, lease.behind, last);
        let by_version = store.recorded_of_quota(&lease.window, day, records).await?;
        let under = by_version.into_iter().filter(|(version, _)| is_under(*version));
        used = under.fold(used, |used, (_, units)| used.saturating_add(units));
    }
    Ok(used)
}

async fn close(store: &Store, node: &NodeId, leases: Vec<(&QuotaLease, u64)>) -> Result<(), StoreError> {
    let mut transaction = store.begin().await?;
    for (lease, used) in leases {
        transaction.lock_quota(&lease.window).await?;
        transaction.settle_quota_lease(node, lease, used).await?;
    }
    transaction.commit().await
}

/// A window by days of UTC, as usage is kept.
fn days(window: &QuotaWindow) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let (from, until) = (window.from, window.until);
    let end = move |from: Timestamp| from.rounded_down(DAY).plus(DAY).min(until);
    let next = move |(_, from): &(Timestamp, Timestamp)| (*from < until).then(|| (*from, end(*from)));
    std::iter::successors((from < until).then(|| (from, end(from))), next)
}

/// What is left of quotas, for those who ask.
#[derive(Debug, Clone)]
pub struct LeftOfQuotas {
    store: Store,
    purses: Arc<QuotaPurses>,
}

impl LeftOfQuotas {
    /// Those of which `store` keeps what was leased, and of which nothing was leased here.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, purses: Arc::default() }
    }

    /// What is leased here.
    #[must_use]
    pub fn purses(&self) -> Arc<QuotaPurses> {
        self.purses.clone()
    }

    /// How many of each of an app's windows that run at `now` its calls may still use on this node. What other nodes have leased and may
    /// not use is not among them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of(
        &self,
        app: &AppId,
        windows: &[QuotaWindow],
        now: Timestamp,
    ) -> Result<Vec<u64>, StoreError> {
        let leased = self.store.quotas_of_app(app, now).await?;
        let left = |window: &QuotaWindow| {
            let is_it =
                |one: &&QuotaLeased| QuotaWindow { most: window.most, ..one.window.clone() } == *window;
            let free = window.most.saturating_sub(leased.iter().find(is_it).map_or(0, |one| one.leased));
            free.saturating_add_signed(self.purses.left(window))
        };
        Ok(windows.iter().map(left).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_of_a_window_are_all_of_it() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let window = QuotaWindow {
            app: AppId::new("app_1").unwrap(),
            plan: "standard".parse().unwrap(),
            quota: "monthly".parse().unwrap(),
            of: crate::domain::plan::Quantity::Calls,
            most: 1,
            from: at("2026-10-29T23:00:00Z"),
            until: at("2026-11-01T12:00:00Z"),
        };
        let ends = ["2026-10-29T23:00:00Z", "2026-10-30T00:00:00Z", "2026-10-31T00:00:00Z"];
        let ends = [&ends[..], &["2026-11-01T00:00:00Z", "2026-11-01T12:00:00Z"]].concat();
        let expected: Vec<_> = ends.windows(2).map(|day| (at(day[0]), at(day[1]))).collect();
        assert_eq!(days(&window).collect::<Vec<_>>(), expected);
        assert_eq!(days(&QuotaWindow { until: window.from, ..window }).count(), 0);
    }

    #[test]
    fn the_last_ones_go_to_calls_that_wait() {
        for (left, missing, ahead, granted) in
            [(100, 1, 16, 17), (20, 1, 16, 10), (2, 1, 16, 1), (1, 0, 16, 0), (3, 5, 16, 3), (0, 1, 16, 0)]
        {
            assert_eq!(share(left, Wanted { missing, ahead }), granted, "{missing} of {left}");
        }
    }
}
