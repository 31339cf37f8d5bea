//! What items come to, and what is no item.

use super::*;
use crate::domain::charge::Position;
use crate::domain::money::parse_decimal;

fn cny() -> Currency {
    "CNY".parse().unwrap()
}

fn number(text: &str) -> Decimal {
    parse_decimal(text).unwrap()
}

fn band(up_to: Option<u64>, each: &str) -> Band {
    Band { up_to, each: number(each), flat: Decimal::ZERO }
}

fn promotion(from: &str, until: &str, each: &str) -> Promotion {
    let time = |day: &str| format!("2027-02-{day}T00:00:00Z").parse().unwrap();
    Promotion { from: time(from), until: time(until), each: number(each) }
}

fn terms() -> FeeTerms {
    let source = Location { file: "plans/a.yaml".into(), line: 1, column: 1 };
    FeeTerms::calls(number("0.01"), 0, source)
}

#[test]
fn an_item_comes_to_its_price_and_its_promotions_up_to_its_cap() {
    let graduated = FeePrice::Graduated(vec![band(Some(10), "1"), band(None, "0.5")]);
    let promotions = vec![promotion("01", "02", "0.25"), promotion("02", "03", "0")];
    let item =
        FeeItem::new(FeeTerms { price: graduated, promotions, cap: Some(number("12")), ..terms() }, cny());
    let item = item.unwrap();
    let minor = |charged, promoted: &[u64]| {
        item.amount(charged, promoted).unwrap().rounded(cny(), Rounding::HalfUp).unwrap().minor
    };
    assert_eq!((minor(0, &[]), minor(12, &[]), minor(12, &[3, 100])), (0, 1_100, 1_175));
    assert_eq!(minor(14, &[1]), 1_200, "no more than the cap");
    let words = "graduated: 1 each to unit 10, 0.5 each beyond; 0.25 each from 2027-02-01T00:00:00Z until \
                 2027-02-02T00:00:00Z; 0 each from 2027-02-02T00:00:00Z until 2027-02-03T00:00:00Z; at most 12";
    assert_eq!(item.words().map(|words| &**words), Some(words));
    let at = |text: &str| item.promotion_at(text.parse().unwrap());
    assert_eq!((at("2027-02-01T23:59:59Z"), at("2027-02-02T00:00:00Z")), (Some(0), Some(1)));
    assert_eq!((at("2027-01-31T23:59:59Z"), at("2027-02-03T00:00:00Z")), (None, None));
    assert_eq!(item.position(8, 12), (Position::Bands { first: 1, last: 2 }, number("0.5")));
    assert_eq!(item.position(3, 3), (Position::Bands { first: 1, last: 1 }, number("1")), "of free units");
    assert_eq!(item.promoted_position(0), (Position::Promotion(1), number("0.25")));
}

#[test]
fn what_is_no_item_is_refused_with_its_place() {
    let wrong = |terms: FeeTerms| FeeItem::new(terms, cny()).unwrap_err().to_string();
    let priced = |price| wrong(FeeTerms { price, ..terms() });
    let promoted = |promotions| wrong(FeeTerms { promotions, ..terms() });
    let capped = |cap: &str| wrong(FeeTerms { cap: Some(number(cap)), ..terms() });
    for (told, part) in [
        (priced(FeePrice::PerUnit(number("-1"))), "-1 is no price"),
        (priced(FeePrice::Graduated(Vec::new())), "there is no band"),
        (priced(FeePrice::Volume(vec![band(None, "1"), band(None, "1")])), "band 1 has no up_to"),
        (priced(FeePrice::Volume(vec![band(Some(1), "1")])), "band 1 is the last"),
        (
            priced(FeePrice::Volume(vec![band(Some(5), "1"), band(Some(5), "1"), band(None, "1")])),
            "a band ends at 5, and the one before it at 5",
        ),
        (capped("-0.01"), "-0.01 is no amount"),
        (capped("0.001"), "0.001 is no amount"),
        (promoted(vec![promotion("02", "02", "0")]), "promotion 1 ends before it has begun"),
        (
            promoted(vec![promotion("01", "03", "0"), promotion("02", "04", "0")]),
            "promotions 1 and 2 overlap",
        ),
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn the_first_item_that_has_the_route_is_the_one() {
    let item = |name: &str, routes: Option<Vec<RouteName>>| {
        FeeItem::new(FeeTerms { name: name.parse().unwrap(), routes, ..terms() }, cny()).unwrap()
    };
    let order: RouteName = "place-order".parse().unwrap();
    let other: RouteName = "list".parse().unwrap();
    let fees = vec![item("orders", Some(vec![order.clone()])), item("calls", None)];
    let mut tariff = Tariff {
        currency: cny(),
        rounding: Rounding::HalfUp,
        fees,
        share: None,
        recurring: Recurring::default(),
    };
    let of = |tariff: &Tariff, route| tariff.fee_of(route).map(|fee| fee.terms().name.to_string());
    assert_eq!(of(&tariff, Some(&order)).as_deref(), Some("orders"));
    assert_eq!(of(&tariff, Some(&other)).as_deref(), Some("calls"));
    assert_eq!((of(&tariff, None).as_deref(), tariff.charges_every_call()), (Some("calls"), true));
    tariff.fees.pop();
    assert_eq!((of(&tariff, Some(&other)), tariff.charges_every_call()), (None, false));
}
