//! What a plan version costs beside what it cost: fees by what any number of units comes to at any time from then on, and what a month
//! costs. Dearer for any use is dearer.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::BTreeSet;

use super::change::{Class, Found, Side};
use super::pairs::{Pairs, part};
use crate::domain::curve::{Compared, Counted, Curve};
use crate::domain::id::{ItemName, RouteName};
use crate::domain::money::Amount;
use crate::domain::plan::PlanVersion;
use crate::domain::recurring::Monthly;
use crate::domain::tariff::{FeeItem, FeePrice, FeeTerms, Tariff};
use crate::domain::time::Timestamp;

/// Notes how what `after` costs from a time on stands to what `before` would.
pub(super) fn compare(found: &mut Found<'_>, (before, after): (&PlanVersion, &PlanVersion), from: Timestamp) {
    let (old, new) = (&before.tariff, &after.tariff);
    let places = (&before.source, &after.source);
    let currencies = (old.currency.to_string(), new.currency.to_string());
    found.note_if(Class::RaisesPrice, "currency", currencies, places);
    let roundings = (old.rounding.name().to_owned(), new.rounding.name().to_owned());
    found.note_if(Class::RaisesPrice, "rounding", roundings, places);
    // Amounts of two currencies are not compared: that it is another says enough.
    if old.currency == new.currency {
        monthly(found, "monthly_fee", (old, new), |tariff| tariff.recurring.fee.as_ref());
        monthly(found, "minimum", (old, new), |tariff| tariff.recurring.minimum.as_ref());
        fees(found, (old, new), from);
    }
}

/// What it means that something is dearer or cheaper, or said otherwise; none if it is the same.
pub(super) fn class_of(compared: Compared, is_same: bool) -> Option<Class> {
    match compared {
        Compared { is_dearer: true, .. } => Some(Class::RaisesPrice),
        Compared { is_cheaper: true, .. } => Some(Class::LowersPrice),
        Compared { .. } => (!is_same).then_some(Class::Other),
    }
}

fn monthly(
    found: &mut Found<'_>,
    part: &str,
    (old, new): (&Tariff, &Tariff),
    of: impl Fn(&Tariff) -> Option<&Monthly>,
) {
    let minor = |tariff: &Tariff| of(tariff).map_or(0, |monthly| monthly.minor);
    let compared = Compared { is_dearer: minor(new) > minor(old), is_cheaper: minor(new) < minor(old) };
    if let Some(class) = class_of(compared, true) {
        let words = |minor: i64| Amount { minor, currency: old.currency }.to_string();
        let sides = [old, new].map(|tariff| of(tariff).map(|one| (words(one.minor), &one.source)));
        found.note(class, part, sides.into());
    }
}

fn fees(found: &mut Found<'_>, (old, new): (&Tariff, &Tariff), from: Timestamp) {
    for (pair, is_elsewhere) in pairs(old, new).iter() {
        let (before, after) = (named(old, pair.0), named(new, pair.1));
        let is_same = is_same(before, after);
        let compared = match is_same {
            true => Compared::default(),
            false => compared((before, after), is_elsewhere, from),
        };
        if let Some(class) = class_of(compared, is_same) {
            found.note(class, part("fee", pair), (side(before), side(after)));
        }
    }
}

fn named<'t>(tariff: &'t Tariff, name: Option<&ItemName>) -> Option<&'t FeeItem> {
    tariff.fees.iter().find(|fee| Some(&fee.terms().name) == name)
}

/// The items by which calls to each route were and are charged; those to a route that none names are alike.
fn pairs<'t>(old: &'t Tariff, new: &'t Tariff) -> Pairs<'t> {
    let fees = old.fees.iter().chain(&new.fees);
    let routes: BTreeSet<&RouteName> = fees.filter_map(|fee| fee.terms().routes.as_ref()).flatten().collect();
    let name = |tariff: &'t Tariff, route| tariff.fee_of(route).map(|fee| &fee.terms().name);
    let routes = routes.into_iter().map(Some).chain([None]);
    routes.map(|route| (name(old, route), name(new, route))).collect()
}

/// Whether two items price alike what they are for.
fn is_same(before: Option<&FeeItem>, after: Option<&FeeItem>) -> bool {
    let priced = |item: &FeeItem, like: &FeeItem| FeeTerms {
        routes: None,
        source: like.terms().source.clone(),
        ..item.terms().clone()
    };
    match (before, after) {
        (Some(before), Some(after)) => priced(before, after) == priced(after, after),
        (before, after) => before.is_none() && after.is_none(),
    }
}

/// How the fee of some calls stands to what it was, at any time from then on.
fn compared(
    (before, after): (Option<&FeeItem>, Option<&FeeItem>),
    (was_elsewhere, is_elsewhere): (bool, bool),
    from: Timestamp,
) -> Compared {
    let is_told = |item: Option<&FeeItem>, is_elsewhere: bool| !is_elsewhere || item.is_none_or(is_linear);
    if !is_told(before, was_elsewhere) || !is_told(after, is_elsewhere) {
        return Compared::UNKNOWN;
    }
    let curve = |item: Option<&FeeItem>, at| {
        item.map_or_else(|| Curve::nothing(Counted::Units), |item| item.curve_at(at))
    };
    let promotions = || [before, after].into_iter().flatten().flat_map(|item| &item.terms().promotions);
    // Between two of these moments every unit costs as at the first of them.
    let starts = promotions().flat_map(|promotion| [promotion.from, promotion.until]);
    let moments: BTreeSet<Timestamp> = starts.filter(|start| *start > from).chain([from]).collect();
    let at_each = moments.into_iter().map(|at| curve(after, at).compared_to(&curve(before, at)));
    let compared = at_each.fold(Compared::default(), Compared::and);
    // Units of several moments of a month may reach together what those of one do not.
    let reaches_more = promotions().next().is_some() && cap_rises(before, after);
    Compared { is_dearer: compared.is_dearer || reaches_more, ..compared }
}

/// Whether each unit costs the same whatever others there are.
fn is_linear(item: &FeeItem) -> bool {
    let FeeTerms { price, free_units, cap, .. } = item.terms();
    matches!(price, FeePrice::PerUnit(_)) && *free_units == 0 && cap.is_none()
}

fn cap_rises(before: Option<&FeeItem>, after: Option<&FeeItem>) -> bool {
    let cap = |item: Option<&FeeItem>| item.and_then(|item| item.terms().cap);
    let is_above = |before| cap(after).is_none_or(|after| after > before);
    after.is_some() && cap(before).is_some_and(is_above)
}

fn side(item: Option<&FeeItem>) -> Side<'_> {
    let item = item?;
    let free = match item.terms().free_units {
        0 => String::new(),
        free => format!("; the first {free} of a month free"),
    };
    Some((format!("{}{free}", item.price_in_words()), &item.terms().source))
}
