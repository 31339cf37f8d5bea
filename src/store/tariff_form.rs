//! Prices as a plan version keeps them: JSON of a numbered form, with fields in a fixed order and decimals as texts.
//!
//! A later form is another number; what was written in an earlier one is read for ever.

mod fee;
mod share;

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use crate::domain::location::Location;
use crate::domain::money::{Currency, Rounding};
use crate::domain::recurring::{Monthly, Recurring};
use crate::domain::share::Share;
use crate::domain::tariff::Tariff;

/// The form that is written of prices of which the first programs with forms knew all. Rows without one have their prices in columns.
const FIRST: i64 = 1;
/// The form with what recurs by the month.
const RECURRING: i64 = 2;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    fees: Vec<fee::Item>,
    /// The items of the share; none if there is no share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shares: Vec<share::Item>,
    /// By the month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    monthly_fee: Option<Month>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    minimum: Option<Month>,
}

/// An amount of a month.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Month {
    minor: i64,
    source: Place,
}

impl From<&Monthly> for Month {
    fn from(monthly: &Monthly) -> Self {
        Self { minor: monthly.minor, source: Place::from(&monthly.source) }
    }
}

impl TryFrom<Month> for Monthly {
    type Error = StoreError;

    fn try_from(Month { minor, source }: Month) -> Result<Self, StoreError> {
        let minor = Some(minor).filter(|minor| *minor >= 0).ok_or_else(wrong)?;
        Ok(Self { minor, source: source.into() })
    }
}

/// Where something stands in the policy files.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    file: String,
    line: u32,
    column: u32,
}

impl From<&Location> for Place {
    fn from(location: &Location) -> Self {
        let Location { file, line, column } = location;
        Self { file: file.to_string(), line: *line, column: *column }
    }
}

impl From<Place> for Location {
    fn from(Place { file, line, column }: Place) -> Self {
        Self { file: file.into(), line, column }
    }
}

fn wrong() -> StoreError {
    StoreError::corrupt("plan_version.tariff")
}

/// What a tariff says, and in which form.
///
/// # Errors
/// [`StoreError::Corrupt`] if JSON could not hold them.
pub(super) fn write(tariff: &Tariff) -> Result<(i64, String), StoreError> {
    let Recurring { fee, minimum } = &tariff.recurring;
    let document = Document {
        fees: tariff.fees.iter().map(|item| fee::to_json(item.terms())).collect(),
        shares: tariff.share.iter().flat_map(|share| &share.items).map(share::to_json).collect(),
        monthly_fee: fee.as_ref().map(Month::from),
        minimum: minimum.as_ref().map(Month::from),
    };
    let form = if tariff.recurring.is_none() { FIRST } else { RECURRING };
    Ok((form, serde_json::to_string(&document).map_err(|_| wrong())?))
}

