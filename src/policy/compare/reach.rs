//! Which calls a route lets through beside which it did. What cannot be compared, as two conditions, may be narrower.

use ipnet::IpNet;

use super::change::{Class, Found};
use super::{limits, meters};
use crate::domain::authentication::Step;
use crate::domain::identity::Environment;
use crate::domain::location::Location;
use crate::domain::narrowing::Networks;
use crate::domain::scope::{Scope, ScopeSet};
use crate::policy::mask::Mask;
use crate::policy::snapshot::{
    Access, Condition, Durability, MerchantBinding, PathPart, Requirements, Rewrite, Route, Snapshot,
};

/// What lets less through, and what lets more through.
const NARROWER: Class = Class::NarrowsScope;
const WIDER: Class = Class::WidensScope;

/// Notes which calls of a route are let through now, or no more, and what else of it is another.
pub(super) fn compare(
    found: &mut Found<'_>,
    (old_set, old): (&Snapshot, &Route),
    (new_set, new): (&Snapshot, &Route),
) {
    let places = (&old.source, &new.source);
    address(found, (old, new));
    networks(found, (old, new));
    access(found, (old, new));
    let style = |route: &Route| route.signature.map(|style| style.name().to_owned());
    option(found, "signature", (style(old), style(new)), (WIDER, NARROWER), places);
    limits::of_addresses(found, (old.address_limit.as_ref(), new.address_limit.as_ref()));
    let timeouts = (format!("{:?}", old.timeout), format!("{:?}", new.timeout));
    found.note_if(narrower_if(new.timeout < old.timeout), "timeout", timeouts, places);
    let bodies = (format!("{} bytes", old.max_body), format!("{} bytes", new.max_body));
    found.note_if(narrower_if(new.max_body < old.max_body), "max_body", bodies, places);
    masks(found, (old, new));
    meters::compare(found, (old.meter.as_ref(), new.meter.as_ref()));
    upstreams(found, (old_set, old), (new_set, new));
    for (part, of) in OTHERS {
        found.note_if(Class::Other, part, (of(old), of(new)), places);
    }
}

