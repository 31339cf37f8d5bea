//! Whether a principal may call a route, from where that may be called: where it calls from, if its credential is narrowed to networks,
//! subscription, environment, scopes, merchant and how it proved itself, what the request names as merchant, condition, in this order.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, request};

use super::caller_address::CallerAddress;
use super::destination::Destination;
use super::head::Head;
use super::merchant_field::{self, BodyNames};
use super::witness::{Nobody, Question, Witness};
use super::{body_kind, fields};
use crate::credential::directory::Identity;
use crate::credential::message_signature::Body;
use crate::domain::alike;
use crate::domain::asked_names::AskedNames;
use crate::domain::authentication::{Authentication, Step};
use crate::domain::id::ProductName;
use crate::domain::narrowing::Narrowing;
use crate::domain::plan::{PlanRef, PlanVersion};
use crate::domain::principal::{Caller, Principal};
use crate::domain::refusal::{Narrowed, Refusal};
use crate::domain::time::Timestamp;
use crate::metering::evidence::{principal_fields, request_fields};
use crate::policy::expression::{Field, Variables};
use crate::policy::route_table::PathParameters;
use crate::policy::snapshot::{Access, Condition, MerchantBinding, Requirements, Route, Snapshot};

/// The proof that a call may go on, and what it is under.
#[derive(Debug)]
pub struct Permit<'s> {
    /// The API product and plan version under which the caller calls; `None` for anonymous callers, and for apps
    /// on an anonymous route without a subscription.
    pub subscribed: Option<(ProductName, &'s PlanVersion)>,
    /// Where the call may go.
    pub to: Destination,
    /// What the body has to name before any of it goes on.
    pub body: Option<BodyNames<'s>>,
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
    /// Its query as the upstream gets it.
    pub query: &'r str,
    /// Whether it has a body.
    pub body: Body,
    /// The path's parameters.
    pub parameters: &'r PathParameters<'r, 'r>,
    /// Where it comes from.
    pub address: CallerAddress,
    /// When.
    pub now: Timestamp,
}

/// Decides whether a caller may call `route`.
///
/// # Errors
/// The first requirement that is not met.
pub fn authorize<'s>(
    snapshot: &'s Snapshot,
    route: &'s Route,
    identity: Option<&Arc<Identity>>,
    circumstances: &Circumstances<'_>,
) -> Result<Permit<'s>, Refusal> {
    authorize_before(&mut Nobody, (snapshot, route), identity, circumstances)
}

/// Decides as [`authorize`] does, before a witness of what is asked.
///
/// # Errors
/// As [`authorize`].
pub fn authorize_before<'s>(
    witness: &mut impl Witness,
    (snapshot, route): (&'s Snapshot, &'s Route),
    identity: Option<&Arc<Identity>>,
    circumstances: &Circumstances<'_>,
) -> Result<Permit<'s>, Refusal> {
    let Some(narrowing) = identity.and_then(|identity| identity.caller.narrowing.as_deref()) else {
        return decide(witness, (snapshot, route), identity, circumstances, |_| true);
    };
    let address = circumstances.address.get();
    witness.asked(Question::Network, None, || match &narrowing.addresses {
        Some(networks) => format!("a credential for {networks}, used from {address}"),
        None => "a credential for anywhere".to_owned(),
    });
    // Whoever has the key elsewhere learns nothing more, and uses up nothing of the app's.
    if !narrowing.permits_address(address) {
        return Err(Refusal::AddressNotAllowed(Narrowed::Credential, address));
    }
    let permits = |product: &ProductName| narrowing.permits_product(product);
    decide(witness, (snapshot, route), identity, circumstances, permits).map_err(|refusal| {
        of_narrowed_key(refusal, (snapshot, route), identity, (narrowing, circumstances.now))
    })
}

/// Decides as [`authorize`] does, of the API products that `permits` lets through.
fn decide<'s>(
    witness: &mut impl Witness,
    (snapshot, route): (&'s Snapshot, &'s Route),
    identity: Option<&Arc<Identity>>,
    circumstances: &Circumstances<'_>,
    permits: impl Fn(&ProductName) -> bool,
) -> Result<Permit<'s>, Refusal> {
    let requirements = match &route.access {
        Access::Anonymous => None,
        Access::App(requirements) => Some(requirements),
    };
    let place = requirements.map_or(&route.source, |requirements| &requirements.places.access);
    witness.asked(Question::Access, Some(place), || match requirements {
        None => "open to anyone".to_owned(),
        Some(_) => "an API key, an access token, a signed request or a client certificate".to_owned(),
    });
    let caller = match (requirements, identity) {
        (None, None) => {
            let to = Destination::of(witness, (snapshot, route), None)?;
            return Ok(Permit { subscribed: None, to, body: None });
        }
        (Some(_), None) => return Err(Refusal::CredentialMissing),
        (_, Some(identity)) => &identity.caller,
    };
    witness.asked(Question::Subscription, None, || products(route, requirements.is_some()));
    let subscribed = subscription((snapshot, route), caller, circumstances.now, permits);
    match &subscribed {
        Some((product, version)) => witness
            .answered(Some(&version.source), || format!("API product {product}, plan {}", version.reference)),
        None if requirements.is_some() => return Err(Refusal::NotSubscribed),
        None => witness.answered(None, || "none: it counts as nobody".to_owned()),
    }
    let to = Destination::of(witness, (snapshot, route), Some(caller))?;
    let body = match requirements.zip(identity) {
        Some((requirements, identity)) => check_requirements(witness, requirements, identity, circumstances)?,
        None => None,
    };
    Ok(Permit { subscribed, to, body })
}

