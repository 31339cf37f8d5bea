//! Plans and API products of the policies in force. They are changed in the policy files, not here.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::page::whole;
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::state::AdminState;
use crate::domain::id::{CategoryName, ProductName, RouteName};
use crate::domain::money::{Amount, Currency};
use crate::domain::plan::{Existing, Limit, LimitKey, Plan, PlanVersion, Quantity};
use crate::domain::quota::Quota;
use crate::domain::recurring::Monthly;
use crate::domain::share::{Held, Receiver, Share, ShareItem, ShareRate};
use crate::domain::tariff::{Band, FeeItem, FeePrice, FeeTerms, Promotion};
use crate::domain::tiers::{TierBand, TierTerms, Walk};
use crate::domain::time::Timestamp;
use crate::policy::snapshot::ApiProduct;

/// `GET /admin/plans`.
pub(super) async fn list(State(state): State<Arc<AdminState>>, parameters: Parameters) -> Answer {
    parameters.finish()?;
    let (policies, now) = (state.policies.load(), state.clock.now());
    let mut plans: Vec<&Plan> = policies.plans.values().collect();
    plans.sort_by(|one, other| one.name.cmp(&other.name));
    ok(whole(&plans, |plan| shown(plan, now)))
}

/// `GET /admin/plans/{name}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(name): Id) -> Answer {
    let policies = state.policies.load();
    let plan = policies.plans.get(name.as_str()).ok_or(Problem::NotFound("plan"))?;
    ok(shown(plan, state.clock.now()))
}

/// `GET /admin/products`.
pub(super) async fn products(State(state): State<Arc<AdminState>>, parameters: Parameters) -> Answer {
    parameters.finish()?;
    let policies = state.policies.load();
    let mut products: Vec<&ApiProduct> = policies.products.values().collect();
    products.sort_by(|one, other| one.name.cmp(&other.name));
    ok(whole(&products, |product| {
        json!({
            "name": product.name.as_str(),
            "title": product.title,
            "billable": product.billable,
            "routes": product.routes.iter().map(RouteName::as_str).collect::<Vec<_>>(),
            "source": product.source.to_string(),
        })
    }))
}

fn shown(plan: &Plan, now: Timestamp) -> Value {
    json!({
        "name": plan.name.as_str(),
        "products": plan.products.iter().map(ProductName::as_str).collect::<Vec<_>>(),
        "current": plan.version_at(now).map(version),
        "versions": plan.versions.iter().map(version).collect::<Vec<_>>(),
    })
}

fn version(version: &PlanVersion) -> Value {
    let tariff = &version.tariff;
    json!({
        "version": version.reference.version,
        "effective_from": version.effective_from.to_string(),
        "existing": match version.existing {
            Existing::Stay => "stay",
            Existing::Move { .. } => "move",
        },
        "notice_seconds": match version.existing {
            Existing::Stay => None,
            Existing::Move { notice } => Some(notice.as_secs()),
        },
        "currency": tariff.currency.to_string(),
        "limits": version.limits.iter().map(limit).collect::<Vec<_>>(),
        "quotas": version.quotas.iter().map(quota).collect::<Vec<_>>(),
        "fee": tariff.fee_named(None).map(short_fee),
        "fees": tariff.fees.iter().map(fee).collect::<Vec<_>>(),
        "monthly_fee": tariff.recurring.fee.as_ref().map(|monthly| shown_month(monthly, tariff.currency)),
        "minimum": tariff.recurring.minimum.as_ref().map(|monthly| shown_month(monthly, tariff.currency)),
        "share": tariff.share.as_ref().map(|share| shown_share(share, tariff.currency)),
        "source": version.source.to_string(),
    })
}

fn shown_month(monthly: &Monthly, currency: Currency) -> String {
    Amount { minor: monthly.minor, currency }.to_string()
}

/// A share with the percentage that it has if it is the only one, and its items.
fn shown_share(share: &Share, currency: Currency) -> Value {
    let percent = match share.items.as_slice() {
        [only] => only.rate.one_percent().map(|percent| percent.to_string()),
        _ => None,
    };
    let item = |item: &ShareItem| share_item(item, currency);
    json!({ "percent": percent, "items": share.items.iter().map(item).collect::<Vec<_>>() })
}