/// The tariff that was written so in that form.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub(super) fn read(
    (form, text): (i64, &str),
    currency: Currency,
    rounding: Rounding,
) -> Result<Tariff, StoreError> {
    if !(FIRST..=RECURRING).contains(&form) {
        let known = format!("plan_version.form: {form}, and this program knows {FIRST} to {RECURRING}");
        return Err(StoreError::corrupt(known));
    }
    let document: Document = serde_json::from_str(text).map_err(|_| wrong())?;
    let item = |item| fee::from_json(item, currency);
    let fees = document.fees.into_iter().map(item).collect::<Result<_, _>>()?;
    let items: Vec<_> =
        document.shares.into_iter().map(|item| share::from_json(item, currency)).collect::<Result<_, _>>()?;
    let share = (!items.is_empty()).then_some(Share { items });
    let recurring = Recurring {
        fee: document.monthly_fee.map(Monthly::try_from).transpose()?,
        minimum: document.minimum.map(Monthly::try_from).transpose()?,
    };
    Ok(Tariff { currency, rounding, fees, share, recurring })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::money::parse_decimal;
    use crate::domain::share::{Base, Earned, Held, Receiver, SaleRate, ShareItem, ShareRate};
    use crate::domain::split::Split;
    use crate::domain::tariff::{Band, FeeItem, FeePrice, FeeTerms, Promotion};

    /// These bytes are kept for years: a change of them is a new form.
    const GOLDEN: &str = concat!(
        r#"{"fees":[{"item":"orders","routes":["place-order"],"free_units":0,"package":{"size":100,"price":"0.8"},"#,
        r#""promotions":[],"source":{"file":"plans/a.yaml","line":3,"column":7}},"#,
        r#"{"item":"calls","free_units":1000,"graduated":[{"up_to":10000,"each":"0.01","flat":"0"},"#,
        r#"{"each":"0.005","flat":"2"}],"cap":"20000","promotions":[{"from":"2027-02-01T00:00:00Z","#,
        r#""until":"2027-02-15T00:00:00Z","each":"0"}],"source":{"file":"plans/a.yaml","line":3,"column":7}}],"#,
        r#""shares":[{"item":"digital","categories":["ebook"],"tax":"out","percent":"1","floor":10,"#,
        r#""split":[["platform",70],["partner",30]],"earned":"on-settlement","settles_within":86400,"#,
        r#""source":{"file":"plans/a.yaml","line":3,"column":7}},{"item":"share","percent":"2.5","#,
        r#""source":{"file":"plans/a.yaml","line":3,"column":7}}]}"#,
    );

    fn tariff() -> Tariff {
        let number = |text: &str| parse_decimal(text).unwrap();
        let currency = "CNY".parse().unwrap();
        let source = Location { file: "plans/a.yaml".into(), line: 3, column: 7 };
        let orders = FeeTerms {
            name: "orders".parse().unwrap(),
            routes: Some(vec!["place-order".parse().unwrap()]),
            price: FeePrice::Package { size: 100.try_into().unwrap(), price: number("0.80") },
            ..FeeTerms::calls(number("0"), 0, source.clone())
        };
        let calls = FeeTerms {
            price: FeePrice::Graduated(vec![
                Band { up_to: Some(10_000), each: number("0.010"), flat: number("0.00") },
                Band { up_to: None, each: number("0.005"), flat: number("2") },
            ]),
            cap: Some(number("20000.00")),
            promotions: vec![Promotion {
                from: "2027-02-01T00:00:00Z".parse().unwrap(),
                until: "2027-02-15T00:00:00Z".parse().unwrap(),
                each: number("0"),
            }],
            ..FeeTerms::calls(number("0"), 1_000, source.clone())
        };
        let fees = [orders, calls].map(|terms| FeeItem::new(terms, currency).unwrap()).into();
        let digital = ShareItem {
            categories: vec!["ebook".parse().unwrap()],
            base: Base { tax: Held::Out, shipping: Held::In },
            rate: ShareRate::PerSale(SaleRate { floor: Some(10), ..SaleRate::percent(1.into()) }),
            split: Some(Split::new(vec![(Receiver::Platform, 70), (Receiver::Partner, 30)]).unwrap()),
            earned: Earned::OnSettlement,
            settles_within: Some(Duration::from_secs(86_400)),
            ..ShareItem::new("digital".parse().unwrap(), ShareRate::percent(1.into()), source.clone())
        };
        let mut share = Share::of_percent(number("2.50"), source);
        share.items.insert(0, digital);
        let (rounding, recurring) = (Rounding::HalfEven, Recurring::default());
        Tariff { currency, rounding, fees, share: Some(share), recurring }
    }

    #[test]
    fn a_tariff_is_these_very_bytes_and_is_read_back() {
        let tariff = tariff();
        assert_eq!(write(&tariff).unwrap(), (FIRST, GOLDEN.to_owned()));
        let read = |(form, text): (i64, &str)| read((form, text), tariff.currency, tariff.rounding);
        let again = read((FIRST, GOLDEN)).unwrap();
        assert!(again.prices_like(&tariff), "{again:?}");
        let bare = Tariff { fees: Vec::new(), share: None, ..tariff.clone() };
        let (form, text) = write(&bare).unwrap();
        assert_eq!(read((form, &text)).unwrap(), bare);
    }

    #[test]
    fn what_recurs_is_of_a_form_of_its_own() {
        let source = Location { file: "plans/a.yaml".into(), line: 3, column: 7 };
        let monthly = |minor| Some(Monthly { minor, source: source.clone() });
        let recurring = Recurring { fee: monthly(9_900), minimum: monthly(50_000) };
        let tariff = Tariff { fees: Vec::new(), share: None, recurring, ..tariff() };
        let golden = concat!(
            r#"{"fees":[],"monthly_fee":{"minor":9900,"source":{"file":"plans/a.yaml","line":3,"column":7}},"#,
            r#""minimum":{"minor":50000,"source":{"file":"plans/a.yaml","line":3,"column":7}}}"#,
        );
        assert_eq!(write(&tariff).unwrap(), (RECURRING, golden.to_owned()));
        let read = |text: &str| read((RECURRING, text), tariff.currency, tariff.rounding);
        assert_eq!(read(golden).unwrap(), tariff);
        assert!(read(&golden.replace("9900", "-1")).is_err());
        let elsewhere = Location { line: 9, ..source.clone() };
        let moved =
            Recurring { fee: Some(Monthly { minor: 9_900, source: elsewhere }), ..tariff.recurring.clone() };
        assert!(tariff.prices_like(&Tariff { recurring: moved, ..tariff.clone() }));
        let dearer = Recurring { fee: monthly(9_901), ..tariff.recurring.clone() };
        assert!(!tariff.prices_like(&Tariff { recurring: dearer, ..tariff.clone() }));
    }

    #[test]
    fn what_is_no_tariff_is_refused() {
        let tariff = tariff();
        let read = |form, text: &str| read((form, text), tariff.currency, tariff.rounding);
        assert!(read(3, GOLDEN).unwrap_err().to_string().contains("form"));
        for (text, wrong) in [
            (r#""each":"0.01""#, r#""each":"0,01""#),
            (r#""cap":"20000""#, r#""cap":"-1""#),
            (r#""up_to":10000,"#, ""),
            (r#""size":100"#, r#""size":0"#),
            (r#""free_units":0"#, r#""free_units":0,"per_unit":"1""#),
            (r#""percent":"2.5""#, r#""percent":2.5"#),
            (r#""item":"calls""#, r#""item":"""#),
        ] {
            let text = GOLDEN.replacen(text, wrong, 1);
            assert!(matches!(read(FIRST, &text), Err(StoreError::Corrupt { .. })), "{text}");
        }
    }
}