/// Which API products have a route, in words.
fn products(route: &Route, is_needed: bool) -> String {
    let names: Vec<&str> = route.products.iter().map(ProductName::as_str).collect();
    let whether = if is_needed { "to one of" } else { "if there is one, to one of" };
    format!("{whether} the API products {}", names.join(", "))
}

/// What a key that is narrowed is refused for: if the app has a subscription that would do, for its products.
fn of_narrowed_key(
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
            Some((subscription.product.clone(), plan.version_for(subscription.version, now)?))
        })
}

/// Gives what the body has yet to name.
fn check_requirements<'s>(
    witness: &mut impl Witness,
    requirements: &'s Requirements,
    identity: &Identity,
    circumstances: &Circumstances<'_>,
) -> Result<Option<BodyNames<'s>>, Refusal> {
    check_caller(witness, requirements, identity, circumstances.now)?;
    let caller = &identity.caller;
    let body = match (&requirements.merchant, &caller.merchant) {
        (MerchantBinding::Named(field), Some(merchant)) => {
            let place = &requirements.places.merchant;
            witness.asked(Question::Binding, Some(place), || format!("that the {field} names {merchant}"));
            let Circumstances { parts, parameters, body, .. } = circumstances;
            merchant_field::check(field, merchant, (parts, parameters, *body))?
        }
        (MerchantBinding::Optional | MerchantBinding::Required | MerchantBinding::Named(_), _) => None,
    };
    if let Some(condition) = &requirements.condition {
        let expression = &condition.expression;
        witness.asked(Question::Condition, Some(expression.source()), || expression.text().to_owned());
        check_condition(condition, caller, circumstances)?;
    }
    Ok(body)
}

/// Whether the caller has what a route asks for, as far as that can be told without a call.
pub(super) fn check_caller(
    witness: &mut impl Witness,
    requirements: &Requirements,
    identity: &Identity,
    now: Timestamp,
) -> Result<(), Refusal> {
    let (caller, places) = (&identity.caller, &requirements.places);
    if !requirements.scopes.is_empty() {
        witness.asked(Question::Scopes, Some(&places.scopes), || {
            format!("{}, of the credential's {}", requirements.scopes, caller.scopes)
        });
    }
    if !caller.scopes.covers(&requirements.scopes) {
        let required = requirements.scopes.clone();
        return Err(Refusal::ScopeMissing { missing: caller.scopes.missing(&required), required });
    }
    if requirements.merchant != MerchantBinding::Optional {
        let of = || caller.merchant.as_ref().map_or("none", |merchant| merchant.as_str());
        witness.asked(Question::Merchant, Some(&places.merchant), || format!("a merchant's grant: {}", of()));
        if caller.merchant.is_none() {
            return Err(Refusal::MerchantMissing);
        }
    }
    if let Some(step) = requirements.authentication {
        witness.asked(Question::Login, Some(&places.authentication), || login(step));
        check_authentication(step, identity.authentication, now)?;
    }
    Ok(())
}

/// What is asked of the merchant's login, in words.
fn login(step: Step) -> String {
    let class = step.class.map(|class| format!("of class {}", class.name()));
    let age = step.max_age.map(|age| format!("{} s ago at most", age.as_secs()));
    let asked: Vec<String> = class.into_iter().chain(age).collect();
    format!("a login {}", asked.join(", "))
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
    condition: &Condition,
    caller: &Arc<Caller>,
    circumstances: &Circumstances<'_>,
) -> Result<(), Refusal> {
    let Circumstances { parts, head, query, body, parameters, address, .. } = circumstances;
    let params: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut variables = Variables::default();
    let is_read = condition.expression.reads("request", "query");
    let asked = || AskedNames::of(condition.expression.names_of("request", "query"));
    let is_clear = || {
        body_kind::is_query_clear(query, &parts.headers, *body) && asked().check(alike::names(query)).is_ok()
    };
    let query = (is_read && is_clear()).then_some(*query);
    let mut request = request_fields(parts.method.as_str(), &head.path, &params, query);
    request.extend(named_headers(&condition.headers, &parts.headers).map(|fields| ("headers", fields)));
    variables.add("request", request);
    variables.add("principal", principal_fields(&Principal::App(caller.clone())));
    let address = address.get();
    variables.come_from(address);
    if condition.expression.reads("source", "address") {
        variables.add("source", vec![("address", Field::text(&address.to_string()))]);
    }
    let unmet = || Refusal::ConditionUnmet(condition.message.clone());
    match condition.expression.evaluate_bool(&variables) {
        Ok(true) => Ok(()),
        Ok(false) => Err(unmet()),
        Err(error) => {
            // What has no value is as the caller sends it, such as a field that is not there.
            tracing::debug!(%error, "a condition has no value; the call is refused");
            Err(unmet())
        }
    }
}

/// The fields that a condition names, but for those that are not there, or end here as `Connection` says; nothing if one of them is
/// there twice, under a name that is like it to an upstream behind CGI, or is no text: what a condition would read of that is not
/// what the upstream reads.
fn named_headers(names: &[HeaderName], sent: &HeaderMap) -> Option<Field> {
    if names.is_empty() {
        return Some(Field::map::<&str, &str>([]));
    }
    let nominated = fields::nominated(sent);
    let mut fields = Vec::new();
    for name in names {
        let is_it =
            |found: &HeaderName| alike::is_alike(found.as_str(), name.as_str()) && !nominated.contains(found);
        let mut found = sent.iter().filter(|(found, _)| is_it(found));
        match (found.next(), found.next()) {
            (None, _) => {}
            (Some((found, value)), None) if found == name => {
                fields.push((name.as_str(), value.to_str().ok()?))
            }
            (Some(_), _) => return None,
        }
    }
    Some(Field::map(fields))
}
