//! Sums that are remembered from batch to batch, so that the store is not asked for them again: units of service periods, and
//! what was added to statement lines.
//!
//! Nothing is here that the store has not. What a transaction has added to that was not committed is to be dropped, and so is
//! all of it once anybody else has written to the books.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::bounds::Bounds;
use crate::domain::id::AppId;
use crate::domain::running_total::{AllowanceKey, FeeKey, Units};
use crate::domain::time::Period;

/// Most apps and service periods, and most lines, that are remembered: some 100 MiB. Beyond, all of them are forgotten.
const MAX_REMEMBERED: usize = 200_000;

type Table<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// What is remembered.
#[derive(Debug, Default)]
pub(in crate::billing) struct Running {
    units: Table<FeeKey, Counted>,
    free: Table<AllowanceKey, u64>,
    /// The apps of which all that was counted in a service period is here.
    known: Table<Period, HashSet<AppId, foldhash::fast::RandomState>>,
    changed: Vec<FeeKey>,
    pub(super) bounds: Bounds,
}

#[derive(Debug, Default)]
struct Counted {
    units: Units,
    is_changed: bool,
}

impl Running {
    pub(super) fn knows(&self, app: &AppId, service_period: Period) -> bool {
        self.known.get(&service_period).is_some_and(|apps| apps.contains(app))
    }

    /// Notes that all is here that was counted of an app in a service period.
    pub(super) fn know(&mut self, app: AppId, service_period: Period) {
        self.known.entry(service_period).or_default().insert(app);
    }

    /// Takes what the store knows; what is known here already stays as it is.
    pub(super) fn load(&mut self, units: HashMap<FeeKey, Units>) {
        for (key, units) in units {
            if let Entry::Vacant(place) = self.units.entry(key) {
                let free = self.free.entry(place.key().allowance()).or_default();
                *free = free.saturating_add(units.free);
                place.insert(Counted { units, is_changed: false });
            }
        }
    }

    pub(super) fn units(&self, key: &FeeKey) -> Units {
        self.units.get(key).map(|counted| counted.units).unwrap_or_default()
    }

    /// Units that were free so far, under whatever version of the plan.
    pub(super) fn free_units(&self, key: &FeeKey) -> u64 {
        self.free.get(&key.allowance()).copied().unwrap_or(0)
    }

    /// Counts units on top of those before.
    pub(super) fn set_units(&mut self, key: FeeKey, units: Units) {
        let before = self.units(&key);
        let more = units.free.saturating_sub(before.free);
        if more > 0 {
            let free = self.free.entry(key.allowance()).or_default();
            *free = free.saturating_add(more);
        }
        let counted = match self.units.get_mut(&key) {
            Some(counted) => counted,
            None => self.units.entry(key.clone()).or_default(),
        };
        counted.units = units;
        if !std::mem::replace(&mut counted.is_changed, true) {
            self.changed.push(key);
        }
    }

    /// The units that changed in this batch.
    pub(super) fn changed_units(&self) -> impl Iterator<Item = (&FeeKey, Units)> {
        self.changed.iter().map(|key| (key, self.units(key)))
    }

    /// What is remembered for the next batch, once this one is written.
    pub(super) fn settled(mut self) -> Self {
        let apps = self.known.values().map(HashSet::len).fold(0, usize::saturating_add);
        if apps.max(self.units.len()).max(self.bounds.len()) > MAX_REMEMBERED {
            return Self::default();
        }
        for key in std::mem::take(&mut self.changed) {
            if let Some(counted) = self.units.get_mut(&key) {
                counted.is_changed = false;
            }
        }
        self
    }
}
