//! What is left of the limits of an app's plans on this node. Asking uses up nothing of them.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::permitted::active;
use crate::credential::directory::Identity;
use crate::domain::id::{AppId, PlanName};
use crate::domain::plan::{Limit, LimitKey, PlanVersion, Quantity};
use crate::domain::refusal::whole_seconds;
use crate::domain::time::{Moment, Timestamp};
use crate::limit::cell::{CellKey, Cells};
use crate::limit::gcra;
use crate::policy::snapshot::{Route, Snapshot};

/// The answer to `/me/limits`.
pub(super) fn document((snapshot, cells): (&Snapshot, &Cells), identity: &Identity, moment: Moment) -> Value {
    let caller = &identity.caller;
    let versions = versions(snapshot, identity, moment.now);
    let shown = |version: &PlanVersion, limit: &Limit| {
        let of = Of { snapshot, cells, app: &caller.app.id, version, now: moment.monotonic };
        of.limit(limit)
    };
    let limits: Vec<Value> = versions
        .into_iter()
        .flat_map(|version| version.limits.iter().map(move |limit| (version, limit)))
        .map(|(version, limit)| shown(version, limit))
        .collect();
    json!({ "app": caller.app.id.as_str(), "as_of": moment.now.to_string(), "limits": limits })
}

/// The plan versions of an app's subscriptions.
pub(super) fn versions<'s>(
    snapshot: &'s Snapshot,
    identity: &Identity,
    now: Timestamp,
) -> Vec<&'s PlanVersion> {
    let subscribed = active(&identity.caller, now);
    let plans: BTreeSet<(&PlanName, Option<u32>)> =
        subscribed.map(|subscribed| (&subscribed.plan, subscribed.version)).collect();
    let mut versions: Vec<&PlanVersion> =
        plans.into_iter().filter_map(|(plan, own)| snapshot.plans.get(plan)?.version_for(own, now)).collect();
    // Subscriptions that stand at several versions may have come to the same.
    versions.sort_by(|one, other| one.reference.cmp(&other.reference));
    versions.dedup_by(|one, other| one.reference == other.reference);
    versions
}

/// Whose limits are asked for.
struct Of<'a> {
    snapshot: &'a Snapshot,
    cells: &'a Cells,
    app: &'a AppId,
    version: &'a PlanVersion,
    now: Duration,
}

impl Of<'_> {
    fn limit(&self, limit: &Limit) -> Value {
        let plan = &self.version.reference.name;
        let mut shown = json!({
            "plan": self.version.reference.to_string(),
            "limit": limit.name.as_str(),
            "counts": limit.of.name(),
            "window_seconds": whole_seconds(limit.rate.window),
            "burst": limit.rate.burst,
        });
        match limit.of {
            Quantity::Calls => shown["requests"] = json!(limit.rate.requests),
            Quantity::Units => shown["units"] = json!(limit.rate.requests),
        }
        match limit.per {
            LimitKey::App => {
                shown["per"] = json!("app");
                let left = self.left(limit, &CellKey::App(self.app, plan, &limit.name));
                let (remaining, reset) = left.unwrap_or((limit.rate.burst.get(), 0));
                (shown["remaining"], shown["reset_seconds"]) = (json!(remaining), json!(reset));
            }
            LimitKey::AppAndRoute => {
                shown["per"] = json!("app_and_route");
                shown["in_use"] = self.by_route(limit).into();
            }
        }
        shown
    }

    /// The routes of which something is used up; of any other all is left.
    fn by_route(&self, limit: &Limit) -> Vec<Value> {
        let plan = &self.version.reference.name;
        let in_use = |route: &Route| {
            let key = CellKey::AppAndRoute(self.app, plan, &limit.name, &route.name);
            let (remaining, reset) = self.left(limit, &key)?;
            let name = route.name.as_str();
            (reset > 0).then(|| json!({ "route": name, "remaining": remaining, "reset_seconds": reset }))
        };
        let routes = self.snapshot.routes.iter().filter(|route| !route.products.is_empty());
        routes.filter_map(|route| in_use(route)).collect()
    }

    /// How many more may pass at once, and in how many seconds the burst is whole again; `None` if nothing was used.
    fn left(&self, limit: &Limit, key: &CellKey<'_>) -> Option<(u32, u64)> {
        let (remaining, reset) = match limit.of {
            Quantity::Calls => {
                let cell = self.cells.known(key)?;
                gcra::left(&cell, &limit.rate, self.now)
            }
            Quantity::Units => self.cells.known_of_units(key)?.left(&limit.rate, self.now),
        };
        Some((remaining, whole_seconds(reset)))
    }
}
