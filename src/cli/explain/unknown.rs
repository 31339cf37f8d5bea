//! A call on record, of which not all is known: no record says where it came from, which header fields it had, and what its path and
//! query had beside the merchant. It is taken to come from where nothing refuses it for that, if there is such an address; what depends
//! on what is not known is left open, and never told as decided.

use std::net::IpAddr;

use super::asked::{Asked, HERE};
use super::decisions::Decisions;
use crate::domain::narrowing::{Narrowing, Networks};
use crate::domain::refusal::Refusal;
use crate::gateway::witness::Question;
use crate::policy::snapshot::{Access, Condition, Route};

const ADDRESS: &str = "where the call came from is on no record: --from says it";
const FIELDS: &str = "which header fields it had is on no record: --header says it";
const TARGET: &str =
    "which path and query it had is on no record: METHOD TARGET says it, in the place of --request-id";

/// An address from which both the route and the credential may be used; from which the route may, if there is none.
pub(super) fn assumed(route: &Route, narrowing: Option<&Narrowing>) -> IpAddr {
    let all = || [networks_of(route), networks_to(narrowing)].into_iter().flatten();
    // Of two networks that have addresses in common, one begins within the other.
    let firsts: Vec<IpAddr> = all().flat_map(Networks::iter).map(|network| network.addr()).collect();
    let common = firsts.iter().find(|address| all().all(|networks| networks.contains(**address)));
    common.or(firsts.first()).copied().unwrap_or(HERE)
}

/// Leaves open what was asked by now and depends on what is not known.
pub(super) fn leave_open(
    decisions: &mut Decisions,
    asked: &Asked,
    (route, narrowing): (&Route, Option<&Narrowing>),
) {
    if let Some(networks) = networks_of(route).filter(|_| asked.from.is_none()) {
        decisions.leave_open(Question::Address, || format!("a route for {networks}; {ADDRESS}"));
    }
    if let Some(networks) = networks_to(narrowing).filter(|_| asked.from.is_none()) {
        decisions.leave_open(Question::Network, || format!("a credential for {networks}; {ADDRESS}"));
    }
    if let Some(condition) = condition_of(route) {
        let unknown = unknown_to(condition, asked);
        if !unknown.is_empty() {
            let text = condition.expression.text();
            decisions.leave_open(Question::Condition, || format!("{text}; {}", unknown.join("; ")));
        }
    }
}

/// Whether the call may be let through as it was, though it is refused so as it is taken to have been.
pub(super) fn depends_on_it(refusal: &Refusal, asked: &Asked, route: &Route) -> bool {
    let is_of_address = asked.from.is_none() && matches!(refusal, Refusal::AddressNotAllowed(..));
    let is_of_condition = || {
        matches!(refusal, Refusal::ConditionUnmet(_))
            && condition_of(route).is_some_and(|condition| !unknown_to(condition, asked).is_empty())
    };
    is_of_address || is_of_condition()
}

/// Whether it is known of a call what tells how many units it takes before it is answered.
pub(super) fn are_units_known(route: &Route, asked: &Asked) -> bool {
    let known = route.meter.as_ref().and_then(|meter| meter.known.as_ref());
    let (Some(known), Some(on_record)) = (known, &asked.on_record) else { return true };
    let reads = |field| known.expression.reads("request", field);
    !reads("query") && (on_record.is_path_known || !(reads("path") || reads("params")))
}

fn networks_of(route: &Route) -> Option<&Networks> {
    route.addresses.as_ref().map(|addresses| &addresses.networks)
}

fn networks_to(narrowing: Option<&Narrowing>) -> Option<&Networks> {
    narrowing.and_then(|narrowing| narrowing.addresses.as_ref())
}

fn condition_of(route: &Route) -> Option<&Condition> {
    match &route.access {
        Access::App(requirements) => requirements.condition.as_ref(),
        Access::Anonymous => None,
    }
}

/// What a condition reads of the call that is not known, in words.
fn unknown_to(condition: &Condition, asked: &Asked) -> Vec<&'static str> {
    let reads = |field| condition.expression.reads("request", field);
    let of_address = asked.from.is_none() && condition.expression.asks_for_address();
    let (of_fields, of_target) = match &asked.on_record {
        None => (false, false),
        Some(on_record) => {
            let are_given = || condition.headers.iter().all(|name| asked.fields.contains(name));
            let of_path = !on_record.is_path_known && (reads("path") || reads("params"));
            (reads("headers") && !are_given(), of_path || reads("query"))
        }
    };
    let all = [(of_address, ADDRESS), (of_fields, FIELDS), (of_target, TARGET)];
    all.into_iter().filter_map(|(is_unknown, what)| is_unknown.then_some(what)).collect()
}
