//! The snapshot in force, and how the last attempt to change it went. The only module that names `arc_swap`.
//!
//! A set that is wrong changes nothing and is loud; one that is equal in content is no swap.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::load::{LoadError, Values, load};
use super::snapshot::Snapshot;
use crate::domain::audit::Change;
use crate::domain::id::SnapshotHash;
use crate::domain::time::{Clock, Timestamp};

/// A snapshot that is right in itself and is to come into force.
#[derive(Debug, Clone, Copy)]
pub struct Coming<'s> {
    /// The one that is in force; none as a node starts.
    pub before: Option<&'s Snapshot>,
    /// The one that is to be.
    pub snapshot: &'s Snapshot,
}

/// Says whether a snapshot may come into force, after what came before it: [`LoadError::Refused`] if not, [`LoadError::Unavailable`] if
/// that cannot be kept for now. What it is given beside is who asked for it, if somebody did.
pub type Admit = Box<dyn Fn(Coming<'_>, Option<&Change>) -> Result<(), LoadError> + Send + Sync>;

/// How the policies stand.
#[derive(Debug, Clone)]
pub struct PolicyStatus {
    /// The snapshot in force.
    pub hash: SnapshotHash,
    /// Since when.
    pub active_since: Timestamp,
    /// Why the last attempt to change it failed; `None` if it did not.
    pub last_error: Option<LoadError>,
    /// When the last attempt was.
    pub last_attempt: Timestamp,
}

/// What came of an attempt to reload.
#[derive(Debug)]
pub enum Reloaded {
    /// Another snapshot is in force now.
    Swapped(SnapshotHash),
    /// The files are as they were.
    Unchanged(SnapshotHash),
}

/// The snapshot in force.
pub struct Live {
    snapshot: ArcSwap<Snapshot>,
    status: ArcSwap<PolicyStatus>,
    version: AtomicU64,
    failures: AtomicU64,
    folder: PathBuf,
    values: Arc<dyn Values>,
    admit: Admit,
    clock: Arc<dyn Clock>,
    /// Snapshots that were in force. They are kept until no call is under them, so that no core ever is the last to hold one:
    /// to take ten thousand routes apart takes milliseconds.
    retired: Mutex<Vec<Arc<Snapshot>>>,
    /// One reload at a time: a slow one must not put an older set over a newer.
    turn: Mutex<()>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Live({}, version {})", self.status().hash, self.version())
    }
}

impl Live {
    /// Loads the set in `folder` for the first time.
    ///
    /// # Errors
    /// [`LoadError`] if it is wrong, or `admit` refuses it.
    pub fn open(
        folder: &Path,
        values: Arc<dyn Values>,
        admit: Admit,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LoadError> {
        let snapshot = load(folder, &*values)?;
        let now = clock.now();
        check_plans(&snapshot, now)?;
        admit(Coming { before: None, snapshot: &snapshot }, None)?;
        warn(&snapshot);
        let hash = snapshot.hash.clone();
        let status = PolicyStatus { hash, active_since: now, last_error: None, last_attempt: now };
        Ok(Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            status: ArcSwap::from_pointee(status),
            version: AtomicU64::new(1),
            failures: AtomicU64::new(0),
            folder: folder.to_owned(),
            values,
            admit,
            clock,
            retired: Mutex::default(),
            turn: Mutex::new(()),
        })
    }

    /// The snapshot in force.
    #[must_use]
    pub fn load(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Rises with each swap: one relaxed load tells a core whether its view is still right.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Attempts that failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// How the policies stand.
    #[must_use]
    pub fn status(&self) -> Arc<PolicyStatus> {
        self.status.load_full()
    }

    /// The folder of the set.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads the set again and puts it in force if it is right. Slow: not for the data plane's threads.
    ///
    /// # Errors
    /// [`LoadError`]; then the snapshot in force stays.
    pub fn reload(&self) -> Result<Reloaded, LoadError> {
        self.reload_for(None)
    }

    /// The same for somebody who asked for it, which is kept before what he asked for comes into force.
    ///
    /// # Errors
    /// [`LoadError`]; then the snapshot in force stays.
    pub fn reload_for(&self, asked: Option<&Change>) -> Result<Reloaded, LoadError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let attempted_at = self.clock.now();
        let before = self.status();
        let outcome = load(&self.folder, &*self.values)
            .and_then(|snapshot| self.activate(snapshot, asked, attempted_at));
        let mut status = PolicyStatus { last_error: None, last_attempt: attempted_at, ..(*before).clone() };
        match &outcome {
            Ok(Reloaded::Unchanged(_)) => {}
            Ok(Reloaded::Swapped(hash)) => {
                tracing::info!(%hash, "policies are in force");
                (status.hash, status.active_since) = (hash.clone(), attempted_at);
            }
            Err(error) => {
                tracing::error!("the policies were not changed:\n{error}");
                self.failures.fetch_add(1, Ordering::Relaxed);
                status.last_error = Some(error.clone());
            }
        }
        self.status.store(Arc::new(status));
        outcome
    }

    /// Drops the snapshots that were in force and that no call is under any more. Not for the data plane's threads.
    pub fn drop_retired(&self) {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let unused: Vec<_> = retired.extract_if(.., |snapshot| Arc::strong_count(snapshot) == 1).collect();
        drop(retired);
        drop(unused);
    }

    /// How many snapshots that were in force are kept.
    #[must_use]
    pub fn retired(&self) -> usize {
        self.retired.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Puts a right snapshot in force, unless it is the one in force or is refused.
    fn activate(
        &self,
        snapshot: Snapshot,
        asked: Option<&Change>,
        now: Timestamp,
    ) -> Result<Reloaded, LoadError> {
        let in_force = self.load();
        if (&snapshot.hash, &snapshot.values) == (&in_force.hash, &in_force.values) {
            return Ok(Reloaded::Unchanged(snapshot.hash));
        }
        check_plans(&snapshot, now)?;
        (self.admit)(Coming { before: Some(&in_force), snapshot: &snapshot }, asked)?;
        warn(&snapshot);
        let hash = snapshot.hash.clone();
        let before = self.snapshot.swap(Arc::new(snapshot));
        self.version.fetch_add(1, Ordering::AcqRel);
        self.retired.lock().unwrap_or_else(PoisonError::into_inner).push(before);
        self.drop_retired();
        Ok(Reloaded::Swapped(hash))
    }
}

/// Tells what may not be meant of a set that comes into force.
fn warn(snapshot: &Snapshot) {
    for warning in &snapshot.warnings {
        let help = warning.help.as_deref().unwrap_or_default();
        tracing::warn!(policy = %warning.location, help, "{}", warning.message);
    }
}

/// A set under which no app could use anything is a mistake, such as a date of the next year.
fn check_plans(snapshot: &Snapshot, now: Timestamp) -> Result<(), LoadError> {
    let is_usable = snapshot.plans.values().any(|plan| plan.version_at(now).is_some());
    let message = "no plan has a version in force yet: see effective_from in plans/*.yaml";
    is_usable.then_some(()).ok_or_else(|| LoadError::Refused(message.to_owned()))
}
