//! What the apps of a plan version pay: fees by items, a share of transactions, and by the month.
//!
//! An item is a price for the units of some routes, or of all. What its units come to in a period follows from how many there
//! were, free of charge or not, and in which promotion: never from the order in which they came.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::fmt::Write as _;
use std::num::NonZeroU64;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::exact::{Exact, ExactError};
use super::id::{ItemName, RouteName};
use super::ladder::{Bands, Disordered, Ladder, Rate, Steps};
use super::location::Location;
use super::money::{Amount, Currency, Rounding};
use super::recurring::Recurring;
use super::share::Share;
use super::time::Timestamp;

mod cap_units;
mod curve;
mod rate;
mod some_units;
mod steps;

pub use cap_units::CapUnits;
pub use some_units::SomeUnits;
pub use steps::{NoPart, Part, Step};

/// What the apps of a plan version pay.
#[derive(Debug, Clone, PartialEq)]
pub struct Tariff {
    /// The currency of fees. A revenue share is in its transaction's own currency.
    pub currency: Currency,
    /// How decimals become minor units.
    pub rounding: Rounding,
    /// The items of the service fee. A call is charged by the first that has its route; by none, if none has.
    pub fees: Vec<FeeItem>,
    /// The revenue share, if transactions have one.
    pub share: Option<Share>,
    /// What a subscription costs by the month.
    pub recurring: Recurring,
}

impl Tariff {
    /// The item by which calls of a route are charged.
    #[must_use]
    pub fn fee_of(&self, route: Option<&RouteName>) -> Option<&FeeItem> {
        self.fees.iter().find(|fee| fee.terms.has(route))
    }

    /// The item of that [`FeeItem::key`].
    #[must_use]
    pub fn fee_named(&self, key: Option<&ItemName>) -> Option<&FeeItem> {
        self.fees.iter().find(|fee| fee.key() == key)
    }

    /// Whether every billable call has a fee, whichever its route.
    #[must_use]
    pub fn charges_every_call(&self) -> bool {
        self.fees.iter().any(|fee| fee.terms.routes.is_none())
    }

    /// Whether two tariffs price alike; where they stand does not matter.
    #[must_use]
    pub fn prices_like(&self, other: &Self) -> bool {
        let is_alike = |(one, other): (&FeeItem, &FeeItem)| {
            FeeTerms { source: other.terms.source.clone(), ..one.terms.clone() } == other.terms
        };
        let is_same_share = match (&self.share, &other.share) {
            (Some(one), Some(other)) => one.is_same_price(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        self.currency == other.currency
            && self.rounding == other.rounding
            && self.fees.len() == other.fees.len()
            && self.fees.iter().zip(&other.fees).all(is_alike)
            && is_same_share
            && self.recurring.is_same_price(&other.recurring)
    }
}

/// What an item says.
#[derive(Debug, Clone, PartialEq)]
pub struct FeeTerms {
    /// Its name, unique in its tariff. Items of the same name in versions of a plan share one free allowance.
    pub name: ItemName,
    /// The routes whose calls it is for; none: all.
    pub routes: Option<Vec<RouteName>>,
    /// Units free of charge in each period, used up first.
    pub free_units: u64,
    /// The price of the others.
    pub price: FeePrice,
    /// The most that it comes to in a period, in major units.
    pub cap: Option<Decimal>,
    /// When another price applies. Units of a promotion use up no free ones, and no bands.
    pub promotions: Vec<Promotion>,
    /// Where it stands.
    pub source: Location,
}

/// How the price of an item goes by its units. Prices are in major units, at least zero, with up to 12 digits after the point.
#[derive(Debug, Clone, PartialEq)]
pub enum FeePrice {
    /// Every unit costs the same.
    PerUnit(Decimal),
    /// Every unit costs what the band costs in which it lies.
    Graduated(Vec<Band>),
    /// All units cost what the band costs in which the last of them lies.
    Volume(Vec<Band>),
    /// Units come in packages; one that is begun is paid whole.
    Package {
        /// Units in a package.
        size: NonZeroU64,
        /// What a package costs.
        price: Decimal,
    },
}

/// A band of units.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// Its last unit; the last band has none.
    pub up_to: Option<u64>,
    /// What each unit costs.
    pub each: Decimal,
    /// What the band costs once a unit lies in it.
    pub flat: Decimal,
}

/// Another price for the units of a span of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Promotion {
    /// From when it applies.
    pub from: Timestamp,
    /// Until when; then it does not.
    pub until: Timestamp,
    /// What each unit costs.
    pub each: Decimal,
}

