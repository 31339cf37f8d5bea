//! Sums that are remembered from batch to batch, so that the store is not asked for them again: units of service periods, and
//! what was added to statement lines.
//!
//! Nothing is here that the store has not, or gets by a transaction that is on its way. All of it is to be dropped once one of those was
//! not committed, or anybody else has written to the books.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::{HashMap, HashSet};

use super::bounds::Bounds;
use crate::domain::id::{AppId, PlanName};
use crate::domain::plan::PlanRef;
use crate::domain::running_total::{Counted, FeeFamily, Units};
use crate::domain::time::Period;

/// Most apps and service periods, and most lines, that are remembered: some 100 MiB. Beyond, all of them are forgotten.
const MAX_REMEMBERED: usize = 200_000;

type Table<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// What is remembered.
#[derive(Debug, Default)]
pub(in crate::billing) struct Running {
    places: Table<FeeFamily, usize>,
    /// The versions of each family by their numbers.
    families: Vec<Vec<Versioned>>,
    /// The family that was asked for last, and its place.
    last: Option<(FeeFamily, usize)>,
    /// The newest version of each plan that anything was counted under.
    newest: Table<PlanName, u32>,
    /// The apps of which all that was counted in a service period is here.
    known: Table<Period, HashSet<AppId, foldhash::fast::RandomState>>,
    pub(super) bounds: Bounds,
}

/// Units under one version of a plan.
#[derive(Debug)]
pub(super) struct Versioned {
    /// The version.
    pub(super) version: u32,
    /// The units.
    pub(super) units: Units,
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
    pub(super) fn load(&mut self, counted: Vec<Counted>) {
        for Counted { family, version, units } in counted {
            self.note_version(&family.plan, version);
            let versions = self.versions_mut(&family);
            if let Err(place) = versions.binary_search_by_key(&version, |one| one.version) {
                versions.insert(place, Versioned { version, units });
            }
        }
    }

    /// Units by version.
    pub(super) fn versions(&self, family: &FeeFamily) -> &[Versioned] {
        let last = self.last.as_ref().filter(|(last, _)| last == family).map(|(_, place)| *place);
        let place = last.or_else(|| self.places.get(family).copied());
        place.and_then(|place| self.families.get(place)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The same, to be changed; none yet of a family that is new.
    fn versions_mut(&mut self, family: &FeeFamily) -> &mut Vec<Versioned> {
        let place = match &self.last {
            Some((last, place)) if last == family => *place,
            Some(_) | None => {
                let next = self.families.len();
                let place = *self.places.entry(family.clone()).or_insert(next);
                if place == next {
                    self.families.push(Vec::new());
                }
                self.last = Some((family.clone(), place));
                place
            }
        };
        &mut self.families[place]
    }

    /// Whether anything was counted under a later version of a plan, by whichever app.
    pub(super) fn has_later(&self, plan: &PlanRef) -> bool {
        self.newest.get(&plan.name).is_some_and(|newest| *newest > plan.version)
    }

    fn note_version(&mut self, plan: &PlanName, version: u32) {
        match self.newest.get_mut(plan) {
            Some(newest) => *newest = version.max(*newest),
            None => {
                self.newest.insert(plan.clone(), version);
            }
        }
    }

    /// Has the units of a version be these.
    pub(super) fn set_units(&mut self, family: &FeeFamily, version: u32, units: Units) {
        self.note_version(&family.plan, version);
        let versions = self.versions_mut(family);
        match versions.binary_search_by_key(&version, |one| one.version) {
            Err(place) => versions.insert(place, Versioned { version, units }),
            Ok(place) => {
                if let Some(one) = versions.get_mut(place) {
                    one.units = units;
                }
            }
        }
    }

    /// What is remembered for the next batch, once this one is rated.
    pub(super) fn settled(self) -> Self {
        let apps = self.known.values().map(HashSet::len).fold(0, usize::saturating_add);
        if apps.max(self.families.len()).max(self.bounds.len()) > MAX_REMEMBERED {
            return Self::default();
        }
        self
    }
}
