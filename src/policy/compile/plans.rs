//! `plans/*.yaml`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use rust_decimal::Decimal;

use super::super::file::plans::{
    ExistingName, LimitEntry, LimitKeyName, PlanFile, RoundingName, VersionEntry,
};
use super::super::file::text::DecimalText;
use super::super::load::Document;
use super::super::snapshot::Route;
use super::super::source::Kind;
use super::access::{Counted, rate};
use super::basics::duration;
use super::fees::Fees;
use super::set::{Compiling, Origin, Products};
use super::{quotas, shares};
use crate::domain::id::{LimitName, PlanName, RouteName};
use crate::domain::location::Location;
use crate::domain::money::{Amount, Currency, Rounding};
use crate::domain::plan::{Existing, Limit, LimitKey, MerchantFee, Plan, PlanRef, PlanVersion, Quantity};
use crate::domain::recurring::{Monthly, Recurring};
use crate::domain::tariff::Tariff;
use crate::domain::time::Timestamp;

/// The most that a month costs, in major units.
const MOST_A_MONTH: i64 = 1_000_000_000;
/// The shortest notice: whoever pays has a day at least to see what it will be.
const MIN_NOTICE: Duration = Duration::from_secs(24 * 3600);

pub(super) fn compile(
    compiling: &mut Compiling<'_>,
    products: &Products,
    all: &[(Route, Origin<'_>)],
) -> HashMap<PlanName, Plan> {
    let unmetered: HashSet<&RouteName> = all
        .iter()
        .map(|(route, _)| route)
        .filter(|route| route.meter.is_none())
        .map(|route| &route.name)
        .collect();
    let mut plans: HashMap<PlanName, (Plan, Location)> = HashMap::new();
    for document in compiling.of(Kind::Plans) {
        let Some(file) = compiling.decode::<PlanFile>(document, "") else { continue };
        let Some(name) = compiling.take(document, "/plan", PlanName::new(&file.plan)) else { continue };
        let mut for_products = Vec::new();
        let mut routes: HashSet<&RouteName> = HashSet::new();
        for (index, product) in file.products.iter().enumerate() {
            match products.get_key_value(product.as_str()) {
                Some((name, product)) => {
                    for_products.push(name.clone());
                    routes.extend(&product.routes);
                }
                None => {
                    compiling.dangling(document, &format!("/products/{index}"), Kind::Products, product);
                }
            }
        }
        let versions = versions(compiling, document, (&name, &routes), &file);
        let unmetered = routes.intersection(&unmetered).min();
        if let Some(route) = unmetered {
            quotas::refuse_without_meter(compiling, document, route, &file);
        }
        if let Some((_, first)) = plans.get(&name) {
            compiling.taken(document, "/plan", &format!("plan {name}"), &first.clone());
            continue;
        }
        let plan = Plan { name: name.clone(), products: for_products, versions };
        plans.insert(name, (plan, document.location("/plan")));
    }
    plans.into_iter().map(|(name, (plan, _))| (name, plan)).collect()
}

fn versions(
    compiling: &mut Compiling<'_>,
    document: &Document,
    (name, routes): (&PlanName, &HashSet<&RouteName>),
    file: &PlanFile,
) -> Vec<PlanVersion> {
    let mut versions: Vec<PlanVersion> = Vec::new();
    for (index, entry) in file.versions.iter().enumerate() {
        let pointer = format!("/versions/{index}");
        let Some(version) = version(compiling, document, (&pointer, name, routes), entry) else { continue };
        let rises = versions.last().is_none_or(|last| {
            last.reference.version < version.reference.version && last.effective_from < version.effective_from
        });
        if !rises {
            let message = "versions stand by rising number and rising date".to_owned();
            compiling.wrong(document, &format!("{pointer}/version"), message, None);
        }
        versions.push(version);
    }
    versions
}

fn version(
    compiling: &mut Compiling<'_>,
    document: &Document,
    (pointer, name, routes): (&str, &PlanName, &HashSet<&RouteName>),
    entry: &VersionEntry,
) -> Option<PlanVersion> {
    let effective_from: Option<Timestamp> =
        compiling.take(document, &format!("{pointer}/effective_from"), entry.effective_from.parse());
    let currency: Option<Currency> =
        compiling.take(document, &format!("{pointer}/currency"), entry.currency.parse());
    let mut limits: Vec<Limit> = Vec::new();
    for (index, limit) in entry.limits.iter().enumerate() {
        let pointer = format!("{pointer}/limits/{index}");
        let Some(limit) = self::limit(compiling, document, &pointer, limit) else { continue };
        if limits.iter().any(|other| other.name == limit.name) {
            compiling.wrong(document, &pointer, format!("there is a limit {} already", limit.name), None);
        }
        limits.push(limit);
    }
    let quotas = quotas::compile(compiling, document, (pointer, &limits), &entry.quotas);
    // Whether a cap is an amount, and how fine a price is, depends on the currency: what is wrong with that has been told.
    let fees = currency.map_or_else(Vec::new, |currency| {
        let mut fees = Fees { compiling: &mut *compiling, document, pointer, routes, currency };
        fees.compile(entry.fee.as_ref(), &entry.fees)
    });
    // Whether an amount is one depends on the currency: what is wrong with that has been told.
    let share =
        currency.and_then(|currency| shares::compile(compiling, document, (pointer, currency), entry));
    let recurring = currency.and_then(|currency| {
        let fee = monthly(
            compiling,
            document,
            &format!("{pointer}/monthly_fee"),
            (entry.monthly_fee.as_ref(), currency),
        );
        let minimum =
            monthly(compiling, document, &format!("{pointer}/minimum"), (entry.minimum.as_ref(), currency));
        Some(Recurring { fee: fee?, minimum: minimum? })
    });
    let merchant_fee = entry.merchant_fee.as_ref().map(|fee| {
        for (language, text) in [("en", &fee.en), ("zh", &fee.zh)] {
            if text.trim().is_empty() {
                let message = "a merchant is told what it pays in both languages".to_owned();
                compiling.wrong(document, &format!("{pointer}/merchant_fee/{language}"), message, None);
            }
        }
        MerchantFee { en: fee.en.clone(), zh: fee.zh.clone() }
    });
    let existing = existing(compiling, document, pointer, entry);
    let rounding = match entry.rounding {
        None | Some(RoundingName::HalfUp) => Rounding::HalfUp,
        Some(RoundingName::HalfEven) => Rounding::HalfEven,
    };
    Some(PlanVersion {
        reference: PlanRef { name: name.clone(), version: entry.version },
        effective_from: effective_from?,
        existing: existing?,
        limits,
        quotas,
        tariff: Tariff { currency: currency?, rounding, fees, share, recurring: recurring? },
        merchant_fee,
        source: document.location(pointer),
    })
}

/// `Some(None)` if there is none.
fn monthly(
    compiling: &mut Compiling<'_>,
    document: &Document,
    pointer: &str,
    (text, currency): (Option<&DecimalText>, Currency),
) -> Option<Option<Monthly>> {
    let Some(text) = text else { return Some(None) };
    let within = |value: &Decimal| *value >= Decimal::ZERO && *value <= Decimal::from(MOST_A_MONTH);
    let amount = text.decimal().filter(within).and_then(|value| Amount::exact(value, currency).ok());
    let Some(Amount { minor, .. }) = amount else {
        let digits = currency.exponent();
        let message = format!(
            "this must be an amount in {currency}: from 0 to {MOST_A_MONTH}, with up to {digits} digits after the point"
        );
        compiling.wrong(document, pointer, message, Some("write it like 99".to_owned()));
        return None;
    };
    Some(Some(Monthly { minor, source: document.key_location(pointer) }))
}

fn existing(
    compiling: &mut Compiling<'_>,
    document: &Document,
    pointer: &str,
    entry: &VersionEntry,
) -> Option<Existing> {
    let pointer_of = |part: &str| format!("{pointer}/{part}");
    match (entry.existing, &entry.notice) {
        (None | Some(ExistingName::Stay), None) => Some(Existing::Stay),
        (Some(ExistingName::Move), Some(notice)) => {
            let notice = duration(compiling, document, &pointer_of("notice"), notice)?;
            if notice < MIN_NOTICE {
                let message = "a notice is of a day at least".to_owned();
                let help = "write how many days before those who pay are to know, such as 30d".to_owned();
                compiling.wrong(document, &pointer_of("notice"), message, Some(help));
                return None;
            }
            Some(Existing::Move { notice })
        }
        (Some(ExistingName::Move), None) => {
            let message = "existing subscriptions move with notice, and there is none".to_owned();
            let help = "write `notice: 30d` beside it".to_owned();
            compiling.wrong(document, &pointer_of("existing"), message, Some(help));
            None
        }
        (None | Some(ExistingName::Stay), Some(_)) => {
            let message = "existing subscriptions stay, so nobody is given notice".to_owned();
            let help = "leave it out, or write `existing: move`".to_owned();
            compiling.wrong(document, &pointer_of("notice"), message, Some(help));
            None
        }
    }
}

fn limit(
    compiling: &mut Compiling<'_>,
    document: &Document,
    pointer: &str,
    entry: &LimitEntry,
) -> Option<Limit> {
    let name = compiling.take(document, &format!("{pointer}/name"), LimitName::new(&entry.name));
    let window = duration(compiling, document, &format!("{pointer}/window"), &entry.window)?;
    let (of, counted) = match (entry.requests, entry.units) {
        (Some(requests), None) => (Quantity::Calls, Counted("requests", requests)),
        (None, Some(units)) => (Quantity::Units, Counted("units", units)),
        (None, None) | (Some(_), Some(_)) => {
            quotas::refuse_both_or_none(compiling, document, (pointer, "limit"));
            return None;
        }
    };
    let rate = rate(compiling, document, pointer, (counted, window, entry.burst))?;
    let per = match entry.per {
        None | Some(LimitKeyName::App) => LimitKey::App,
        Some(LimitKeyName::AppAndRoute) => LimitKey::AppAndRoute,
    };
    let name = name?;
    let announced = rate.announced(&name, of);
    Some(Limit { name, rate, of, announced, per, source: document.location(pointer) })
}

/// A decimal from 0 to `most` with at most 12 digits after the point.
pub(super) fn decimal(
    compiling: &mut Compiling<'_>,
    document: &Document,
    pointer: &str,
    value: Option<Decimal>,
    most: Decimal,
) -> Option<Decimal> {
    let value = value.filter(|value| *value >= Decimal::ZERO && *value <= most && value.scale() <= 12);
    if value.is_none() {
        let message = format!("this must be a decimal from 0 to {most} with up to 12 digits after the point");
        compiling.wrong(document, pointer, message, None);
    }
    value
}