/// Why something is no item. Places count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeeError {
    /// A price that is below zero, too fine or too large.
    #[error("{0} is no price: a price is at least 0, with up to 12 digits after the point")]
    Price(Decimal),
    /// A cap that is no amount.
    #[error("{0} is no amount that a fee may come to: it is at least 0, with the digits of the currency")]
    Cap(Decimal),
    /// There are no bands.
    #[error("there is no band: the last, or only, one has a price and no up_to")]
    NoBand,
    /// A band that has no end and is not the last.
    #[error("band {0} has no up_to, and is not the last: every band but the last ends with a unit")]
    Endless(usize),
    /// The last band ends.
    #[error("band {0} is the last, and has an up_to: the last band goes on without an end")]
    LastEnds(usize),
    /// Bands that do not rise.
    #[error(transparent)]
    Disordered(#[from] Disordered),
    /// A promotion that ends before it begins.
    #[error("promotion {0} ends before it has begun")]
    Backwards(usize),
    /// Two promotions at once.
    #[error("promotions {0} and {1} overlap: of a call it must be clear which applies")]
    Overlap(usize, usize),
}

/// An item of a service fee.
#[derive(Debug, Clone, PartialEq)]
pub struct FeeItem {
    terms: FeeTerms,
    ladder: Ladder,
    cap: Option<Exact>,
    /// What a unit costs in each promotion.
    promoted: Vec<Exact>,
    key: Option<ItemName>,
    words: Option<Arc<str>>,
}

impl FeeTerms {
    /// The same price for every unit of all calls, after some that are free.
    #[must_use]
    pub fn calls(per_unit: Decimal, free_units: u64, source: Location) -> Self {
        #[expect(clippy::expect_used, reason = "the name is a constant")]
        let name = ItemName::new(ItemName::CALLS).expect("a name");
        let price = FeePrice::PerUnit(per_unit);
        Self { name, routes: None, free_units, price, cap: None, promotions: Vec::new(), source }
    }

    fn has(&self, route: Option<&RouteName>) -> bool {
        self.routes
            .as_ref()
            .is_none_or(|routes| route.is_some_and(|route| routes.iter().any(|one| one == route)))
    }
}

impl FeeItem {
    /// The item that says `terms`, with prices of a currency.
    ///
    /// # Errors
    /// [`FeeError`].
    pub fn new(terms: FeeTerms, currency: Currency) -> Result<Self, FeeError> {
        let exact = |price: Decimal| price_of(price, currency);
        let bands = |bands: &[Band]| bands_of(bands, currency);
        let steps = match &terms.price {
            FeePrice::PerUnit(each) => Steps::PerUnit(exact(*each)?),
            FeePrice::Graduated(graduated) => Steps::Graduated(bands(graduated)?),
            FeePrice::Volume(volume) => Steps::Volume(bands(volume)?),
            FeePrice::Package { size, price } => Steps::Package { size: *size, price: exact(*price)? },
        };
        let cap = terms.cap.map(|cap| cap_of(cap, currency)).transpose()?;
        check_promotions(&terms.promotions)?;
        let promoted =
            terms.promotions.iter().map(|promotion| exact(promotion.each)).collect::<Result<_, _>>()?;
        let key = Some(terms.name.clone()).filter(|name| name.as_str() != ItemName::CALLS);
        let words = words(&terms);
        Ok(Self { ladder: Ladder { steps, cap: None }, cap, promoted, key, words, terms })
    }

    /// What it says.
    #[must_use]
    pub fn terms(&self) -> &FeeTerms {
        &self.terms
    }

    /// Its name as statement lines have it: none for `calls`, of which there is need to say nothing.
    #[must_use]
    pub fn key(&self) -> Option<&ItemName> {
        self.key.as_ref()
    }

    /// Its price in words; none if every unit costs the same, always.
    #[must_use]
    pub fn words(&self) -> Option<&Arc<str>> {
        self.words.as_ref()
    }

    /// The same, said also if every unit costs the same.
    #[must_use]
    pub fn price_in_words(&self) -> String {
        self.words.as_ref().map_or_else(|| spelled_out(&self.terms), ToString::to_string)
    }

    /// The place of the promotion, from 0, in which units of a time are.
    #[must_use]
    pub fn promotion_at(&self, at: Timestamp) -> Option<usize> {
        self.terms.promotions.iter().position(|promotion| promotion.from <= at && at < promotion.until)
    }

