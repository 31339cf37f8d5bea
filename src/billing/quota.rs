//! Quotas over all nodes: each leases ahead of its calls, and what all have leased is never more than there is. What was used is what
//! the books have of it, so a node that was killed leases no less than before for what it had not used.

use std::sync::Arc;

use crate::domain::id::{AppId, NodeId};
use crate::domain::quota::QuotaWindow;
use crate::domain::time::Timestamp;
use crate::limit::quota_purse::QuotaPurses;
use crate::store::quota_lease::QuotaLeased;
use crate::store::{Store, StoreError};

/// What a node asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// For calls that wait, and for what is owed.
    pub missing: u64,
    /// For calls to come.
    pub ahead: u64,
}

/// Leases of a window to a node; gives how many, which may be fewer than are missing.
///
/// # Errors
/// [`StoreError`]; if the store did not say whether it has leased, what it has comes back at the node's next start.
pub async fn grant(
    store: &Store,
    node: &NodeId,
    window: &QuotaWindow,
    wanted: Wanted,
) -> Result<u64, StoreError> {
    let mut transaction = store.begin().await?;
    let leased = transaction.lock_quota(window).await?;
    let units = share(window.most.saturating_sub(leased), wanted);
    if units > 0 {
        transaction.lease_quota(window, node, units).await?;
        transaction.commit().await?;
    } else {
        transaction.roll_back().await?;
    }
    Ok(units)
}

/// For calls to come there is at most half of what is left: others want some, too, and so the last ones go to calls that wait.
fn share(left: u64, Wanted { missing, ahead }: Wanted) -> u64 {
    match left.checked_sub(missing) {
        Some(more) => missing.saturating_add(ahead.min(more / 2)),
        None => left,
    }
}

/// Gives back what a node has leased, and has not used. If the store does not say whether it has it, it must not be used again: it comes
/// back at the node's next start.
///
/// # Errors
/// [`StoreError`]; the node has it still then.
pub async fn give_back(
    store: &Store,
    node: &NodeId,
    window: &QuotaWindow,
    units: u64,
) -> Result<(), StoreError> {
    let mut transaction = store.begin().await?;
    transaction.lock_quota(window).await?;
    transaction.give_back_quota(window, node, units).await?;
    if let Err(error) = transaction.commit().await {
        tracing::warn!(%error, "the store did not say whether it took back a part of a quota");
    }
    Ok(())
}

/// Gives back what a node has leased, of windows that run at `now`, and the books do not have, once its journal is recorded up to
/// `reached`. Gives whether it was done. The node must not have leased anything since.
///
/// # Errors
/// [`StoreError`].
pub async fn settle(
    store: &Store,
    node: &NodeId,
    (reached, now): (u64, Timestamp),
) -> Result<bool, StoreError> {
    // To sum up a month takes its time, and others want to write: what the books have of the run before does not change any more.
    let mut reading = store.begin_reading().await?;
    let is_recorded = reading.journal_place(node.as_str()).await?.sequence >= reached;
    let mut surplus = Vec::new();
    for QuotaLeased { window, leased } in reading.quotas_of_node(node, now).await? {
        if !is_recorded {
            reading.roll_back().await?;
            return Ok(false);
        }
        let used = reading.recorded_of_quota(&window, node).await?;
        surplus.push((window, leased.saturating_sub(used)));
    }
    reading.roll_back().await?;
    for (window, units) in surplus.into_iter().filter(|(_, units)| *units > 0) {
        give_back(store, node, &window, units).await?;
    }
    Ok(true)
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
    fn the_last_ones_go_to_calls_that_wait() {
        for (left, missing, ahead, granted) in
            [(100, 1, 16, 17), (20, 1, 16, 10), (2, 1, 16, 1), (1, 0, 16, 0), (3, 5, 16, 3), (0, 1, 16, 0)]
        {
            assert_eq!(share(left, Wanted { missing, ahead }), granted, "{missing} of {left}");
        }
    }
}
