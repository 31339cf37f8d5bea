//! What calls cost: the items of a plan version's fees.

use std::collections::HashSet;
use std::num::NonZeroU64;

use rust_decimal::Decimal;

use super::super::file::fees::{BandEntry, FeeEntry, FeeItemEntry, PromotionEntry};
use super::super::file::text::DecimalText;
use super::super::load::Document;
use super::super::source::Kind;
use super::plans::decimal;
use super::set::Compiling;
use crate::domain::id::{ItemName, RouteName};
use crate::domain::money::Currency;
use crate::domain::tariff::{Band, FeeError, FeeItem, FeePrice, FeeTerms, Promotion};
use crate::domain::time::Timestamp;

/// The highest price, in major units.
const MOST: i64 = 1_000_000_000;

/// A plan version whose fees are compiled.
pub(super) struct Fees<'c, 'd, 's> {
    pub(super) compiling: &'c mut Compiling<'d>,
    pub(super) document: &'s Document,
    /// Where the version stands.
    pub(super) pointer: &'s str,
    /// The routes of the plan's API products, as far as these are known.
    pub(super) routes: &'s HashSet<&'s RouteName>,
    pub(super) currency: Currency,
}

impl Fees<'_, '_, '_> {
    /// The items of a version, in the short form or the long one.
    pub(super) fn compile(&mut self, short: Option<&FeeEntry>, items: &[FeeItemEntry]) -> Vec<FeeItem> {
        match short {
            Some(short) if items.is_empty() => self.short(short).into_iter().collect(),
            Some(_) => {
                let message = "a version has `fee` or `fees`, not both".to_owned();
                let help = "make it the last of `fees`: - {item: calls, per_unit: …}".to_owned();
                self.wrong(&format!("{}/fee", self.pointer), message, Some(help));
                Vec::new()
            }
            None => self.items(items),
        }
    }

    fn short(&mut self, entry: &FeeEntry) -> Option<FeeItem> {
        let pointer = format!("{}/fee/per_unit", self.pointer);
        let per_unit = self.price(&pointer, &entry.per_unit)?;
        let terms = FeeTerms::calls(per_unit, entry.free_units, self.document.key_location(&pointer));
        self.item(&pointer, terms)
    }

    fn items(&mut self, entries: &[FeeItemEntry]) -> Vec<FeeItem> {
        let mut items: Vec<FeeItem> = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let pointer = format!("{}/fees/{index}", self.pointer);
            let Some(terms) = self.terms(&pointer, entry) else { continue };
            self.check_beside(&pointer, &terms, &items);
            items.extend(self.item(&pointer, terms));
        }
        items
    }

    /// Whether the item's name is its own, and some call gets to it.
    fn check_beside(&mut self, pointer: &str, terms: &FeeTerms, before: &[FeeItem]) {
        if let Some(first) = before.iter().find(|item| item.terms().name == terms.name) {
            let first = first.terms().source.clone();
            self.compiling.taken(
                self.document,
                &format!("{pointer}/item"),
                &format!("fee item {}", terms.name),
                &first,
            );
        }
        let has = |item: &FeeItem, route: &RouteName| {
            item.terms().routes.as_ref().is_none_or(|routes| routes.contains(route))
        };
        let is_taken = |route: &RouteName| before.iter().any(|item| has(item, route));
        let is_beaten = before.iter().any(|item| item.terms().routes.is_none())
            || terms.routes.as_ref().is_some_and(|routes| routes.iter().all(is_taken));
        if is_beaten {
            let message = format!(
                "no call gets to item {}: a call is charged by the first item that has its route, and items before it have all of \
                 these",
                terms.name
            );
            let help = "put the item with fewer routes first".to_owned();
            self.wrong(&format!("{pointer}/item"), message, Some(help));
        }
    }

    fn terms(&mut self, pointer: &str, entry: &FeeItemEntry) -> Option<FeeTerms> {
        let name = self.compiling.take(self.document, &format!("{pointer}/item"), ItemName::new(&entry.item));
        let routes = entry.routes.as_ref().map(|routes| self.routes(pointer, routes));
        let price = self.fee_price(pointer, entry);
        let cap = entry.cap.as_ref().map(|cap| self.price(&format!("{pointer}/cap"), cap));
        let mut promotions = Vec::new();
        for (index, promotion) in entry.promotions.iter().enumerate() {
            promotions.push(self.promotion(&format!("{pointer}/promotions/{index}"), promotion));
        }
        // What is wrong has been told of all parts by now.
        let routes = match routes {
            Some(routes) => Some(routes?),
            None => None,
        };
        let cap = match cap {
            Some(cap) => Some(cap?),
            None => None,
        };
        Some(FeeTerms {
            name: name?,
            routes,
            free_units: entry.free_units,
            price: price?,
            cap,
            promotions: promotions.into_iter().collect::<Option<_>>()?,
            source: self.document.location(pointer),
        })
    }

    fn routes(&mut self, pointer: &str, names: &[String]) -> Option<Vec<RouteName>> {
        let mut routes = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let pointer = format!("{pointer}/routes/{index}");
            match RouteName::new(name) {
                Ok(route) if self.routes.contains(&route) => routes.push(Some(route)),
                Ok(route) => {
                    self.compiling.dangling(self.document, &pointer, Kind::Routes, name);
                    // What is told of may be why the route is in none.
                    if self.compiling.diagnostics.is_empty() {
                        let message =
                            format!("route {name} is in no API product of the plan: no call of it gets here");
                        let help = "name a route of the plan's `products`, or leave this one out".to_owned();
                        self.wrong(&pointer, message, Some(help));
                    }
                    routes.push(Some(route));
                }
                Err(error) => {
                    self.wrong(&pointer, error.to_string(), None);
                    routes.push(None);
                }
            }
        }
        routes.into_iter().collect()
    }

    fn fee_price(&mut self, pointer: &str, entry: &FeeItemEntry) -> Option<FeePrice> {
        match (&entry.per_unit, &entry.graduated, &entry.volume, &entry.package) {
            (Some(each), None, None, None) => {
                self.price(&format!("{pointer}/per_unit"), each).map(FeePrice::PerUnit)
            }
            (None, Some(bands), None, None) => {
                self.bands(&format!("{pointer}/graduated"), bands).map(FeePrice::Graduated)
            }
            (None, None, Some(bands), None) => {
                self.bands(&format!("{pointer}/volume"), bands).map(FeePrice::Volume)
            }
            (None, None, None, Some(package)) => {
                let price = self.price(&format!("{pointer}/package/price"), &package.price)?;
                Some(FeePrice::Package { size: NonZeroU64::new(package.size)?, price })
            }
            _ => {
                let message = "an item has one price: per_unit, graduated, volume or package".to_owned();
                let help =
                    "write it like `per_unit: 0.01`, and make what costs something else an item of its own";
                self.wrong(&format!("{pointer}/item"), message, Some(help.to_owned()));
                None
            }
        }
    }

    fn bands(&mut self, pointer: &str, entries: &[BandEntry]) -> Option<Vec<Band>> {
        let mut bands = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let each = self.price(&format!("{pointer}/{index}/each"), &entry.each);
            let flat = match &entry.flat {
                Some(flat) => self.price(&format!("{pointer}/{index}/flat"), flat),
                None => Some(Decimal::ZERO),
            };
            bands.push(each.zip(flat).map(|(each, flat)| Band { up_to: entry.up_to, each, flat }));
        }
        bands.into_iter().collect()
    }

    fn promotion(&mut self, pointer: &str, entry: &PromotionEntry) -> Option<Promotion> {
        let mut time = |part: &str, text: &str| {
            self.compiling.take(self.document, &format!("{pointer}/{part}"), text.parse::<Timestamp>())
        };
        let (from, until) = (time("from", &entry.from), time("until", &entry.until));
        let each = self.price(&format!("{pointer}/each"), &entry.each);
        Some(Promotion { from: from?, until: until?, each: each? })
    }

    fn price(&mut self, pointer: &str, text: &DecimalText) -> Option<Decimal> {
        decimal(self.compiling, self.document, pointer, text.decimal(), Decimal::from(MOST))
    }

    /// The item that says so, or what is wrong with it, at its place.
    fn item(&mut self, pointer: &str, terms: FeeTerms) -> Option<FeeItem> {
        let price = terms.price.clone();
        let error = match FeeItem::new(terms, self.currency) {
            Ok(item) => return Some(item),
            Err(error) => error,
        };
        let (part, bands): (&str, &[Band]) = match &price {
            FeePrice::Graduated(bands) => ("graduated", bands),
            FeePrice::Volume(bands) => ("volume", bands),
            FeePrice::PerUnit(_) | FeePrice::Package { .. } => ("item", &[]),
        };
        let place = match &error {
            FeeError::Price(_) | FeeError::NoBand => part.to_owned(),
            FeeError::Cap(_) => "cap".to_owned(),
            FeeError::Endless(place) => format!("{part}/{}/each", place.saturating_sub(1)),
            FeeError::LastEnds(place) => format!("{part}/{}/up_to", place.saturating_sub(1)),
            FeeError::Disordered(disordered) => {
                let (before, ends) = (Some(disordered.before), Some(disordered.ends));
                let is_wrong = |pair: &[Band]| pair.iter().map(|band| band.up_to).eq([before, ends]);
                let wrong = bands.windows(2).position(is_wrong).map_or(0, |place| place + 1);
                format!("{part}/{wrong}/up_to")
            }
            FeeError::Backwards(place) => format!("promotions/{}/until", place.saturating_sub(1)),
            FeeError::Overlap(_, place) => format!("promotions/{}/from", place.saturating_sub(1)),
        };
        self.wrong(&format!("{pointer}/{place}"), error.to_string(), Some(help(&error).to_owned()));
        None
    }

    fn wrong(&mut self, pointer: &str, message: String, help: Option<String>) {
        self.compiling.wrong(self.document, pointer, message, help);
    }
}

/// What to do about it.
fn help(error: &FeeError) -> &'static str {
    match error {
        FeeError::Price(_) => "write it like 0.01",
        FeeError::Cap(_) => "write it like 20000.00, or leave it out",
        FeeError::NoBand => "write it like [{up_to: 1000, each: 0.01}, {each: 0.005}]",
        FeeError::Endless(_) => "give it an up_to, or put it last",
        FeeError::LastEnds(_) => "add a band behind it without up_to, or leave up_to out",
        FeeError::Disordered(_) => "put the bands in the order of their up_to",
        FeeError::Backwards(_) => "until must be later than from",
        FeeError::Overlap(..) => "have one end where the other begins",
    }
}
