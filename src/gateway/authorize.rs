//! Whether a principal may call a route: subscription, environment, scopes, merchant and how it proved itself, condition, in
//! this order.

use std::net::IpAddr;
use std::sync::Arc;

use http::request;

use super::head::Head;
use crate::credential::directory::Identity;
use crate::domain::authentication::{Authentication, Step};
use crate::domain::id::ProductName;
use crate::domain::plan::{PlanRef, PlanVersion};
use crate::domain::principal::{Caller, Principal};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::metering::evidence::{principal_fields, request_fields};
use crate::policy::expression::{Expression, Field, Variables};
use crate::policy::route_table::PathParameters;
use crate::policy::snapshot::{Access, MerchantBinding, Requirements, Route, Snapshot};

/// The proof that a call may go on, and what it is under.
#[derive(Debug)]
pub struct Permit<'s> {
    /// The API product and plan version under which the caller calls; `None` for anonymous callers, and for apps
    /// on an anonymous route without a subscription.
    pub subscribed: Option<(ProductName, &'s PlanVersion)>,
}

impl Permit<'_> {
    /// The API product and plan version by name.
    #[must_use]
    pub fn subscribed_by_name(&self) -> Option<(ProductName, PlanRef)> {
        self.subscribed.as_ref().map(|(product, version)| (product.clone(), version.reference.clone()))
    }
}

/// What a condition may look at.
pub struct Circumstances<'r> {
    /// The request's head.
    pub parts: &'r request::Parts,
    /// Its checked parts.
    pub head: &'r Head<'r>,
    /// The path's parameters.
    pub parameters: &'r PathParameters<'r, 'r>,
    /// Where it comes from.
    pub address: IpAddr,
    /// When.
    pub now: Timestamp,
}

/// Decides whether a caller may call `route`.
///
/// # Errors
/// The first requirement that is not met.
pub fn authorize<'s>(
    snapshot: &'s Snapshot,
    route: &Route,
    identity: Option<&Arc<Identity>>,
    circumstances: &Circumstances<'_>,
) -> Result<Permit<'s>, Refusal> {
    let now = circumstances.now;
    match (&route.access, identity) {
        (Access::Anonymous, None) => Ok(Permit { subscribed: None }),
        (Access::Anonymous, Some(identity)) => {
            Ok(Permit { subscribed: subscription(snapshot, route, &identity.caller, now) })
        }
        (Access::App(_), None) => Err(Refusal::CredentialMissing),
        (Access::App(requirements), Some(identity)) => {
            let caller = &identity.caller;
            let subscribed = subscription(snapshot, route, caller, now).ok_or(Refusal::NotSubscribed)?;
            check_environment(snapshot, route, caller)?;
            check_requirements(requirements, identity, circumstances)?;
            Ok(Permit { subscribed: Some(subscribed) })
        }
    }
}

/// The caller's active subscription to an API product with this route, and the plan version in force.
fn subscription<'s>(
    snapshot: &'s Snapshot,
    route: &Route,
    caller: &Caller,
    now: Timestamp,
) -> Option<(ProductName, &'s PlanVersion)> {
    caller
        .app
        .subscriptions
        .iter()
        .filter(|subscription| subscription.is_active(now) && route.products.contains(&subscription.product))
        .find_map(|subscription| {
            let plan = snapshot.plans.get(&subscription.plan)?;
            plan.products.contains(&subscription.product).then_some(())?;
            Some((subscription.product.clone(), plan.version_at(now)?))
        })
}

fn check_environment(snapshot: &Snapshot, route: &Route, caller: &Caller) -> Result<(), Refusal> {
    match snapshot.upstreams[route.upstream].environment {
        Some(environment) if environment != caller.app.environment => Err(Refusal::EnvironmentMismatch),
        _ => Ok(()),
    }
}

fn check_requirements(
    requirements: &Requirements,
    identity: &Identity,
    circumstances: &Circumstances<'_>,
) -> Result<(), Refusal> {
    let caller = &identity.caller;
    if !caller.scopes.covers(&requirements.scopes) {
        let required = requirements.scopes.clone();
        return Err(Refusal::ScopeMissing { missing: caller.scopes.missing(&required), required });
    }
    if requirements.merchant == MerchantBinding::Required && caller.merchant.is_none() {
        return Err(Refusal::MerchantMissing);
    }
    if let Some(step) = requirements.authentication {
        check_authentication(step, identity.authentication, circumstances.now)?;
    }
    match &requirements.condition {
        Some(condition) => check_condition(condition, caller, circumstances),
        None => Ok(()),
    }
}

/// What is not known of a merchant's login is not enough.
fn check_authentication(step: Step, of: Option<Authentication>, now: Timestamp) -> Result<(), Refusal> {
    match of {
        Some(authentication) if step.is_taken(authentication, now) => Ok(()),
        Some(_) | None => Err(Refusal::AuthenticationInsufficient(step)),
    }
}

/// A condition that cannot be evaluated is not met.
fn check_condition(
    condition: &Expression,
    caller: &Arc<Caller>,
    circumstances: &Circumstances<'_>,
) -> Result<(), Refusal> {
    let Circumstances { parts, head, parameters, address, .. } = circumstances;
    let params: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut variables = Variables::default();
    let query = parts.uri.query().unwrap_or_default();
    variables.add("request", request_fields(parts.method.as_str(), &head.path, &params, query));
    variables.add("principal", principal_fields(&Principal::App(caller.clone())));
    variables.add("source", vec![("address", Field::text(&address.to_string()))]);
    match condition.evaluate_bool(&variables) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::ConditionUnmet),
        Err(error) => {
            tracing::warn!(%error, "a condition could not be evaluated; the call is refused");
            Err(Refusal::ConditionUnmet)
        }
    }
}
