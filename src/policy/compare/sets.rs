//! Two policy sets as wholes: what is compared with what.

use std::collections::HashMap;

use super::change::{Applies, Change, Class, Found, Subject};
use super::offer::{at_once, came_or_went, names};
use super::{limits, offer, platform, prices, reach, shares};
use crate::domain::id::RouteName;
use crate::domain::plan::{Existing, Plan, PlanVersion};
use crate::domain::time::Timestamp;
use crate::policy::snapshot::{Route, Snapshot};

/// What `new` changes for those who use `old`, seen at a time: the worse first. A plan version that there was is compared with itself;
/// one that there was not, with the version before it.
#[must_use]
pub fn compare(old: &Snapshot, new: &Snapshot, now: Timestamp) -> Vec<Change> {
    let mut changes = Vec::new();
    platform::compare((old, new), &mut changes);
    offer::compare((old, new), &mut changes);
    for name in names(old.plans.keys(), new.plans.keys()) {
        plans((old.plans.get(name), new.plans.get(name)), now, &mut changes);
    }
    routes((old, new), &mut changes);
    changes.sort_by(|one, other| one.order().cmp(&other.order()));
    changes
}

fn plans((old, new): (Option<&Plan>, Option<&Plan>), now: Timestamp, changes: &mut Vec<Change>) {
    let (Some(before), Some(after)) = (old, new) else {
        let Some(plan) = old.or(new) else { return };
        let mut found = at_once(Subject::Plan(plan.name.clone()), changes);
        let sides = [old, new].map(|plan| {
            let version = plan.and_then(|plan| plan.versions.last());
            version.map(|version| (format!("version {}", version.reference.version), &version.source))
        });
        return came_or_went(&mut found, "plan", sides.into());
    };
    offer::plan(&mut at_once(Subject::Plan(after.name.clone()), changes), (before, after));
    for gone in before.versions.iter().filter(|version| is_lacking(after, version)) {
        let class = if gone.effective_from <= now { Class::NarrowsScope } else { Class::Other };
        found(gone, now, changes).note(class, "version", (Some((dated(gone), &gone.source)), None));
    }
    let befores = [None].into_iter().chain(after.versions.iter().map(Some));
    for (previous, version) in befores.zip(&after.versions) {
        let was = before.versions.iter().find(|one| one.reference == version.reference);
        let mut found = found(version, now, changes);
        match was {
            Some(was) => found.note_if(
                Class::Other,
                "version",
                (dated(was), dated(version)),
                (&was.source, &version.source),
            ),
            None => found.note(Class::Other, "version", (None, Some((dated(version), &version.source)))),
        }
        if let Some(was) = was.or(previous) {
            versions(&mut found, (was, version), now);
        }
    }
}

fn is_lacking(plan: &Plan, version: &PlanVersion) -> bool {
    plan.versions.iter().all(|one| one.reference != version.reference)
}

fn found<'c>(version: &PlanVersion, now: Timestamp, changes: &'c mut Vec<Change>) -> Found<'c> {
    let applies = match version.effective_from {
        from if from <= now => Applies::AtOnce,
        at => Applies::From { at, existing: version.existing },
    };
    Found { subject: Subject::Version(version.reference.clone()), applies, changes }
}

fn versions(found: &mut Found<'_>, pair: (&PlanVersion, &PlanVersion), now: Timestamp) {
    prices::compare(found, pair, pair.1.effective_from.max(now));
    shares::compare(found, pair);
    limits::compare(found, pair);
    let told = |version: &PlanVersion| {
        let fee = version.merchant_fee.as_ref();
        fee.map_or_else(|| "nothing is told".to_owned(), |fee| format!("{} / {}", fee.en, fee.zh))
    };
    let places = (&pair.0.source, &pair.1.source);
    found.note_if(Class::Other, "merchant_fee", (told(pair.0), told(pair.1)), places);
}

/// From when on a version applies, and to whom.
fn dated(version: &PlanVersion) -> String {
    let existing = match version.existing {
        Existing::Stay => "existing subscriptions stay".to_owned(),
        Existing::Move { notice } => format!("existing subscriptions move, told {notice:?} before"),
    };
    format!("from {}; {existing}", version.effective_from)
}

fn routes((old, new): (&Snapshot, &Snapshot), changes: &mut Vec<Change>) {
    let [before, after] = [old, new].map(|set| {
        let routes = set.routes.iter().map(|route| (&route.name, &**route));
        routes.collect::<HashMap<&RouteName, &Route>>()
    });
    for name in names(before.keys().copied(), after.keys().copied()) {
        let mut found = at_once(Subject::Route(name.clone()), changes);
        let (was, is) = (before.get(name).copied(), after.get(name).copied());
        if let (Some(was), Some(is)) = (was, is) {
            reach::compare(&mut found, (old, was), (new, is));
            continue;
        }
        let words = |route: &Route| {
            let methods: Vec<&str> = route.methods.iter().map(|method| method.as_str()).collect();
            format!("{} {}", methods.join(" "), route.path)
        };
        let sides = [was, is].map(|route| route.map(|route| (words(route), &route.source)));
        came_or_went(&mut found, "route", sides.into());
    }
}
