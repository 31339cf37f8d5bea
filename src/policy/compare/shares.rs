//! What a plan version takes of sales beside what it took: of any amount, by any route and of any category. Dearer for any sale is dearer.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::BTreeSet;

use super::change::{Class, Found, Side};
use super::pairs::{Pair, Pairs, part};
use super::prices::class_of;
use crate::domain::curve::{Compared, Counted, Curve};
use crate::domain::id::{CategoryName, ItemName, RouteName};
use crate::domain::money::Currency;
use crate::domain::plan::PlanVersion;
use crate::domain::share::{Held, Receiver, Share, ShareItem, ShareRate};
use crate::domain::split::Split;

/// Notes how the share of `after` stands to that of `before`.
pub(super) fn compare(found: &mut Found<'_>, (before, after): (&PlanVersion, &PlanVersion)) {
    let (old, new) = (&before.tariff, &after.tariff);
    // Amounts of two currencies are not compared: that it is another says enough.
    if old.currency != new.currency {
        return;
    }
    let (old_share, new_share) = (old.share.as_ref(), new.share.as_ref());
    for (pair, is_elsewhere) in pairs(old_share, new_share).iter() {
        let before = old_share.zip(pair.0).and_then(|(share, name)| share.item_named(name));
        let after = new_share.zip(pair.1).and_then(|(share, name)| share.item_named(name));
        rates(found, (pair, is_elsewhere), (before, after), old.currency);
        if let (Some(before), Some(after)) = (before, after) {
            terms(found, pair, (before, after));
        }
    }
}

/// The items that sales of each category by each route had and have; what none names is alike.
fn pairs<'s>(old: Option<&'s Share>, new: Option<&'s Share>) -> Pairs<'s> {
    let items = || [old, new].into_iter().flatten().flat_map(|share| &share.items);
    let routes: BTreeSet<&RouteName> = items().flat_map(|item| &item.routes).collect();
    let categories: BTreeSet<&CategoryName> = items().flat_map(|item| &item.categories).collect();
    let mut pairs = Vec::new();
    for route in routes.into_iter().map(Some).chain([None]) {
        for category in categories.iter().copied().map(Some).chain([None]) {
            pairs.push((item(old, (route, category)), item(new, (route, category))));
        }
    }
    pairs.into_iter().collect()
}

/// The name of the first item that is for a sale; no route and no category are those that no item names.
fn item<'s>(
    share: Option<&'s Share>,
    (route, category): (Option<&RouteName>, Option<&CategoryName>),
) -> Option<&'s ItemName> {
    let is_for = |item: &&ShareItem| {
        let is_by_it = item.routes.is_empty() || route.is_some_and(|route| item.routes.contains(route));
        let has_it = |category| item.categories.contains(category);
        is_by_it && (item.categories.is_empty() || category.is_some_and(has_it))
    };
    share?.items.iter().find(is_for).map(|item| &item.name)
}

/// Notes how much is taken, if that is another.
fn rates(
    found: &mut Found<'_>,
    (pair, (was_elsewhere, is_elsewhere)): (Pair<'_>, (bool, bool)),
    (before, after): (Option<&ShareItem>, Option<&ShareItem>),
    currency: Currency,
) {
    let rate = |item: Option<&ShareItem>| item.map(|item| item.rate.clone());
    let is_same = rate(before) == rate(after) && pair.0 == pair.1;
    // What is taken of each sale by itself is told whatever other sales there are.
    let is_told =
        |item: Option<&ShareItem>, is_elsewhere: bool| !is_elsewhere || item.is_none_or(is_of_each_sale);
    let is_told = is_told(before, was_elsewhere) && is_told(after, is_elsewhere);
    let compared = match (is_same, is_told) {
        (true, _) => Compared::default(),
        (false, true) => compared(before, after),
        (false, false) => Compared::UNKNOWN,
    };
    if let Some(class) = class_of(compared, is_same) {
        found.note(class, part("share", pair), (side(before, currency), side(after, currency)));
    }
}

fn side(item: Option<&ShareItem>, currency: Currency) -> Side<'_> {
    item.map(|item| (item.rate.price_in_words(currency), &item.source))
}