    /// What the units of a period come to: those that are charged by its own price, and those in each promotion, in order.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn amount(&self, charged: u64, promoted: &[u64]) -> Result<Exact, ExactError> {
        let mut sum = self.ladder.amount(charged)?;
        for (units, each) in promoted.iter().zip(&self.promoted) {
            sum = sum.plus(each.times(*units)?)?;
        }
        Ok(self.cap.map_or(sum, |cap| sum.min(cap)))
    }

    /// The most that it comes to at any time while units come on top of those in a period: so many at most by its own price, and
    /// so many at most in promotions.
    ///
    /// # Errors
    /// [`ExactError::TooLarge`].
    pub fn most(
        &self,
        (charged, promoted): (u64, &[u64]),
        (more, more_promoted): (u64, u64),
    ) -> Result<Exact, ExactError> {
        let after = charged.checked_add(more).ok_or(ExactError::TooLarge)?;
        let mut sum = self.ladder.most(charged, after)?;
        for (units, each) in promoted.iter().zip(&self.promoted) {
            sum = sum.plus(each.times(*units)?)?;
        }
        if let Some(dearest) = self.promoted.iter().max() {
            sum = sum.plus(dearest.times(more_promoted)?)?;
        }
        Ok(self.cap.map_or(sum, |cap| sum.min(cap)))
    }
}

fn price_of(price: Decimal, currency: Currency) -> Result<Exact, FeeError> {
    let exact = (price >= Decimal::ZERO).then(|| Exact::of_price(price, currency));
    exact.and_then(Result::ok).ok_or(FeeError::Price(price))
}

fn cap_of(cap: Decimal, currency: Currency) -> Result<Exact, FeeError> {
    match Amount::exact(cap, currency) {
        Ok(amount) if amount.minor >= 0 => Ok(Exact::of_minor(amount.minor)),
        Ok(_) | Err(_) => Err(FeeError::Cap(cap)),
    }
}

fn bands_of(bands: &[Band], currency: Currency) -> Result<Bands, FeeError> {
    let rate = |band: &Band| {
        Ok::<Rate, FeeError>(Rate {
            each: price_of(band.each, currency)?,
            flat: price_of(band.flat, currency)?,
        })
    };
    let (last, below) = bands.split_last().ok_or(FeeError::NoBand)?;
    let mut ending = Vec::with_capacity(below.len());
    for (band, place) in below.iter().zip(1..) {
        let ends = band.up_to.ok_or(FeeError::Endless(place))?;
        ending.push((ends, rate(band)?));
    }
    match last.up_to {
        Some(_) => Err(FeeError::LastEnds(bands.len())),
        None => Ok(Bands::new(ending, rate(last)?)?),
    }
}

fn check_promotions(promotions: &[Promotion]) -> Result<(), FeeError> {
    for (one, place) in promotions.iter().zip(1_usize..) {
        if one.until <= one.from {
            return Err(FeeError::Backwards(place));
        }
        let later = promotions.iter().zip(1_usize..).skip(place);
        for (other, other_place) in later {
            if one.from < other.until && other.from < one.until {
                return Err(FeeError::Overlap(place, other_place));
            }
        }
    }
    Ok(())
}

/// The price in words, if a price of each unit does not say all.
fn words(terms: &FeeTerms) -> Option<Arc<str>> {
    let FeeTerms { price, cap, promotions, .. } = terms;
    let is_plain = matches!(price, FeePrice::PerUnit(_)) && cap.is_none() && promotions.is_empty();
    (!is_plain).then(|| spelled_out(terms).into())
}

/// Such as `graduated: 0.01 each to unit 10000, 0.005 each beyond; at most 20000`.
fn spelled_out(terms: &FeeTerms) -> String {
    let FeeTerms { price, cap, promotions, .. } = terms;
    let mut text = match price {
        FeePrice::PerUnit(each) => format!("{} each", each.normalize()),
        FeePrice::Graduated(bands) => format!("graduated: {}", bands_in_words(bands)),
        FeePrice::Volume(bands) => format!("volume: {}", bands_in_words(bands)),
        FeePrice::Package { size, price } => format!("{} for every {size} begun", price.normalize()),
    };
    // Writing to a text cannot fail.
    for Promotion { from, until, each } in promotions {
        let _ = write!(text, "; {} each from {from} until {until}", each.normalize());
    }
    if let Some(cap) = cap {
        let _ = write!(text, "; at most {}", cap.normalize());
    }
    text
}

fn bands_in_words(bands: &[Band]) -> String {
    let band = |band: &Band| {
        let each = format!("{} each", band.each.normalize());
        let flat =
            if band.flat.is_zero() { String::new() } else { format!(" and {} once", band.flat.normalize()) };
        match band.up_to {
            Some(up_to) => format!("{each}{flat} to unit {up_to}"),
            None => format!("{each}{flat} beyond"),
        }
    };
    bands.iter().map(band).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
