//! What is switched off, as this node knows it: beside the policies, so that it stays off over reloads and whatever they say.
//!
//! It is swapped as a whole behind a number that each core compares: while nothing changes, a call costs one load.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::snapshot::Snapshot;
use crate::domain::kill_switch::{KillSwitch, SwitchKey, SwitchKind};

/// What is switched off.
#[derive(Debug, Default)]
pub struct KillSwitches {
    known: Mutex<Known>,
    /// Rises with each change.
    version: AtomicU64,
    /// The number of the next reading.
    readings: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    off: HashMap<SwitchKey, Arc<KillSwitch>>,
    /// The reading that it is of.
    reading: u64,
}

/// A reading of the store that has begun. Of two, the one that began later knows more.
#[derive(Debug)]
pub struct Reading(u64);

impl KillSwitches {
    /// Begins a reading: to be called before the store is asked.
    #[must_use]
    pub fn begin(&self) -> Reading {
        Reading(self.readings.fetch_add(1, Ordering::SeqCst).saturating_add(1))
    }

    /// Puts in force what a reading found, unless one that began later has been.
    pub fn put(&self, Reading(number): Reading, found: Vec<KillSwitch>) {
        let mut known = self.known();
        if number < known.reading {
            return;
        }
        known.reading = number;
        let off: HashMap<_, _> =
            found.into_iter().map(|switch| (switch.key.clone(), Arc::new(switch))).collect();
        if off == known.off {
            return;
        }
        for switch in off.values().filter(|switch| known.off.get(&switch.key) != Some(*switch)) {
            tracing::warn!(
                kind = switch.key.kind.name(),
                name = switch.key.name,
                reason = switch.reason,
                "switched off"
            );
        }
        for key in known.off.keys().filter(|key| !off.contains_key(key)) {
            tracing::warn!(kind = key.kind.name(), name = key.name, "switched on again");
        }
        known.off = off;
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Rises with each change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What keeps each route of a snapshot from being served, by its place in that; nothing at all if none is kept. Takes a
    /// lock: for a core that sees another version, not for calls.
    #[must_use]
    pub fn by_route(&self, snapshot: &Snapshot) -> Vec<Option<Arc<KillSwitch>>> {
        let known = self.known();
        if known.off.is_empty() {
            return Vec::new();
        }
        let find = |kind, name: &str| known.off.get(&SwitchKey { kind, name: name.to_owned() }).cloned();
        let upstreams: Vec<_> = snapshot
            .upstreams
            .iter()
            .map(|upstream| find(SwitchKind::Upstream, upstream.name.as_str()))
            .collect();
        let of_route = |route: &super::snapshot::Route| {
            find(SwitchKind::Route, route.name.as_str())
                .or_else(|| upstreams.get(route.upstream).cloned().flatten())
        };
        snapshot.routes.iter().map(|route| of_route(route)).collect()
    }

    /// All that is off, in order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<KillSwitch>> {
        let mut all: Vec<_> = self.known().off.values().cloned().collect();
        all.sort_by(|one, other| one.key.cmp(&other.key));
        all
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    fn off(name: &str) -> KillSwitch {
        let key = SwitchKey { kind: SwitchKind::Route, name: name.to_owned() };
        KillSwitch { key, reason: "a test".to_owned(), message: None, off_since: Timestamp::default() }
    }

    #[test]
    fn a_reading_that_began_before_another_changes_nothing_after_it() {
        let switches = KillSwitches::default();
        let (earlier, later) = (switches.begin(), switches.begin());
        switches.put(later, vec![off("a")]);
        let version = switches.version();
        switches.put(earlier, Vec::new());
        assert_eq!((switches.all().len(), switches.version()), (1, version));
        switches.put(switches.begin(), vec![off("a")]);
        assert_eq!(switches.version(), version, "what is the same is no change");
        switches.put(switches.begin(), Vec::new());
        assert!(switches.all().is_empty() && switches.version() > version);
    }
}
