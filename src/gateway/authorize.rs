//! Whether a principal may call a route: where it calls from, if its key is narrowed to networks, subscription, environment,
//! scopes, merchant and how it proved itself, condition, in this order.

use std::net::IpAddr;
use std::sync::Arc;

use http::request;

use super::head::Head;
use crate::credential::directory::Identity;
use crate::domain::authentication::{Authentication, Step};
use crate::domain::id::ProductName;
use crate::domain::narrowing::Narrowing;
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
    match identity.and_then(|identity| identity.caller.narrowing.as_deref()) {
        None => decide((snapshot, route), identity, circumstances, |_| true),
        // Whoever has the key elsewhere learns nothing more, and uses up nothing of the app's.
        Some(narrowing) if !narrowing.permits_address(circumstances.address) => {
            Err(Refusal::AddressNotAllowed(circumstances.address))
        }
        Some(narrowing) => {
            let permits = |product: &ProductName| narrowing.permits_product(product);
            decide((snapshot, route), identity, circumstances, permits).map_err(|refusal| {
                explain(refusal, (snapshot, route), identity, (narrowing, circumstances.now))
            })
        }
    }
}

/// Decides as [`authorize`] does, of the API products that `permits` lets through.
fn decide<'s>(
    (snapshot, route): (&'s Snapshot, &Route),
    identity: Option<&Arc<Identity>>,
    circumstances: &Circumstances<'_>,
    permits: impl Fn(&ProductName) -> bool,
) -> Result<Permit<'s>, Refusal> {
    let now = circumstances.now;
    match (&route.access, identity) {
        (Access::Anonymous, None) => Ok(Permit { subscribed: None }),
        (Access::Anonymous, Some(identity)) => {
            Ok(Permit { subscribed: subscription((snapshot, route), &identity.caller, now, permits) })
        }
        (Access::App(_), None) => Err(Refusal::CredentialMissing),
        (Access::App(requirements), Some(identity)) => {
            let caller = &identity.caller;
            let subscribed = subscription((snapshot, route), caller, now, permits);
            let subscribed = subscribed.ok_or(Refusal::NotSubscribed)?;
            check_environment(snapshot, route, caller)?;
            check_requirements(requirements, identity, circumstances)?;
            Ok(Permit { subscribed: Some(subscribed) })
        }
    }
}

/// What a key that is narrowed is refused for: if the app has a subscription that would do, for its products.
fn explain(
    refusal: Refusal,
    (snapshot, route): (&Snapshot, &Route),
    identity: Option<&Arc<Identity>>,
    (narrowing, now): (&Narrowing, Timestamp),
) -> Refusal {
    if refusal != Refusal::NotSubscribed {
        return refusal;
    }
    let of_app =
        identity.and_then(|identity| subscription((snapshot, route), &identity.caller, now, |_| true));
    match (of_app, &narrowing.products) {
        (Some((product, _)), Some(allowed)) => {
            Refusal::ProductNotAllowed { product, allowed: allowed.clone() }
        }
        (None, _) | (Some(_), None) => refusal,
    }
}

/// The caller's active subscription to an API product with this route, of those that `permits` lets through, and the plan
/// version in force.
pub(super) fn subscription<'s>(
    (snapshot, route): (&'s Snapshot, &Route),
    caller: &Caller,
    now: Timestamp,
    permits: impl Fn(&ProductName) -> bool,
) -> Option<(ProductName, &'s PlanVersion)> {
    caller
        .app
        .subscriptions
        .iter()
        .filter(|subscription| subscription.is_active(now) && route.products.contains(&subscription.product))
        .filter(|subscription| permits(&subscription.product))
        .find_map(|subscription| {
            let plan = snapshot.plans.get(&subscription.plan)?;
            plan.products.contains(&subscription.product).then_some(())?;
            Some((subscription.product.clone(), plan.version_at(now)?))
        })
}

/// Whether the route leads to an upstream of the caller's environment.
pub(super) fn check_environment(snapshot: &Snapshot, route: &Route, caller: &Caller) -> Result<(), Refusal> {
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
    check_caller(requirements, identity, circumstances.now)?;
    match &requirements.condition {
        Some(condition) => check_condition(condition, &identity.caller, circumstances),
        None => Ok(()),
    }
}

/// Whether the caller has what a route asks for, as far as that can be told without a call.
pub(super) fn check_caller(
    requirements: &Requirements,
    identity: &Identity,
    now: Timestamp,
) -> Result<(), Refusal> {
    let caller = &identity.caller;
    if !caller.scopes.covers(&requirements.scopes) {
        let required = requirements.scopes.clone();
        return Err(Refusal::ScopeMissing { missing: caller.scopes.missing(&required), required });
    }
    if requirements.merchant == MerchantBinding::Required && caller.merchant.is_none() {
        return Err(Refusal::MerchantMissing);
    }
    match requirements.authentication {
        Some(step) => check_authentication(step, identity.authentication, now),
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
