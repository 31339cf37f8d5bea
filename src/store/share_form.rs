//! Revenue shares as the store has them: JSON, by the names that policies use. Amounts are minor units.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::error::StoreError;
use super::row::{known, parse};
use crate::domain::location::Location;
use crate::domain::money::parse_decimal;
use crate::domain::share::{Base, Earned, Held, Receiver, Share, ShareItem, ShareRate};
use crate::domain::split::Split;

/// A share as it is kept. What an item does not say is left out.
#[must_use]
pub fn to_json(share: &Share) -> Value {
    Value::Array(share.items.iter().map(item_to_json).collect())
}

fn item_to_json(item: &ShareItem) -> Value {
    let ShareItem { name, categories, routes, base, rate, split, earned, settles_within, source } = item;
    let texts = |texts: Vec<&str>| (!texts.is_empty()).then(|| json!(texts));
    let out = |part: Held| (part == Held::Out).then(|| json!("out"));
    let split = split.as_ref().map(|split| {
        let weight = |(receiver, weight): &(Receiver, u64)| json!([receiver.name(), weight]);
        Value::Array(split.weights().iter().map(weight).collect())
    });
    let fields = [
        ("item", Some(json!(name.as_str()))),
        ("categories", texts(categories.iter().map(|name| name.as_str()).collect())),
        ("routes", texts(routes.iter().map(|name| name.as_str()).collect())),
        ("tax", out(base.tax)),
        ("shipping", out(base.shipping)),
        ("percent", Some(json!(rate.percent.to_string()))),
        ("fixed", (rate.fixed != 0).then(|| json!(rate.fixed))),
        ("floor", rate.floor.map(|floor| json!(floor))),
        ("cap", rate.cap.map(|cap| json!(cap))),
        ("split", split),
        ("earned", (*earned != Earned::default()).then(|| json!(earned.name()))),
        ("settles_within", settles_within.map(|span| json!(span.as_secs()))),
        ("file", Some(json!(source.file.to_string()))),
        ("line", Some(json!(source.line))),
        ("column", Some(json!(source.column))),
    ];
    let there = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(there.collect::<Map<String, Value>>())
}

/// A share that [`to_json`] wrote.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn from_json(value: &Value) -> Result<Share, StoreError> {
    let items = known("share", value.as_array())?;
    let items: Vec<ShareItem> = items.iter().map(item_from_json).collect::<Result<_, _>>()?;
    if items.is_empty() { Err(StoreError::corrupt("share")) } else { Ok(Share { items }) }
}

fn item_from_json(value: &Value) -> Result<ShareItem, StoreError> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let whole = |what: &'static str, name: &str| {
        let whole = |value: &Value| known(what, value.as_i64());
        value.get(name).map(whole).transpose()
    };
    let held = |name: &str| if text(name) == Some("out") { Held::Out } else { Held::In };
    let place = |name: &str| {
        let place = value.get(name).and_then(Value::as_u64).and_then(|place| u32::try_from(place).ok());
        known("share.place", place)
    };
    let percent = known("share.percent", text("percent"))?;
    let earned = match text("earned") {
        None => Earned::default(),
        Some(name) => known("share.earned", Earned::named(name))?,
    };
    let settles_within = match value.get("settles_within") {
        None => None,
        Some(seconds) => Some(Duration::from_secs(known("share.settles_within", seconds.as_u64())?)),
    };
    Ok(ShareItem {
        name: parse("share.item", known("share.item", text("item"))?)?,
        categories: names("share.categories", value.get("categories"))?,
        routes: names("share.routes", value.get("routes"))?,
        base: Base { tax: held("tax"), shipping: held("shipping") },
        rate: ShareRate {
            percent: parse_decimal(percent).map_err(|_| StoreError::corrupt("share.percent"))?,
            fixed: whole("share.fixed", "fixed")?.unwrap_or(0),
            floor: whole("share.floor", "floor")?,
            cap: whole("share.cap", "cap")?,
        },
        split: value.get("split").map(split_from_json).transpose()?,
        earned,
        settles_within,
        source: Location {
            file: known("share.file", text("file"))?.into(),
            line: place("line")?,
            column: place("column")?,
        },
    })
}

fn names<T: std::str::FromStr>(what: &'static str, value: Option<&Value>) -> Result<Vec<T>, StoreError> {
    let values = match value {
        None => return Ok(Vec::new()),
        Some(value) => known(what, value.as_array())?,
    };
    values.iter().map(|name| parse(what, known(what, name.as_str())?)).collect()
}

fn split_from_json(value: &Value) -> Result<Split<Receiver>, StoreError> {
    let parts = weights(value)?.into_iter().map(|(name, weight)| {
        let receiver = Receiver::named(&name).ok_or_else(|| StoreError::corrupt("share.split"))?;
        Ok((receiver, weight))
    });
    Split::new(parts.collect::<Result<_, StoreError>>()?).map_err(|_| StoreError::corrupt("share.split"))
}

/// `[["platform", 70], ["partner", 30]]`.
pub(super) fn weights(value: &Value) -> Result<Vec<(String, u64)>, StoreError> {
    let parts = known("share.split", value.as_array())?;
    let part = |part: &Value| {
        let (name, weight) = (part.get(0).and_then(Value::as_str), part.get(1).and_then(Value::as_u64));
        Ok((known("share.split", name)?.to_owned(), known("share.split", weight)?))
    };
    parts.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;
    use crate::domain::id::ItemName;

    #[test]
    fn a_share_survives_its_form() {
        let source = Location { file: "plans/p.yaml".into(), line: 3, column: 9 };
        let plain = Share::of_percent(parse_decimal("2.50").unwrap(), source.clone());
        assert_eq!(
            to_json(&plain).to_string(),
            json!([{"item": "share", "percent": "2.50", "file": "plans/p.yaml", "line": 3, "column": 9}])
                .to_string()
        );
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
        for share in [plain.clone(), Share { items: vec![full, plain.items[0].clone()] }] {
            assert_eq!(from_json(&to_json(&share)).unwrap(), share);
        }
        for broken in ["[]", "{}", "[{}]", r#"[{"item":"a","percent":"x","file":"f","line":1,"column":1}]"#] {
            assert!(from_json(&serde_json::from_str(broken).unwrap()).is_err(), "{broken}");
        }
    }
}
