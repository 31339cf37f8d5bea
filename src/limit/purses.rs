//! All purses of one kind of a node, and each core's own view of those that it used lately, so that a steady caller costs no lock.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::purse::{Desk, Purse, lock};
use crate::domain::time::{Timestamp, Zone};

/// Purses of a node of one kind. Beyond, calls that need another are refused until some that nobody uses are forgotten.
const MOST: usize = 65_536;
/// Whose purses a core keeps at hand at most; beyond: it begins anew.
const AT_HAND: usize = 4096;

/// What units can be leased of.
pub trait Leasable: Debug + Sized {
    /// What it is known by on a node: of each there is one purse.
    type Key: Debug + Clone + Eq + Hash;

    /// What it is known by.
    fn key(&self) -> &Self::Key;

    /// Calls of which time may use it: from when on, and until when.
    fn span(&self) -> (Timestamp, Timestamp);

    /// The same for calls of the time that follows.
    #[must_use]
    fn following(&self, zone: &Zone) -> Self;
}

/// All purses of a node.
#[derive(Debug)]
pub struct Purses<Of: Leasable> {
    all: Mutex<HashMap<Of::Key, Arc<Purse<Of>>, foldhash::fast::RandomState>>,
    desk: Arc<Desk<Of>>,
    /// How often there were too many.
    refused: AtomicU64,
}

/// There are as many purses as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

impl<Of: Leasable> Default for Purses<Of> {
    fn default() -> Self {
        Self { all: Mutex::default(), desk: Arc::default(), refused: AtomicU64::new(0) }
    }
}

impl<Of: Leasable> Purses<Of> {
    /// The purse for units of that.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn find(&self, of: Of) -> Result<Arc<Purse<Of>>, TooMany> {
        let mut all = lock(&self.all);
        if let Some(purse) = all.get(of.key()) {
            return Ok(purse.clone());
        }
        if all.len() >= MOST {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(TooMany);
        }
        let key = of.key().clone();
        let purse = Arc::new(Purse::new(of, self.desk.clone()));
        all.insert(key, purse.clone());
        Ok(purse)
    }

    /// What no call holds of that, or is owed if it is below zero; 0 if nothing was leased of it.
    #[must_use]
    pub fn left(&self, key: &Of::Key) -> i64 {
        lock(&self.all).get(key).map_or(0, |purse| purse.left())
    }

    /// Waits until a purse asks for more; gives those that do.
    pub async fn asking(&self) -> Vec<Arc<Purse<Of>>> {
        loop {
            let asking = self.desk.take();
            if !asking.is_empty() {
                return asking;
            }
            self.desk.bell.notified().await;
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        lock(&self.all).len() as u64
    }

    /// How often another one was needed than there may be.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Purse<Of>>> {
        lock(&self.all).values().cloned().collect()
    }

    /// Forgets those that nobody has and that are empty; of what is over, all that have nothing which is to be given back.
    pub fn sweep(&self, is_over: impl Fn(&Of) -> bool) {
        let is_kept = |purse: &Arc<Purse<Of>>| match is_over(purse.of()) {
            true => purse.left() > 0,
            false => Arc::strong_count(purse) > 1 || purse.left() != 0,
        };
        lock(&self.all).retain(|_, purse| is_kept(purse));
    }
}

/// A core's own view.
#[derive(Debug)]
pub struct LocalPurses<Of, Owner> {
    by_owner: HashMap<Owner, Vec<Arc<Purse<Of>>>, foldhash::fast::RandomState>,
}

impl<Of, Owner> Default for LocalPurses<Of, Owner> {
    fn default() -> Self {
        Self { by_owner: HashMap::default() }
    }
}

impl<Of, Owner: Clone + Eq + Hash> LocalPurses<Of, Owner> {
    /// The purse of an owner that is the one.
    pub(super) fn known(&self, owner: &Owner, is_it: impl Fn(&Purse<Of>) -> bool) -> Option<Arc<Purse<Of>>> {
        self.by_owner.get(owner)?.iter().find(|purse| is_it(purse)).cloned()
    }

    /// Keeps a purse of an owner at hand.
    pub(super) fn keep(&mut self, owner: &Owner, purse: &Arc<Purse<Of>>) {
        if self.by_owner.len() >= AT_HAND {
            self.by_owner.clear();
        }
        let of_owner = self.by_owner.entry(owner.clone()).or_default();
        // It may be there, and be none of those that are sought.
        if !of_owner.iter().any(|known| Arc::ptr_eq(known, purse)) {
            of_owner.push(purse.clone());
        }
    }

    /// Forgets all, so that the shared map can drop what nobody uses.
    pub fn sweep(&mut self) {
        self.by_owner.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::quota_purse::QuotaPurses;
    use super::*;
    use crate::domain::plan::Quantity;
    use crate::domain::quota::QuotaWindow;

    #[test]
    fn beyond_the_bound_another_is_refused_until_some_are_forgotten_that_nobody_uses() {
        let purses = QuotaPurses::default();
        let find = |most: u64| {
            purses.find(QuotaWindow {
                app: "app_1".parse().unwrap(),
                plan: "standard".parse().unwrap(),
                quota: "monthly".parse().unwrap(),
                of: Quantity::Calls,
                most,
                from: Timestamp::from_seconds(0),
                until: Timestamp::from_seconds(1000),
            })
        };
        let used = find(0).unwrap();
        used.put(1);
        (1..MOST as u64).for_each(|most| drop(find(most).unwrap()));
        assert_eq!((find(MOST as u64).unwrap_err(), purses.refused()), (TooMany, 1));
        assert!(Arc::ptr_eq(&find(0).unwrap(), &used), "those that there are go on");
        purses.sweep(|_| false);
        assert_eq!(purses.count(), 1);
        assert!(find(MOST as u64).is_ok());
    }
}
