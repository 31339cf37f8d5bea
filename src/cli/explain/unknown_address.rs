//! A call of which it is not known where it came from. It is taken to come from where nothing refuses it for that, if there is such an
//! address; what depends on it is left open, and never told as decided.

use std::net::IpAddr;

use super::asked::HERE;
use super::decisions::Decisions;
use crate::domain::narrowing::{Narrowing, Networks};
use crate::domain::refusal::Refusal;
use crate::gateway::witness::Question;
use crate::policy::snapshot::{Access, Condition, Route};

const UNKNOWN: &str = "where the call came from is on no record: --from says it";

/// An address from which both the route and the credential may be used; from which the route may, if there is none.
pub(super) fn assumed(route: &Route, narrowing: Option<&Narrowing>) -> IpAddr {
    let all = || [networks_of(route), networks_to(narrowing)].into_iter().flatten();
    // Of two networks that have addresses in common, one begins within the other.
    let firsts: Vec<IpAddr> = all().flat_map(Networks::iter).map(|network| network.addr()).collect();
    let common = firsts.iter().find(|address| all().all(|networks| networks.contains(**address)));
    common.or(firsts.first()).copied().unwrap_or(HERE)
}

/// Leaves open what was asked by now and depends on where the call came from.
pub(super) fn leave_open(decisions: &mut Decisions, route: &Route, narrowing: Option<&Narrowing>) {
    if let Some(networks) = networks_of(route) {
        decisions.leave_open(Question::Address, || format!("a route for {networks}; {UNKNOWN}"));
    }
    if let Some(networks) = networks_to(narrowing) {
        decisions.leave_open(Question::Network, || format!("a credential for {networks}; {UNKNOWN}"));
    }
    if let Some(condition) = condition_on_address(route) {
        let text = condition.expression.text();
        decisions.leave_open(Question::Condition, || format!("{text}; {UNKNOWN}"));
    }
}

/// Whether the call may be let through where it came from, though it is refused so where it is taken to come from.
pub(super) fn depends_on_it(refusal: &Refusal, route: &Route) -> bool {
    let is_of_condition =
        || matches!(refusal, Refusal::ConditionUnmet(_)) && condition_on_address(route).is_some();
    matches!(refusal, Refusal::AddressNotAllowed(..)) || is_of_condition()
}

fn networks_of(route: &Route) -> Option<&Networks> {
    route.addresses.as_ref().map(|addresses| &addresses.networks)
}

fn networks_to(narrowing: Option<&Narrowing>) -> Option<&Networks> {
    narrowing.and_then(|narrowing| narrowing.addresses.as_ref())
}

fn condition_on_address(route: &Route) -> Option<&Condition> {
    match &route.access {
        Access::App(requirements) => {
            requirements.condition.as_ref().filter(|condition| condition.expression.asks_for_address())
        }
        Access::Anonymous => None,
    }
}
