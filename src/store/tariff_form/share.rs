//! An item of a tariff's share, as it is kept. Amounts are minor units; what an item does not say is left out.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Place, wrong};
use crate::domain::money::{Currency, parse_decimal};
use crate::domain::share::{Base, Earned, Held, Payer, Receiver, SaleRate, ShareItem, ShareRate};
use crate::domain::split::Split;
use crate::domain::tiers::{Across, Over, TierBand, TierTerms, Tiers, Walk};
use crate::store::error::StoreError;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    item: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    categories: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    routes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tax: Option<Out>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shipping: Option<Out>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    percent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    graduated: Option<Vec<Tier>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    volume: Option<Vec<Tier>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    over: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    across: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period_floor: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period_cap: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paid_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fixed: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    floor: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cap: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    split: Option<Vec<(String, u64)>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earned: Option<String>,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settles_within: Option<u64>,
    source: Place,
}

/// A band of net amounts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tier {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    up_to: Option<i64>,
    percent: String,
}

/// What an amount holds, and is not shared.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Out {
    Out,
}

fn out(part: Held) -> Option<Out> {
    match part {
        Held::In => None,
        Held::Out => Some(Out::Out),
    }
}

fn held(part: Option<Out>) -> Held {
    match part {
        None => Held::In,
        Some(Out::Out) => Held::Out,
    }
}

/// An item as it is kept.
pub(super) fn to_json(item: &ShareItem) -> Item {
    let ShareItem { name, categories, routes, base, rate, paid_by, split, earned, settles_within, source } =
        item;
    let (one, tiers) = match rate {
        ShareRate::PerSale(rate) => (Some(rate), None),
        ShareRate::Tiers(tiers) => (None, Some(tiers.terms())),
    };
    let bands = |walk: Walk| {
        tiers.filter(|tiers| tiers.walk == walk).map(|tiers| tiers.bands.iter().map(tier).collect())
    };
    let weight = |(receiver, weight): &(Receiver, u64)| (receiver.name().to_owned(), *weight);
    Item {
        item: name.to_string(),
        categories: categories.iter().map(ToString::to_string).collect(),
        routes: routes.iter().map(ToString::to_string).collect(),
        tax: out(base.tax),
        shipping: out(base.shipping),
        percent: one.map(|rate| rate.percent.normalize().to_string()),
        graduated: bands(Walk::Graduated),
        volume: bands(Walk::Volume),
        over: tiers.map(|tiers| tiers.over.name().to_owned()),
        across: tiers.map(|tiers| tiers.across.name().to_owned()),
        period_floor: tiers.and_then(|tiers| tiers.floor),
        period_cap: tiers.and_then(|tiers| tiers.cap),
        paid_by: Some(*paid_by)
            .filter(|payer| *payer != Payer::default())
            .map(|payer| payer.name().to_owned()),
        fixed: one.map(|rate| rate.fixed).filter(|fixed| *fixed != 0),
        floor: one.and_then(|rate| rate.floor),
        cap: one.and_then(|rate| rate.cap),
        split: split.as_ref().map(|split| split.weights().iter().map(weight).collect()),
        earned: Some(*earned)
            .filter(|earned| *earned != Earned::default())
            .map(|earned| earned.name().to_owned()),
        settles_within: settles_within.map(|span| span.as_secs()),
        source: Place::from(source),
    }
}

fn tier(band: &TierBand) -> Tier {
    Tier { up_to: band.up_to, percent: band.percent.normalize().to_string() }
}

/// An item from what is kept.
pub(super) fn from_json(item: Item, currency: Currency) -> Result<ShareItem, StoreError> {
    let earned = match item.earned.as_deref() {
        None => Earned::default(),
        Some(name) => Earned::named(name).ok_or_else(wrong)?,
    };
    Ok(ShareItem {
        name: item.item.parse().map_err(|_| wrong())?,
        categories: names(&item.categories)?,
        routes: names(&item.routes)?,
        base: Base { tax: held(item.tax), shipping: held(item.shipping) },
        rate: rate(&item, currency)?,
        paid_by: item
            .paid_by
            .as_deref()
            .map_or(Ok(Payer::default()), |name| Payer::named(name).ok_or_else(wrong))?,
        split: item.split.map(split).transpose()?,
        earned,
        settles_within: item.settles_within.map(Duration::from_secs),
        source: item.source.into(),
    })
}

