//! What a credential may do: whose it is, to what it is narrowed, what its app has subscribed to, and which routes it can call.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::super::authorize;
use super::super::caller_address::CallerAddress;
use super::super::destination::Destination;
use super::super::witness::Nobody;
use crate::credential::directory::Identity;
use crate::domain::confirmation::Confirmation;
use crate::domain::id::{GrantId, MerchantId, ProductName};
use crate::domain::merchant_field::MerchantField;
use crate::domain::narrowing::Narrowing;
use crate::domain::principal::{Caller, Subscribed};
use crate::domain::scope::{Scope, ScopeSet};
use crate::domain::time::Timestamp;
use crate::policy::kill_switches::KillSwitches;
use crate::policy::snapshot::{Access, MerchantBinding, Route, Snapshot};

/// The answer to `/me`, asked from that address.
pub(super) fn document(
    (snapshot, switches): (&Snapshot, &KillSwitches),
    (identity, address): (&Identity, IpAddr),
    now: Timestamp,
) -> Value {
    let caller = &identity.caller;
    let off = switches.by_route(snapshot);
    let shown = |route: &Route| {
        let mut shown = callable((snapshot, route), identity, now)?;
        shown["is_switched_off"] = json!(off.get(route.index).is_some_and(Option::is_some));
        shown["is_for_this_address"] = json!(CallerAddress::of(&mut Nobody, route, address).is_ok());
        Some(shown)
    };
    json!({
        "app": caller.app.id.as_str(),
        "partner": caller.app.partner.as_str(),
        "environment": caller.app.environment.name(),
        "credential": {
            "kind": caller.credential.name(),
            "id": &*caller.credential_id,
            "expires_at": identity.expires_at().map(|at| at.to_string()),
            "bound_to": identity.confirmation.map(bound_to),
        },
        "scopes": caller.scopes.iter().map(Scope::as_str).collect::<Vec<_>>(),
        "merchant": caller.merchant.as_ref().map(MerchantId::as_str),
        "grant": caller.grant.as_ref().map(GrantId::as_str),
        "narrowed_to": caller.narrowing.as_deref().map(narrowed_to),
        "subscriptions": subscriptions(snapshot, caller, now),
        "routes": snapshot.routes.iter().filter_map(|route| shown(route)).collect::<Vec<_>>(),
    })
}

fn bound_to(confirmation: Confirmation) -> &'static str {
    match confirmation {
        Confirmation::Key(_) => "dpop_key",
        Confirmation::Certificate(_) => "client_certificate",
    }
}

fn narrowed_to(narrowing: &Narrowing) -> Value {
    json!({
        "products": narrowing
            .products
            .as_ref()
            .map(|products| products.iter().map(ProductName::as_str).collect::<Vec<_>>()),
        "addresses": narrowing
            .addresses
            .as_ref()
            .map(|networks| networks.iter().map(ToString::to_string).collect::<Vec<_>>()),
    })
}

/// Whether a caller's credential lets it use that API product.
pub(super) fn permits(caller: &Caller, product: &ProductName) -> bool {
    caller.narrowing.as_ref().is_none_or(|narrowing| narrowing.permits_product(product))
}

/// The subscriptions that are in force, of the API products that the credential is good for.
pub(super) fn active(caller: &Caller, now: Timestamp) -> impl Iterator<Item = &Subscribed> {
    let is_good =
        move |subscribed: &&Subscribed| subscribed.is_active(now) && permits(caller, &subscribed.product);
    caller.app.subscriptions.iter().filter(is_good)
}

fn subscriptions(snapshot: &Snapshot, caller: &Caller, now: Timestamp) -> Vec<Value> {
    let shown = |subscribed: &Subscribed| {
        let plan = snapshot.plans.get(&subscribed.plan);
        let version = plan.and_then(|plan| plan.version_for(subscribed.version, now));
        json!({
            "product": subscribed.product.as_str(),
            "plan": version.map_or_else(
                || subscribed.plan.to_string(),
                |version| version.reference.to_string(),
            ),
            "from": subscribed.from.to_string(),
            "until": subscribed.until.map(|at| at.to_string()),
        })
    };
    active(caller, now).map(shown).collect()
}

/// A route, if the credential can call it now from somewhere. What a route's condition says depends on the call.
fn callable((snapshot, route): (&Snapshot, &Route), identity: &Identity, now: Timestamp) -> Option<Value> {
    let caller = &identity.caller;
    Destination::of(&mut Nobody, (snapshot, route), Some(caller)).ok()?;
    let subscribed =
        authorize::subscription((snapshot, route), caller, now, |product| permits(caller, product));
    let is_conditional = match &route.access {
        Access::Anonymous => false,
        Access::App(requirements) => {
            subscribed.as_ref()?;
            authorize::check_caller(&mut Nobody, requirements, identity, now).ok()?;
            requirements.condition.is_some()
        }
    };
    Some(json!({
        "name": route.name.as_str(),
        "methods": route.methods.iter().map(http::Method::as_str).collect::<Vec<_>>(),
        "hosts": route.hosts,
        "path": route.path,
        "product": subscribed.as_ref().map(|(product, _)| product.as_str()),
        "plan": subscribed.as_ref().map(|(_, version)| version.reference.to_string()),
        "is_conditional": is_conditional,
        "merchant_named_by": merchant_named_by(route),
        "masked": masked(route, subscribed.is_some().then_some(&caller.scopes)),
    }))
}

/// Where a request has to name the merchant of the call, if anywhere.
fn merchant_named_by(route: &Route) -> Value {
    let Access::App(requirements) = &route.access else { return Value::Null };
    match &requirements.merchant {
        MerchantBinding::Optional | MerchantBinding::Required => Value::Null,
        MerchantBinding::Named(field) => match &**field {
            MerchantField::Path(name) => json!({ "path": &**name }),
            MerchantField::Query(name) => json!({ "query": &**name }),
            MerchantField::Body(names) => json!({ "body": names.join(".") }),
        },
    }
}

/// What who has these scopes gets masked of the answers, and which scope would let it through. Who has no subscription counts as nobody.
fn masked(route: &Route, scopes: Option<&ScopeSet>) -> Vec<Value> {
    let nothing = ScopeSet::none();
    let scopes = scopes.unwrap_or(&nothing);
    let withheld = route.mask.iter().flat_map(|mask| mask.withheld_from(scopes));
    withheld.map(|(what, scope)| json!({ "what": what.to_string(), "scope": scope.as_str() })).collect()
}