fn share_item(item: &ShareItem, currency: Currency) -> Value {
    let money = |minor: i64| Amount { minor, currency }.to_string();
    let is_in = |part: Held| part == Held::In;
    let split = item.split.as_ref().map(|split| {
        let weight =
            |(receiver, weight): &(Receiver, u64)| json!({ "to": receiver.name(), "weight": weight });
        split.weights().iter().map(weight).collect::<Vec<_>>()
    });
    let mut shown = json!({
        "item": item.name.as_str(),
        "categories": item.categories.iter().map(CategoryName::as_str).collect::<Vec<_>>(),
        "routes": item.routes.iter().map(RouteName::as_str).collect::<Vec<_>>(),
        "with_tax": is_in(item.base.tax),
        "with_shipping": is_in(item.base.shipping),
        "price": item.rate.price_in_words(currency),
        "paid_by": item.paid_by.name(),
        "split": split,
        "earned": item.earned.name(),
        "settles_within_seconds": item.settles_within.map(|span| span.as_secs()),
        "source": item.source.to_string(),
    });
    match &item.rate {
        ShareRate::PerSale(rate) => {
            shown["percent"] = json!(rate.percent.to_string());
            shown["fixed"] = json!(money(rate.fixed));
            (shown["floor"], shown["cap"]) = (json!(rate.floor.map(money)), json!(rate.cap.map(money)));
        }
        ShareRate::Tiers(tiers) => {
            let TierTerms { walk, bands, over, across, floor, cap } = tiers.terms();
            let tier = |band: &TierBand| json!({ "up_to": band.up_to.map(money), "percent": band.percent.to_string() });
            let walk = match walk {
                Walk::Graduated => "graduated",
                Walk::Volume => "volume",
            };
            shown[walk] = bands.iter().map(tier).collect();
            (shown["over"], shown["across"]) = (json!(over.name()), json!(across.name()));
            (shown["period_floor"], shown["period_cap"]) = (json!(floor.map(money)), json!(cap.map(money)));
        }
    }
    shown
}

/// The item for all calls that has no name, as plans had it before there were others; without a price if it is not one for all.
fn short_fee(item: &FeeItem) -> Value {
    let FeeTerms { price, free_units, .. } = item.terms();
    let per_unit = match price {
        FeePrice::PerUnit(each) => Some(each.to_string()),
        FeePrice::Graduated(_) | FeePrice::Volume(_) | FeePrice::Package { .. } => None,
    };
    json!({ "per_unit": per_unit, "free_units": free_units })
}

fn fee(item: &FeeItem) -> Value {
    let FeeTerms { name, routes, free_units, price, cap, promotions, source } = item.terms();
    let routes = routes.as_ref().map(|routes| routes.iter().map(RouteName::as_str).collect::<Vec<_>>());
    let mut shown = json!({
        "item": name.as_str(),
        "routes": routes,
        "free_units": free_units,
        "price": item.price_in_words(),
        "cap": cap.map(|cap| cap.to_string()),
        "promotions": promotions.iter().map(promotion).collect::<Vec<_>>(),
        "source": source.to_string(),
    });
    match price {
        FeePrice::PerUnit(each) => shown["per_unit"] = json!(each.to_string()),
        FeePrice::Graduated(bands) => shown["graduated"] = bands.iter().map(band).collect(),
        FeePrice::Volume(bands) => shown["volume"] = bands.iter().map(band).collect(),
        FeePrice::Package { size, price } => {
            shown["package"] = json!({ "size": size, "price": price.to_string() });
        }
    }
    shown
}

fn band(band: &Band) -> Value {
    json!({ "up_to": band.up_to, "each": band.each.to_string(), "flat": band.flat.to_string() })
}

fn promotion(promotion: &Promotion) -> Value {
    json!({
        "from": promotion.from.to_string(),
        "until": promotion.until.to_string(),
        "each": promotion.each.to_string(),
    })
}

fn quota(quota: &Quota) -> Value {
    let mut shown =
        json!({ "name": quota.name.as_str(), "counts": quota.of.name(), "per": quota.every.name() });
    shown[field(quota.of)] = json!(quota.most);
    shown
}

/// The field that says how many, as in policy files.
fn field(of: Quantity) -> &'static str {
    match of {
        Quantity::Calls => "requests",
        Quantity::Units => "units",
    }
}

fn limit(limit: &Limit) -> Value {
    let mut shown = json!({
        "name": limit.name.as_str(),
        "counts": limit.of.name(),
        "window_seconds": limit.rate.window.as_secs(),
        "burst": limit.rate.burst,
        "per": match limit.per {
            LimitKey::App => "app",
            LimitKey::AppAndRoute => "app_and_route",
        },
    });
    shown[field(limit.of)] = json!(limit.rate.requests);
    shown
}