fn is_of_each_sale(item: &ShareItem) -> bool {
    matches!(item.rate, ShareRate::PerSale(_))
}

fn compared(before: Option<&ShareItem>, after: Option<&ShareItem>) -> Compared {
    let curve = |item: Option<&ShareItem>| {
        item.map_or_else(|| Some(Curve::nothing(Counted::Money)), |item| item.rate.curve().ok())
    };
    let (Some(old), Some(new)) = (curve(before), curve(after)) else { return Compared::UNKNOWN };
    let summed = |item: Option<&ShareItem>| {
        let tiers = item.and_then(|item| item.rate.tiers());
        tiers.map(|tiers| (tiers.terms().over, tiers.terms().across))
    };
    // What is of each sale is compared with what is of many together only if it is the same for many.
    let may_be = match (summed(before), summed(after)) {
        (Some(before), Some(after)) => before == after,
        (None, None) => true,
        (None, Some(_)) => old.is_linear(),
        (Some(_), None) => new.is_linear(),
    };
    if may_be { new.compared_to(&old) } else { Compared::UNKNOWN }
}

/// Notes what else of a share is another.
fn terms(found: &mut Found<'_>, pair: Pair<'_>, (before, after): (&ShareItem, &ShareItem)) {
    let places = (&before.source, &after.source);
    let name = part("share", pair);
    let base = |item: &ShareItem| {
        let without = [(item.base.tax, "tax"), (item.base.shipping, "shipping")];
        let out: Vec<&str> =
            without.iter().filter(|(held, _)| *held == Held::Out).map(|(_, name)| *name).collect();
        if out.is_empty() { "all of the amount".to_owned() } else { format!("without {}", out.join(" and ")) }
    };
    let paid_by = |item: &ShareItem| item.paid_by.name().to_owned();
    let earned = |item: &ShareItem| item.earned.name().to_owned();
    let worse = Class::RaisesPrice;
    found.note_if(worse, &format!("{name}: base"), (base(before), base(after)), places);
    found.note_if(worse, &format!("{name}: paid_by"), (paid_by(before), paid_by(after)), places);
    found.note_if(worse, &format!("{name}: earned"), (earned(before), earned(after)), places);
    let [old, new] = [before, after].map(|item| item.split.as_ref());
    let class = if gets_less(old, new) { worse } else { Class::LowersPrice };
    found.note_if(class, &format!("{name}: split"), (split_in_words(old), split_in_words(new)), places);
    let settles = |item: &ShareItem| match item.settles_within {
        Some(span) => format!("{span:?}"),
        None => "never asked".to_owned(),
    };
    found.note_if(
        Class::Other,
        &format!("{name}: settles_within"),
        (settles(before), settles(after)),
        places,
    );
}

/// Whether anybody but the platform gets a smaller part than before.
fn gets_less(before: Option<&Split<Receiver>>, after: Option<&Split<Receiver>>) -> bool {
    let Some(before) = before else { return false };
    let (whole_before, whole_after) = (whole(Some(before)), whole(after));
    let weight_after = |receiver: &Receiver| {
        let weights = after.map_or(&[][..], |split| split.weights());
        weights.iter().find(|(one, _)| one == receiver).map_or(0, |(_, weight)| u128::from(*weight))
    };
    let mut others = before.weights().iter().filter(|(receiver, _)| *receiver != Receiver::Platform);
    let is_less = |(receiver, weight): &(Receiver, u64)| {
        let (then, now) = (u128::from(*weight), weight_after(receiver));
        now.saturating_mul(whole_before) < then.saturating_mul(whole_after)
    };
    others.any(is_less)
}

/// The sum of all weights.
fn whole(split: Option<&Split<Receiver>>) -> u128 {
    let weights = split.map_or(&[][..], |split| split.weights());
    weights.iter().fold(0, |sum: u128, (_, weight)| sum.saturating_add(u128::from(*weight))).max(1)
}

fn split_in_words(split: Option<&Split<Receiver>>) -> String {
    let Some(split) = split else { return "all the platform's".to_owned() };
    let parts = split.weights().iter().map(|(receiver, weight)| format!("{} {weight}", receiver.name()));
    parts.collect::<Vec<_>>().join(", ")
}
