//! What is offered beside what was: scopes, API products with their routes, plans with their products, and where calls go.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::change::{Applies, Change, Class, Found, Side, Subject};
use crate::domain::location::Location;
use crate::domain::plan::Plan;
use crate::policy::snapshot::{ApiProduct, ScopeText, Snapshot, Upstream};

/// What it means that something is offered no more, and that it is.
const LISTED: (Class, Class) = (Class::NarrowsScope, Class::WidensScope);

/// Notes what is offered otherwise.
pub(super) fn compare((old, new): (&Snapshot, &Snapshot), changes: &mut Vec<Change>) {
    for name in names(old.scopes.keys(), new.scopes.keys()) {
        let mut found = at_once(Subject::Scope(name.clone()), changes);
        scope(&mut found, (old.scopes.get(name), new.scopes.get(name)));
    }
    for name in names(old.products.keys(), new.products.keys()) {
        let mut found = at_once(Subject::Product(name.clone()), changes);
        product(&mut found, (old.products.get(name), new.products.get(name)));
    }
    let [before, after] = [old, new].map(|set| set.upstreams.iter().map(|upstream| &upstream.name));
    for name in names(before, after) {
        let [before, after] = [old, new].map(|set| set.upstreams.iter().find(|one| one.name == *name));
        let mut found = at_once(Subject::Upstream(name.clone()), changes);
        upstream(&mut found, (before.map(Arc::as_ref), after.map(Arc::as_ref)));
    }
}

/// The names that either set has, in order.
pub(super) fn names<'n, N: Ord + 'n>(
    old: impl Iterator<Item = &'n N>,
    new: impl Iterator<Item = &'n N>,
) -> BTreeSet<&'n N> {
    old.chain(new).collect()
}

/// Changes of a subject that are felt as soon as the set is in force.
pub(super) fn at_once(subject: Subject, changes: &mut Vec<Change>) -> Found<'_> {
    Found { subject, applies: Applies::AtOnce, changes }
}

/// Notes that something is offered now, or no more.
pub(super) fn came_or_went(found: &mut Found<'_>, part: &str, sides: (Side<'_>, Side<'_>)) {
    let class = if sides.0.is_some() { LISTED.0 } else { LISTED.1 };
    found.note(class, part, sides);
}

/// Notes for which API products a plan is.
pub(super) fn plan(found: &mut Found<'_>, (old, new): (&Plan, &Plan)) {
    let products = |plan: &Plan| plan.products.iter().map(ToString::to_string).collect::<Vec<_>>();
    let [before, after] = [old, new].map(|plan| plan.versions.first().map(|version| &version.source));
    if let Some(places) = before.zip(after) {
        found.note_list("product", (&products(old), &products(new)), LISTED, places);
    }
}

fn scope(found: &mut Found<'_>, (old, new): (Option<&ScopeText>, Option<&ScopeText>)) {
    let place = Location { file: "scopes.yaml".into(), line: 1, column: 1 };
    if let (Some(old), Some(new)) = (old, new) {
        let text = |scope: &ScopeText| format!("{} / {}", scope.en, scope.zh);
        found.note_if(Class::Other, "text", (text(old), text(new)), (&place, &place));
        let lifetimes = |scope: &ScopeText| {
            format!("{:?}, {:?}", scope.access_token_lifetime, scope.refresh_token_lifetime)
        };
        found.note_if(Class::Other, "lifetimes", (lifetimes(old), lifetimes(new)), (&place, &place));
    } else {
        let sides = [old, new].map(|scope| scope.map(|scope| (scope.en.clone(), &place)));
        came_or_went(found, "scope", sides.into());
    }
}

fn product(found: &mut Found<'_>, (old, new): (Option<&ApiProduct>, Option<&ApiProduct>)) {
    let (Some(before), Some(after)) = (old, new) else {
        let sides = [old, new].map(|product| product.map(|one| (one.title.clone(), &one.source)));
        return came_or_went(found, "product", sides.into());
    };
    let places = (&before.source, &after.source);
    let routes = |product: &ApiProduct| product.routes.iter().map(ToString::to_string).collect::<Vec<_>>();
    found.note_list("route", (&routes(before), &routes(after)), LISTED, places);
    let class = if after.billable { Class::RaisesPrice } else { Class::LowersPrice };
    let billable = |product: &ApiProduct| (if product.billable { "yes" } else { "no" }).to_owned();
    found.note_if(class, "billable", (billable(before), billable(after)), places);
    found.note_if(Class::Other, "title", (before.title.clone(), after.title.clone()), places);
}

fn upstream(found: &mut Found<'_>, (old, new): (Option<&Upstream>, Option<&Upstream>)) {
    let endpoints = |upstream: &Upstream| {
        let endpoints = upstream.endpoints.iter().map(|one| format!("{}:{}", one.host, one.port));
        endpoints.collect::<Vec<_>>().join(" ")
    };
    if let (Some(old), Some(new)) = (old, new) {
        let places = (&old.source, &new.source);
        found.note_if(Class::Other, "endpoints", (endpoints(old), endpoints(new)), places);
        let timeout = |upstream: &Upstream| format!("{:?}", upstream.connect_timeout);
        found.note_if(Class::Other, "connect_timeout", (timeout(old), timeout(new)), places);
    } else {
        // Whose calls go there, its routes tell.
        let sides = [old, new].map(|one| one.map(|one| (endpoints(one), &one.source)));
        found.note(Class::Other, "upstream", sides.into());
    }
}
