//! Quotas: how many calls, or units, an app may use in each calendar day or month.

use std::time::Duration;

use super::id::{AppId, LimitName, PlanName};
use super::location::Location;
use super::plan::{Plan, Quantity};
use super::time::{Period, Timestamp, Zone};

/// A named quota of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// Its name, unique in its plan version, among limits too.
    pub name: LimitName,
    /// What it counts: of calls, those that turn out to be billable.
    pub of: Quantity,
    /// How many in each window; above zero.
    pub most: u64,
    /// The windows.
    pub every: Every,
    /// Where it stands.
    pub source: Location,
}

impl Quota {
    /// The window of an app at `at`.
    #[must_use]
    pub fn window(&self, (app, plan): (&AppId, &PlanName), at: Timestamp, zone: &Zone) -> QuotaWindow {
        let (from, until) = self.every.around(at, zone);
        let (app, plan, quota) = (app.clone(), plan.clone(), self.name.clone());
        QuotaWindow { app, plan, quota, of: self.of, most: self.most, from, until }
    }
}

/// Calendar windows in the platform's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Every {
    /// From midnight to midnight.
    Day,
    /// From the first of a month to that of the next.
    Month,
}

impl Every {
    /// The name in policy files and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The window in which `at` falls: its first moment, and the first after it.
    #[must_use]
    pub fn around(self, at: Timestamp, zone: &Zone) -> (Timestamp, Timestamp) {
        match self {
            Self::Day => zone.day(at),
            Self::Month => {
                let period = Period::of(at, zone);
                (period.start(zone), period.end(zone))
            }
        }
    }
}

/// What an app may use of a quota in one window, whichever of its nodes let it through. Versions of a plan share it, as long as it counts
/// the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QuotaWindow {
    /// Whose.
    pub app: AppId,
    /// Of which plan.
    pub plan: PlanName,
    /// The quota's name.
    pub quota: LimitName,
    /// What it counts.
    pub of: Quantity,
    /// How many.
    pub most: u64,
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

/// Shorter than any month, and longer than any day.
const A_WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

impl QuotaWindow {
    /// The window that follows it.
    #[must_use]
    pub fn following(&self, zone: &Zone) -> Self {
        let every = if self.until.since(self.from) < A_WEEK { Every::Day } else { Every::Month };
        let (from, until) = every.around(self.until, zone);
        Self { from, until, ..self.clone() }
    }

    /// Whether calls under a version of its plan are under its quota; so they are if nobody knows the version any more.
    #[must_use]
    pub fn counts_calls_under(&self, plan: Option<&Plan>, version: u32) -> bool {
        let mut versions = plan.into_iter().flat_map(|plan| &plan.versions);
        let known = versions.find(|one| one.reference.version == version);
        let is_it = |quota: &Quota| quota.name == self.quota && quota.of == self.of;
        known.is_none_or(|version| version.quotas.iter().any(is_it))
    }

    /// What it is known by wherever all nodes share it: those of one key are one window, however many each says it has.
    #[must_use]
    pub fn key(&self) -> (&str, &str, &str, &'static str, Timestamp, Timestamp) {
        (self.app.as_str(), self.plan.as_str(), self.quota.as_str(), self.of.name(), self.from, self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_begin_at_midnight_of_the_zone_whatever_its_clocks_do() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (every, within, from, until) in [
            (Every::Day, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            (Every::Day, "2026-03-28T23:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            (Every::Day, "2026-10-25T21:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
            (Every::Day, "2026-12-31T23:30:00Z", "2026-12-31T23:00:00Z", "2027-01-01T23:00:00Z"),
            (Every::Month, "2026-10-25T21:00:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"),
        ] {
            assert_eq!(every.around(at(within), &zone), (at(from), at(until)), "{within}");
        }
    }

    #[test]
    fn a_window_is_followed_by_one_of_its_kind_that_begins_as_it_ends() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (every, within, until) in [
            (Every::Day, "2026-03-28T12:00:00Z", "2026-03-29T22:00:00Z"),
            (Every::Day, "2026-10-25T12:00:00Z", "2026-10-26T23:00:00Z"),
            (Every::Month, "2026-01-15T12:00:00Z", "2026-02-28T23:00:00Z"),
            (Every::Month, "2026-02-15T12:00:00Z", "2026-03-31T22:00:00Z"),
        ] {
            let (from, ends) = every.around(at(within), &zone);
            let window = QuotaWindow {
                app: AppId::new("app_1").unwrap(),
                plan: "standard".parse().unwrap(),
                quota: "calls".parse().unwrap(),
                of: Quantity::Calls,
                most: 5,
                from,
                until: ends,
            };
            let next = QuotaWindow { from: ends, until: at(until), ..window.clone() };
            assert_eq!(window.following(&zone), next, "{within}");
        }
    }
}