/// A part of a route by its name, in words.
type Part = (&'static str, fn(&Route) -> String);

/// What nobody who calls is asked for.
const OTHERS: &[Part] = &[("rewrite", rewrite), ("durability", durability), ("set_headers", set_headers)];

fn rewrite(route: &Route) -> String {
    let Rewrite::Template(parts) = &route.rewrite else { return "the path as it came".to_owned() };
    let part = |part: &PathPart| match part {
        PathPart::Literal(text) => text.clone(),
        PathPart::Parameter(name) => format!("{{{name}}}"),
    };
    parts.iter().map(part).collect()
}

fn durability(route: &Route) -> String {
    let name = match route.durability {
        Durability::Durable => "durable",
        Durability::Buffered => "buffered",
    };
    name.to_owned()
}

/// By name alone: their values may be secrets.
fn set_headers(route: &Route) -> String {
    let names: Vec<&str> = route.set_headers.iter().map(|(name, _)| name.as_str()).collect();
    names.join(" ")
}

fn narrower_if(is_narrower: bool) -> Class {
    if is_narrower { NARROWER } else { WIDER }
}

/// Notes something that a route has or has not: what it means that it comes, or goes; that it is another may be narrower.
fn option(
    found: &mut Found<'_>,
    part: &str,
    (before, after): (Option<String>, Option<String>),
    (comes, goes): (Class, Class),
    (old, new): (&Location, &Location),
) {
    let class = match (&before, &after) {
        (None, Some(_)) => comes,
        (Some(_), None) => goes,
        (Some(before), Some(after)) if before != after => NARROWER,
        (Some(_), Some(_)) | (None, None) => return,
    };
    found.note(class, part, (before.map(|words| (words, old)), after.map(|words| (words, new))));
}

/// Hosts, methods and path.
fn address(found: &mut Found<'_>, (old, new): (&Route, &Route)) {
    let places = (&old.source, &new.source);
    let hosts = |route: &Route| (!route.hosts.is_empty()).then(|| route.hosts.join(" "));
    match (old.hosts.as_slice(), new.hosts.as_slice()) {
        ([], _) | (_, []) => option(found, "hosts", (hosts(old), hosts(new)), (NARROWER, WIDER), places),
        (before, after) => found.note_list("host", (before, after), (NARROWER, WIDER), places),
    }
    let methods = |route: &Route| route.methods.iter().map(ToString::to_string).collect::<Vec<_>>();
    found.note_list("method", (&methods(old), &methods(new)), (NARROWER, WIDER), places);
    let class = if without_names(&old.path) == without_names(&new.path) { Class::Other } else { NARROWER };
    found.note_if(class, "path", (old.path.clone(), new.path.clone()), places);
}

/// A path pattern without the names of its parameters, which callers do not see.
fn without_names(path: &str) -> String {
    let mut is_within = false;
    let is_seen = |character: &char| {
        let is_name = is_within && !matches!(character, '*' | '}');
        is_within = *character == '{' || (is_within && *character != '}');
        !is_name
    };
    path.chars().filter(is_seen).collect()
}

fn networks(found: &mut Found<'_>, (old, new): (&Route, &Route)) {
    let (before, after) = (old.addresses.as_ref(), new.addresses.as_ref());
    let class = match (before, after) {
        (Some(before), Some(after)) => narrower_if(!covers(&after.networks, &before.networks)),
        (before, _) => narrower_if(before.is_none()),
    };
    let side = |networks: &Networks| networks.to_string();
    if before.map(|one| &one.networks) != after.map(|one| &one.networks) {
        let before = before.map(|one| (side(&one.networks), &one.source));
        found.note(class, "addresses", (before, after.map(|one| (side(&one.networks), &one.source))));
    }
}

/// Whether every address of `inner` is one of `outer`.
fn covers(outer: &Networks, inner: &Networks) -> bool {
    // Networks side by side are one, so that one of them alone has all of another.
    let outer = IpNet::aggregate(&outer.iter().copied().collect());
    inner.iter().all(|network| outer.iter().any(|one| one.contains(network)))
}

fn access(found: &mut Found<'_>, (old, new): (&Route, &Route)) {
    let (anyone, proved) = ("anyone".to_owned(), "an app that proves itself".to_owned());
    match (&old.access, &new.access) {
        (Access::Anonymous, Access::Anonymous) => {}
        (Access::Anonymous, Access::App(asked)) => {
            let sides = (Some((anyone, &old.source)), Some((proved, &asked.places.access)));
            found.note(NARROWER, "access", sides);
        }
        (Access::App(asked), Access::Anonymous) => {
            let sides = (Some((proved, &asked.places.access)), Some((anyone, &new.source)));
            found.note(WIDER, "access", sides);
        }
        (Access::App(before), Access::App(after)) => requirements(found, (before, after)),
    }
}

fn requirements(found: &mut Found<'_>, (old, new): (&Requirements, &Requirements)) {
    let (was, is) = (&old.places, &new.places);
    let scopes = |asked: &Requirements| asked.scopes.iter().map(Scope::to_string).collect::<Vec<_>>();
    found.note_list("scope", (&scopes(old), &scopes(new)), (WIDER, NARROWER), (&was.scopes, &is.scopes));
    let class = narrower_if(asks_for(&new.merchant) >= asks_for(&old.merchant));
    let merchants = (merchant(&old.merchant), merchant(&new.merchant));
    found.note_if(class, "merchant", merchants, (&was.merchant, &is.merchant));
    let [before, after] = [old, new].map(|asked| asked.authentication.unwrap_or_default());
    let class = narrower_if(asks_more(after, before));
    let places = (&was.authentication, &is.authentication);
    found.note_if(class, "authentication", (step(before), step(after)), places);
    conditions(found, (old.condition.as_ref(), new.condition.as_ref()));
}

/// How much is asked of the merchant for whom a call is.
fn asks_for(binding: &MerchantBinding) -> u8 {
    match binding {
        MerchantBinding::Optional => 0,
        MerchantBinding::Required => 1,
        MerchantBinding::Named(_) => 2,
    }
}

fn merchant(binding: &MerchantBinding) -> String {
    match binding {
        MerchantBinding::Optional => "optional".to_owned(),
        MerchantBinding::Required => "required".to_owned(),
        MerchantBinding::Named(field) => format!("required, and named by {field}"),
    }
}

/// Whether some merchant has taken the other step and not that one.
fn asks_more(step: Step, other: Step) -> bool {
    let is_fresher = |age| other.max_age.is_none_or(|other| age < other);
    step.class > other.class || step.max_age.is_some_and(is_fresher)
}

fn step(step: Step) -> String {
    let class = step.class.map(|class| class.name().to_owned());
    let age = step.max_age.map(|age| format!("at most {age:?} ago"));
    let asked: Vec<String> = class.into_iter().chain(age).collect();
    if asked.is_empty() { "whatever it was".to_owned() } else { asked.join(", ") }
}

fn conditions(found: &mut Found<'_>, (old, new): (Option<&Condition>, Option<&Condition>)) {
    let text = |condition: Option<&Condition>| condition.map(|one| one.expression.text().to_owned());
    let [was, is] = [old, new].map(|condition| condition.map(|one| one.expression.source()));
    let Some(place) = was.or(is) else { return };
    let places = (was.unwrap_or(place), is.unwrap_or(place));
    option(found, "condition", (text(old), text(new)), (NARROWER, WIDER), places);
    if let (Some(old), Some(new)) = (old, new) {
        let message = |one: &Condition| one.message.as_deref().unwrap_or_default().to_owned();
        found.note_if(Class::Other, "condition message", (message(old), message(new)), places);
    }
}

/// Personal data that is let through by other scopes.
fn masks(found: &mut Found<'_>, (old, new): (&Route, &Route)) {
    let none = ScopeSet::none();
    let masked = |mask: Option<&Mask>| {
        let all = mask.into_iter().flat_map(|mask| mask.withheld_from(&none));
        all.map(|(what, scope)| format!("{what} without {scope}")).collect::<Vec<_>>()
    };
    let lists = (masked(old.mask.as_ref()), masked(new.mask.as_ref()));
    let [was, is] = [old, new].map(|route| route.mask.as_ref().map_or(&route.source, |mask| &mask.source));
    found.note_list("masked", (&lists.0, &lists.1), (WIDER, NARROWER), (was, is));
}

/// Where its calls go, and so of which apps they may be.
fn upstreams(
    found: &mut Found<'_>,
    (old_set, old): (&Snapshot, &Route),
    (new_set, new): (&Snapshot, &Route),
) {
    let (Some(before), Some(after)) =
        (old_set.upstreams.get(old.upstream), new_set.upstreams.get(new.upstream))
    else {
        return;
    };
    let names = (before.name.to_string(), after.name.to_string());
    found.note_if(Class::Other, "upstream", names, (&old.source, &new.source));
    let environment = |one: Option<Environment>| one.map_or("both", Environment::name).to_owned();
    let environments = (environment(before.environment), environment(after.environment));
    let class = narrower_if(after.environment.is_some());
    found.note_if(class, "environment", environments, (&before.source, &after.source));
}
