//! All purses of one kind of a node, and each core's own view of those that it used lately, so that a steady caller costs no lock.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use super::purse::{Desk, Purse, lock};
use crate::domain::time::{Timestamp, Zone};

/// Purses of a node. Beyond, calls that need another are refused for the moment.
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
}

/// There are as many purses as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

impl<Of: Leasable> Default for Purses<Of> {
    fn default() -> Self {
        Self { all: Mutex::default(), desk: Arc::default() }
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
