//! What plans and meters expect of each other: whether meters read what shares hang on, and who may say what became of others' sales.

use std::collections::{HashMap, HashSet};

use super::super::load::Document;
use super::super::snapshot::{Access, MerchantBinding, Route};
use super::super::source::Kind;
use super::super::transaction_meter::TransactionMeter;
use super::set::{Compiling, Origin};
use crate::domain::id::PlanName;
use crate::domain::location::Location;
use crate::domain::plan::Plan;
use crate::domain::scope::{Scope, ScopeSet};
use crate::domain::share::{Held, Payer, Receiver, ShareItem};
use crate::domain::transaction::{Reach, TransactionKind};

/// Where an item of a share stands.
struct Place<'d> {
    document: &'d Document,
    pointer: String,
}

/// Refuses shares that hang on what a meter of their sales does not read: each such sale would be an exception.
pub(super) fn check_fed<'d>(
    compiling: &mut Compiling<'d>,
    plans: &HashMap<PlanName, Plan>,
    routes: &[(Route, Origin<'d>)],
) {
    let places = places(compiling);
    for plan in plans.values() {
        let is_of_plan = |route: &Route| route.products.iter().any(|product| plan.products.contains(product));
        let shares = plan.versions.iter().filter_map(|version| version.tariff.share.as_ref());
        for share in shares {
            // One mistake is told once, however many routes make it.
            let mut told: HashSet<(&Location, String)> = HashSet::new();
            for (route, _) in routes.iter().filter(|(route, _)| is_of_plan(route)) {
                let Some(meter) = sale_meter(route) else { continue };
                for item in share.items_of(&route.name) {
                    let Some(place) = places.get(&item.source) else { continue };
                    for (part, what, how) in unread(item, route, meter) {
                        if told.insert((&item.source, format!("{part} {what}"))) {
                            let message = format!(
                                "the share hangs on the {what} of a sale, and route {} knows none: each of its sales would be an \
                                 exception",
                                route.name
                            );
                            let help =
                                format!("{how} of route {}, which stands at {}", route.name, route.source);
                            let pointer = format!("{}/{part}", place.pointer);
                            compiling.wrong(place.document, &pointer, message, Some(help));
                        }
                    }
                }
            }
        }
    }
}

/// All items of shares by where they stand.
fn places<'d>(compiling: &Compiling<'d>) -> HashMap<Location, Place<'d>> {
    let mut places = HashMap::new();
    for document in compiling.of(Kind::Plans) {
        for version in document.parts("/versions") {
            let items = document.parts(&format!("{version}/shares"));
            for pointer in [format!("{version}/share")].into_iter().chain(items) {
                for rate in ["percent", "graduated", "volume"] {
                    let place = Place { document, pointer: pointer.clone() };
                    places.insert(document.key_location(&format!("{pointer}/{rate}")), place);
                }
            }
        }
    }
    places
}

/// How the sales of a route are read, if it makes any.
fn sale_meter(route: &Route) -> Option<&TransactionMeter> {
    let meter = route.meter.as_ref()?.transaction.as_ref()?;
    (meter.kind == TransactionKind::Sale).then_some(meter)
}

/// What an item hangs on, and a meter does not read: the part of the item that says so, what it is, and what to do.
fn unread(
    item: &ShareItem,
    route: &Route,
    meter: &TransactionMeter,
) -> Vec<(&'static str, String, &'static str)> {
    let mut unread = Vec::new();
    let mut need = |is_needed: bool, is_read: bool, (part, what, how): (&'static str, &str, &'static str)| {
        if is_needed && !is_read {
            unread.push((part, what.to_owned(), how));
        }
    };
    let categories = ("categories", "category", "add `category` to the meter's transaction");
    need(!item.categories.is_empty(), meter.category.is_some(), categories);
    let tax = ("base", "tax", "add `tax` to the meter's transaction");
    need(item.base.tax == Held::Out, meter.tax.is_some(), tax);
    let shipping = ("base", "shipping", "add `shipping` to the meter's transaction");
    need(item.base.shipping == Held::Out, meter.shipping.is_some(), shipping);
    let has_merchant = match &route.access {
        Access::App(access) => access.merchant != MerchantBinding::Optional,
        Access::Anonymous => false,
    };
    let act_for_one = "add `merchant: true` to the access";
    need(item.paid_by == Payer::Merchant, has_merchant, ("paid_by", "merchant", act_for_one));
    let receivers = item.split.iter().flat_map(|split| split.weights()).filter(|(_, weight)| *weight > 0);
    for (receiver, _) in receivers {
        match receiver {
            Receiver::Platform | Receiver::Partner => {}
            Receiver::Merchant => need(true, has_merchant, ("split", "merchant", act_for_one)),
            Receiver::Named(name) => {
                let is_read = meter.parties.iter().any(|(party, _)| party == name);
                need(
                    true,
                    is_read,
                    ("split", name.as_str(), "add it to `parties` of the meter's transaction"),
                );
            }
        }
    }
    unread
}

/// Refuses routes that say what became of any app's sales by a scope that others ask for, too: whoever may place and refund orders of
/// its own does not confirm those of others.
pub(super) fn check_reach(compiling: &mut Compiling<'_>, routes: &[(Route, Origin<'_>)]) {
    let reach = |route: &Route| {
        let transaction = route.meter.as_ref().and_then(|meter| meter.transaction.as_ref());
        transaction.map_or(Reach::OwnApp, |transaction| transaction.reach)
    };
    let scopes = |route: &'_ Route| match &route.access {
        Access::App(access) if access.condition.is_none() => Some(access.scopes.clone()),
        Access::App(_) | Access::Anonymous => None,
    };
    let of_any: Vec<_> = routes.iter().filter(|(route, _)| reach(route) == Reach::AnyApp).collect();
    if of_any.is_empty() {
        return;
    }
    let others = routes.iter().filter(|(route, _)| reach(route) == Reach::OwnApp);
    let asked: Vec<&ScopeSet> = others
        .filter_map(|(route, _)| match &route.access {
            Access::App(access) => Some(&access.scopes),
            Access::Anonymous => None,
        })
        .collect();
    let is_own = |scope: &Scope| !asked.iter().any(|others| others.contains(scope));
    for (route, origin) in of_any {
        // Of a route without scopes it has been told.
        let Some(scopes) = scopes(route).filter(|scopes| !scopes.is_empty()) else { continue };
        if !scopes.iter().any(is_own) {
            let pointer = format!("{}/meter/transaction/sale_of", origin.pointer);
            let message = "whoever calls this route changes what is owed of other apps' sales, and each of its scopes is asked for by \
                           routes that do not"
                .to_owned();
            let help = "give whoever confirms payments a scope of its own, such as payment:confirm, and ask for it here alone";
            compiling.wrong(origin.document, &pointer, message, Some(help.to_owned()));
        }
    }
}
