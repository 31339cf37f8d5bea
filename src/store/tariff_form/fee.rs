//! An item of a tariff's fees, as it is kept.

use std::num::NonZeroU64;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Place, wrong};
use crate::domain::id::RouteName;
use crate::domain::money::{Currency, parse_decimal};
use crate::domain::tariff::{self, FeeItem, FeePrice, FeeTerms};
use crate::domain::time::Timestamp;
use crate::store::error::StoreError;

/// Of the four ways of pricing there is one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    item: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    routes: Option<Vec<String>>,
    free_units: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per_unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    graduated: Option<Vec<Band>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    volume: Option<Vec<Band>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    package: Option<Package>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cap: Option<String>,
    promotions: Vec<Promotion>,
    source: Place,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Band {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    up_to: Option<u64>,
    each: String,
    flat: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Package {
    size: NonZeroU64,
    price: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Promotion {
    from: String,
    until: String,
    each: String,
}

fn text(decimal: &Decimal) -> String {
    decimal.normalize().to_string()
}

fn decimal(text: &str) -> Result<Decimal, StoreError> {
    parse_decimal(text).map_err(|_| wrong())
}

/// An item as it is kept.
pub(super) fn to_json(terms: &FeeTerms) -> Item {
    let routes = terms.routes.as_ref();
    let mut item = Item {
        item: terms.name.to_string(),
        routes: routes.map(|routes| routes.iter().map(ToString::to_string).collect()),
        free_units: terms.free_units,
        per_unit: None,
        graduated: None,
        volume: None,
        package: None,
        cap: terms.cap.as_ref().map(text),
        promotions: terms.promotions.iter().map(promotion_to_json).collect(),
        source: Place::from(&terms.source),
    };
    match &terms.price {
        FeePrice::PerUnit(each) => item.per_unit = Some(text(each)),
        FeePrice::Graduated(bands) => item.graduated = Some(bands.iter().map(band_to_json).collect()),
        FeePrice::Volume(bands) => item.volume = Some(bands.iter().map(band_to_json).collect()),
        FeePrice::Package { size, price } => {
            item.package = Some(Package { size: *size, price: text(price) });
        }
    }
    item
}

fn band_to_json(band: &tariff::Band) -> Band {
    Band { up_to: band.up_to, each: text(&band.each), flat: text(&band.flat) }
}

fn promotion_to_json(promotion: &tariff::Promotion) -> Promotion {
    let tariff::Promotion { from, until, each } = promotion;
    Promotion { from: from.to_string(), until: until.to_string(), each: text(each) }
}

/// An item from what is kept, with prices of a currency.
pub(super) fn from_json(item: Item, currency: Currency) -> Result<FeeItem, StoreError> {
    let price = match (&item.per_unit, &item.graduated, &item.volume, &item.package) {
        (Some(each), None, None, None) => FeePrice::PerUnit(decimal(each)?),
        (None, Some(bands), None, None) => FeePrice::Graduated(bands_from_json(bands)?),
        (None, None, Some(bands), None) => FeePrice::Volume(bands_from_json(bands)?),
        (None, None, None, Some(Package { size, price })) => {
            FeePrice::Package { size: *size, price: decimal(price)? }
        }
        _ => return Err(wrong()),
    };
    let route = |route: String| RouteName::new(&route).map_err(|_| wrong());
    let routes = item.routes.map(|routes| routes.into_iter().map(route).collect::<Result<_, _>>());
    let terms = FeeTerms {
        name: item.item.parse().map_err(|_| wrong())?,
        routes: routes.transpose()?,
        free_units: item.free_units,
        price,
        cap: item.cap.as_deref().map(decimal).transpose()?,
        promotions: item.promotions.iter().map(promotion_from_json).collect::<Result<_, _>>()?,
        source: item.source.into(),
    };
    FeeItem::new(terms, currency).map_err(|_| wrong())
}

fn bands_from_json(bands: &[Band]) -> Result<Vec<tariff::Band>, StoreError> {
    let band = |Band { up_to, each, flat }: &Band| {
        Ok(tariff::Band { up_to: *up_to, each: decimal(each)?, flat: decimal(flat)? })
    };
    bands.iter().map(band).collect()
}

fn promotion_from_json(promotion: &Promotion) -> Result<tariff::Promotion, StoreError> {
    let time = |text: &str| text.parse::<Timestamp>().map_err(|_| wrong());
    Ok(tariff::Promotion {
        from: time(&promotion.from)?,
        until: time(&promotion.until)?,
        each: decimal(&promotion.each)?,
    })
}