fn rate(item: &Item, currency: Currency) -> Result<ShareRate, StoreError> {
    let percent = |text: &str| parse_decimal(text).map_err(|_| wrong());
    let (walk, tiers) = match (&item.percent, &item.graduated, &item.volume) {
        (Some(one), None, None) => {
            let (fixed, floor, cap) = (item.fixed.unwrap_or(0), item.floor, item.cap);
            return Ok(ShareRate::PerSale(SaleRate { percent: percent(one)?, fixed, floor, cap }));
        }
        (None, Some(tiers), None) => (Walk::Graduated, tiers),
        (None, None, Some(tiers)) => (Walk::Volume, tiers),
        _ => return Err(wrong()),
    };
    let band = |tier: &Tier| Ok(TierBand { up_to: tier.up_to, percent: percent(&tier.percent)? });
    let terms = TierTerms {
        walk,
        bands: tiers.iter().map(band).collect::<Result<_, StoreError>>()?,
        over: item.over.as_deref().and_then(Over::named).ok_or_else(wrong)?,
        across: item.across.as_deref().and_then(Across::named).ok_or_else(wrong)?,
        floor: item.period_floor,
        cap: item.period_cap,
    };
    Ok(ShareRate::Tiers(Arc::new(Tiers::new(terms, currency).map_err(|_| wrong())?)))
}

fn names<T: FromStr>(texts: &[String]) -> Result<Vec<T>, StoreError> {
    texts.iter().map(|text| text.parse().map_err(|_| wrong())).collect()
}

fn split(weights: Vec<(String, u64)>) -> Result<Split<Receiver>, StoreError> {
    let parts = weights.into_iter().map(|(name, weight)| Some((Receiver::named(&name)?, weight)));
    Split::new(parts.collect::<Option<_>>().ok_or_else(wrong)?).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;
    use crate::domain::id::ItemName;
    use crate::domain::location::Location;
    use crate::domain::share::Share;

    #[test]
    fn an_item_survives_its_form() {
        let source = Location { file: "plans/p.yaml".into(), line: 3, column: 9 };
        let plain = Share::of_percent(parse_decimal("2.50").unwrap(), source.clone()).items.remove(0);
        let text = serde_json::to_string(&to_json(&plain)).unwrap();
        let place = r#""source":{"file":"plans/p.yaml","line":3,"column":9}"#;
        assert_eq!(text, format!(r#"{{"item":"share","percent":"2.5",{place}}}"#));
        let receivers = [Receiver::Platform, Receiver::Merchant, Receiver::named("carrier").unwrap()];
        let full = ShareItem {
            categories: vec!["ebook".parse().unwrap()],
            routes: vec!["place-order".parse().unwrap()],
            base: Base { tax: Held::Out, shipping: Held::Out },
            rate: ShareRate::PerSale(SaleRate {
                fixed: 7,
                floor: Some(10),
                cap: Some(5_000),
                ..SaleRate::percent(1.into())
            }),
            paid_by: Payer::Merchant,
            split: Some(Split::new(receivers.into_iter().zip([70, 20, 10]).collect()).unwrap()),
            earned: Earned::OnSettlement,
            settles_within: Some(Duration::from_secs(86_400)),
            ..ShareItem::new(ItemName::new("digital").unwrap(), ShareRate::percent(1.into()), source)
        };
        let currency = "CNY".parse().unwrap();
        let tiered = |walk, cap| {
            let band = |up_to, percent: i64| TierBand { up_to, percent: percent.into() };
            let bands = vec![band(Some(100_000_000), 3), band(None, 2)];
            let terms =
                TierTerms { walk, bands, over: Over::Month, across: Across::Partner, floor: None, cap };
            let rate = ShareRate::Tiers(Arc::new(Tiers::new(terms, currency).unwrap()));
            ShareItem { rate, ..full.clone() }
        };
        let (graduated, volume) = (tiered(Walk::Graduated, None), tiered(Walk::Volume, Some(5)));
        let kept = serde_json::to_string(&to_json(&ShareItem { rate: volume.rate.clone(), ..plain.clone() }))
            .unwrap();
        let bands = r#""volume":[{"up_to":100000000,"percent":"3"},{"percent":"2"}],"over":"month","across":"partner","period_cap":5"#;
        assert_eq!(kept, format!(r#"{{"item":"share",{bands},{place}}}"#));
        for item in [plain, full, graduated, volume] {
            let text = serde_json::to_string(&to_json(&item)).unwrap();
            assert_eq!(from_json(serde_json::from_str(&text).unwrap(), currency).unwrap(), item);
        }
        for broken in [
            r#""percent":"x""#,
            r#""percent":"1","earned":"soon""#,
            r#""percent":"1","split":[]"#,
            r#""percent":"1","paid_by":"nobody""#,
            r#""volume":[{"percent":"2"}],"over":"month""#,
            r#""percent":"1","volume":[{"percent":"2"}],"over":"month","across":"app""#,
        ] {
            let text = format!(r#"{{"item":"a",{broken},{place}}}"#);
            assert!(from_json(serde_json::from_str(&text).unwrap(), currency).is_err(), "{broken}");
        }
    }
}
