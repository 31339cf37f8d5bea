//! An item of a tariff's share, as it is kept. Amounts are minor units; what an item does not say is left out.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Place, wrong};
use crate::domain::money::parse_decimal;
use crate::domain::share::{Base, Earned, Held, Receiver, ShareItem, ShareRate};
use crate::domain::split::Split;
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
    percent: String,
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
    let ShareItem { name, categories, routes, base, rate, split, earned, settles_within, source } = item;
    let weight = |(receiver, weight): &(Receiver, u64)| (receiver.name().to_owned(), *weight);
    Item {
        item: name.to_string(),
        categories: categories.iter().map(ToString::to_string).collect(),
        routes: routes.iter().map(ToString::to_string).collect(),
        tax: out(base.tax),
        shipping: out(base.shipping),
        percent: rate.percent.normalize().to_string(),
        fixed: Some(rate.fixed).filter(|fixed| *fixed != 0),
        floor: rate.floor,
        cap: rate.cap,
        split: split.as_ref().map(|split| split.weights().iter().map(weight).collect()),
        earned: Some(*earned)
            .filter(|earned| *earned != Earned::default())
            .map(|earned| earned.name().to_owned()),
        settles_within: settles_within.map(|span| span.as_secs()),
        source: Place::from(source),
    }
}

/// An item from what is kept.
pub(super) fn from_json(item: Item) -> Result<ShareItem, StoreError> {
    let earned = match item.earned.as_deref() {
        None => Earned::default(),
        Some(name) => Earned::named(name).ok_or_else(wrong)?,
    };
    Ok(ShareItem {
        name: item.item.parse().map_err(|_| wrong())?,
        categories: names(&item.categories)?,
        routes: names(&item.routes)?,
        base: Base { tax: held(item.tax), shipping: held(item.shipping) },
        rate: ShareRate {
            percent: parse_decimal(&item.percent).map_err(|_| wrong())?,
            fixed: item.fixed.unwrap_or(0),
            floor: item.floor,
            cap: item.cap,
        },
        split: item.split.map(split).transpose()?,
        earned,
        settles_within: item.settles_within.map(Duration::from_secs),
        source: item.source.into(),
    })
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
            rate: ShareRate { fixed: 7, floor: Some(10), cap: Some(5_000), ..ShareRate::percent(1.into()) },
            split: Some(Split::new(receivers.into_iter().zip([70, 20, 10]).collect()).unwrap()),
            earned: Earned::OnSettlement,
            settles_within: Some(Duration::from_secs(86_400)),
            ..ShareItem::new(ItemName::new("digital").unwrap(), ShareRate::percent(1.into()), source)
        };
        for item in [plain, full] {
            let text = serde_json::to_string(&to_json(&item)).unwrap();
            assert_eq!(from_json(serde_json::from_str(&text).unwrap()).unwrap(), item);
        }
        for broken in [r#""percent":"x""#, r#""percent":"1","earned":"soon""#, r#""percent":"1","split":[]"#]
        {
            let text = format!(r#"{{"item":"a",{broken},{place}}}"#);
            assert!(from_json(serde_json::from_str(&text).unwrap()).is_err(), "{broken}");
        }
    }
}
