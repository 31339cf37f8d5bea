//! The bytes of contents, and what is read of those of any form.

use super::*;
use crate::domain::charge::LineKey;
use crate::domain::location::Location;
use crate::domain::money::{Amount, Currency, Rounding, parse_decimal};
use crate::domain::plan::PlanRef;
use crate::domain::running_total::Units;
use crate::domain::statement::{Paid, StatementStanding};
use crate::domain::tariff::{Band, FeeItem, FeePrice, FeeTerms};
use crate::domain::working::{LineName, Working};
use crate::store::statement::KeptStatement;

fn line(kind: ChargeKind, minor: i64) -> StatementLine {
    let currency: Currency = "CNY".parse().unwrap();
    let is_fee = kind == ChargeKind::ServiceFee;
    StatementLine {
        key: LineKey {
            partner: "acme".parse().unwrap(),
            app: "app_1".parse().unwrap(),
            period: "2026-11".parse().unwrap(),
            currency,
            service_period: if is_fee { "2026-11" } else { "2026-10" }.parse().unwrap(),
            kind,
            product: "store.front".parse().unwrap(),
            plan: PlanRef { name: "pro@home".parse().unwrap(), version: 3 },
            item: None,
        },
        charges: 2,
        quantity: 5,
        free: if is_fee { 7 } else { 0 },
        rate: parse_decimal("0.0100").unwrap(),
        price: None,
        base: (!is_fee).then_some(Amount { minor: -10_000, currency }),
        amount: Amount { minor, currency },
        rule: rule(),
        working: None,
        corrects: None,
    }
}

fn rule() -> Location {
    Location { file: "plans/a:b.yaml".into(), line: 12, column: 7 }
}

/// How units of an item come to an amount beside what was billed before.
fn working(item: &FeeItem, (all, free): (u64, u64), billed_before: i64, with: &[u32]) -> Working {
    let units = Units { all, free, promoted: Vec::new() };
    Working {
        steps: item.steps(&units).unwrap(),
        exact: item.amount(units.charged(), &[]).unwrap(),
        rounding: Rounding::HalfUp,
        billed_before: Amount { minor: billed_before, currency: "CNY".parse().unwrap() },
        with: with.to_vec(),
    }
}

fn item(price: FeePrice) -> FeeItem {
    let terms = FeeTerms { price, ..FeeTerms::calls(rust_decimal::Decimal::ZERO, 0, rule()) };
    FeeItem::new(terms, "CNY".parse().unwrap()).unwrap()
}

fn sample() -> Statement {
    let mut lines = vec![line(ChargeKind::ServiceFee, 5), line(ChargeKind::ShareReversal, -250)];
    let each = item(FeePrice::PerUnit(parse_decimal("0.01").unwrap()));
    lines[0].working = Some(working(&each, (12, 7), 0, &[]));
    lines[1].corrects = Some(LineName { statement: 17, place: 2 });
    let currency = "CNY".parse().unwrap();
    let totals = Totals::of(&lines, currency).unwrap();
    let (partner, app) = ("acme".parse().unwrap(), "app_1".parse().unwrap());
    let period = "2026-11".parse().unwrap();
    let amount = |minor| Amount { minor, currency };
    let paid = Some(Paid { from_balance: amount(5), left: amount(-250) });
    Statement { standing: StatementStanding::Draft, partner, app, period, currency, lines, totals, paid }
}

fn kept(content: &str) -> KeptStatement {
    KeptStatement {
        number: 42,
        partner: "acme".to_owned(),
        app: "app_1".to_owned(),
        period: "2026-11".to_owned(),
        currency: "CNY".to_owned(),
        closed_at: Timestamp::from_seconds(1_796_054_400),
        hash: "h".to_owned(),
        content: content.to_owned(),
    }
}

/// These bytes are hashed and kept for years: a change of them is a new form.
const GOLDEN: &str = concat!(
    r#"{"format":4,"number":42,"closed_at":"2026-11-30T16:00:00Z","partner":"acme","app":"app_1","#,
    r#""period":"2026-11","currency":"CNY","lines":["#,
    r#"{"place":1,"id":"CNY 2026-11 service_fee store.front pro@home@3","kind":"service_fee","#,
    r#""product":"store.front","plan":"pro@home@3","service_period":"2026-11","is_adjustment":false,"#,
    r#""charges":2,"units":5,"free_units":7,"unit_price":"0.01","steps":["#,
    r#"{"of":"free","units":7,"each":"0","flat":"0","exact":"0"},"#,
    r#"{"of":"each","units":5,"each":"0.01","flat":"0","exact":"0.05"}],"exact":"0.05","#,
    r#""rounding":"half-up","billed_before":"0.00","amount":"0.05","currency":"CNY","#,
    r#""rule":"plans/a:b.yaml:12:7"},"#,
    r#"{"place":2,"id":"CNY 2026-10 share_reversal store.front pro@home@3","kind":"share_reversal","#,
    r#""product":"store.front","plan":"pro@home@3","service_period":"2026-10","is_adjustment":true,"#,
    r#""corrects":{"statement":17,"line":2},"charges":2,"transactions":5,"base":"-100.00","percent":"0.01","amount":"-2.50","currency":"CNY","#,
    r#""rule":"plans/a:b.yaml:12:7"}],"fees":"0.05","share":"0.00","adjustments":"-2.50","total":"-2.45","#,
    r#""paid_from_balance":"0.05","left_to_pay":"-2.50"}"#,
);

/// What the form before was.
const FORM_3: &str = concat!(
    r#"{"format":3,"number":42,"closed_at":"2026-11-30T16:00:00Z","partner":"acme","app":"app_1","#,
    r#""period":"2026-11","currency":"CNY","lines":["#,
    r#"{"id":"CNY 2026-11 service_fee store.front pro@home@3","kind":"service_fee","product":"store.front","#,
    r#""plan":"pro@home@3","service_period":"2026-11","is_adjustment":false,"charges":2,"units":5,"#,
    r#""free_units":7,"unit_price":"0.01","amount":"0.05","currency":"CNY","rule":"plans/a:b.yaml:12:7"},"#,
    r#"{"id":"CNY 2026-10 share_reversal store.front pro@home@3","kind":"share_reversal","#,
    r#""product":"store.front","plan":"pro@home@3","service_period":"2026-10","is_adjustment":true,"#,
    r#""charges":2,"transactions":5,"base":"-100.00","percent":"0.01","amount":"-2.50","currency":"CNY","#,
    r#""rule":"plans/a:b.yaml:12:7"}],"fees":"0.05","share":"0.00","adjustments":"-2.50","total":"-2.45","#,
    r#""paid_from_balance":"0.05","left_to_pay":"-2.50"}"#,
);

#[test]
fn a_content_is_these_very_bytes_and_is_read_back() {
    let at = Timestamp::from_seconds(1_796_054_400);
    assert_eq!(write(&sample(), 42, at).unwrap(), GOLDEN);
    let standing = StatementStanding::Final { number: 42, closed_at: at, hash: "h".to_owned() };
    assert_eq!(read(&kept(GOLDEN)).unwrap(), Statement { standing, ..sample() });
}

#[test]
fn a_line_of_an_item_with_a_price_in_words_is_read_back() {
    let mut tiered = line(ChargeKind::Rewalk, 5);
    tiered.key.item = Some("orders".parse().unwrap());
    tiered.price = Some("volume: 0.01 each to unit 10, 0.005 each beyond".into());
    (tiered.rate, tiered.base) = (rust_decimal::Decimal::ZERO, None);
    let statement = Statement { lines: vec![tiered], ..sample() };
    let text = write(&statement, 42, Timestamp::from_seconds(1_796_054_400)).unwrap();
    for part in [
        r#""id":"CNY 2026-10 rewalk store.front pro@home@3 orders","#,
        r#""plan":"pro@home@3","item":"orders","#,
        r#""price":"volume: 0.01 each to unit 10, 0.005 each beyond","amount":"#,
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(read(&kept(&text)).unwrap().lines, statement.lines);
}

#[test]
fn what_is_charged_by_the_month_is_read_back() {
    let monthly = |kind, price: &str, base| {
        let mut line = line(kind, 5);
        (line.quantity, line.rate, line.price, line.base) =
            (13, rust_decimal::Decimal::ZERO, Some(price.into()), base);
        line
    };
    let base = Amount { minor: 21_667, currency: "CNY".parse().unwrap() };
    let fee = monthly(ChargeKind::MonthlyFee, "99.00 for a month of 30 days", None);
    let minimum = monthly(ChargeKind::Minimum, "at least 500.00 for a month of 30 days", Some(base));
    let statement = Statement { lines: vec![fee, minimum], ..sample() };
    let text = write(&statement, 42, Timestamp::from_seconds(1_796_054_400)).unwrap();
    for part in [
        r#""charges":2,"price":"99.00 for a month of 30 days","days":13,"amount":"0.05""#,
        r#""price":"at least 500.00 for a month of 30 days","days":13,"base":"216.67","amount":"0.05""#,
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(read(&kept(&text)).unwrap().lines, statement.lines);
}

#[test]
fn how_a_line_is_reckoned_is_read_back_and_comes_to_the_lines_together() {
    let band = |up_to, each: &str, flat: &str| Band {
        up_to,
        each: parse_decimal(each).unwrap(),
        flat: parse_decimal(flat).unwrap(),
    };
    let graduated = FeePrice::Graduated(vec![band(Some(3), "0.0125", "0"), band(None, "0.01", "0.5")]);
    let package = FeePrice::Package { size: 2.try_into().unwrap(), price: parse_decimal("0.3").unwrap() };
    for (price, told) in [
        (
            graduated,
            r#""steps":[{"of":"free","units":7,"each":"0","flat":"0","exact":"0"},{"of":"band 1","units":3,"each":"0.0125","flat":"0","exact":"0.0375"},{"of":"band 2","units":2,"each":"0.01","flat":"0.5","exact":"0.52"}],"exact":"0.5575","rounding":"half-up","billed_before":"0.25","with":[2],"amount":"0.26""#,
        ),
        (
            package,
            r#"{"of":"packages of 2","units":5,"packages":3,"each":"0.3","flat":"0","exact":"0.9"}],"exact":"0.9""#,
        ),
    ] {
        let item = item(price);
        let mut lines = vec![line(ChargeKind::ServiceFee, 26), line(ChargeKind::Rewalk, 5)];
        for (line, with) in lines.iter_mut().zip([2, 1]) {
            (line.price, line.rate, line.base) = (item.words().cloned(), rust_decimal::Decimal::ZERO, None);
            line.working = Some(working(&item, (12, 7), 25, &[with]));
        }
        let text = write(&Statement { lines: lines.clone(), ..sample() }, 42, Timestamp::default()).unwrap();
        assert!(text.contains(told), "{text}");
        assert_eq!(read(&kept(&text)).unwrap().lines, lines);
        for (part, wrong, field) in [
            (r#""of":"free""#, r#""of":"gratis""#, "steps"),
            (r#""exact":"0"}"#, r#""exact":"0,0"}"#, "steps"),
            (r#""place":2"#, r#""place":3"#, "place"),
            (r#""rounding":"half-up""#, r#""rounding":"up""#, "rounding"),
            (r#""billed_before":"0.25""#, r#""billed_before":"0.255""#, "billed_before"),
        ] {
            let changed = text.replacen(part, wrong, 1);
            assert_ne!(changed, text);
            let reason = read(&kept(&changed)).unwrap_err().reason;
            assert!(reason.contains(field), "{reason}");
        }
    }
    let volume = FeePrice::Volume(vec![band(Some(3), "0.0125", "0"), band(None, "0.01", "0.5")]);
    let fallen = working(&item(volume), (5, 0), 60, &[]);
    assert_eq!(fallen.comes_to().map(|amount| amount.minor), Ok(-5), "0.55, of which 0.60 was billed");
}

#[test]
fn the_forms_before_are_read_and_a_later_one_is_not() {
    let untold = FORM_3.replace(r#","paid_from_balance":"0.05","left_to_pay":"-2.50""#, "");
    let start = r#"{"format":3,"number":42,"closed_at":"2026-11-30T16:00:00Z","#;
    let first = untold.replace(start, "{");
    let second = untold.replace(r#""format":3"#, r#""format":1"#);
    let third = untold.replace(r#""format":3"#, r#""format":2"#);
    let told = read(&kept(GOLDEN)).unwrap();
    let lines: Vec<StatementLine> = told.lines.iter().map(StatementLine::untold).collect();
    let fourth = Statement { lines, ..told };
    assert_eq!(read(&kept(FORM_3)).unwrap(), fourth);
    for before in [first, second, third] {
        let expected = Statement { paid: None, ..fourth.clone() };
        assert_eq!(read(&kept(&before)).unwrap(), expected);
    }
    let later = GOLDEN.replace(r#""format":4"#, r#""format":5"#);
    assert!(read(&kept(&later)).unwrap_err().reason.contains("form 5"));
    for (text, wrong, field) in [
        (r#""fees":"0.05""#, r#""fees":"0,05""#, "fees"),
        (r#""amount":"-2.50""#, r#""amount":"-2.505""#, "amount"),
        (r#""partner":"acme""#, r#""partner":"a b""#, "partner"),
        (r#""plan":"pro@home@3""#, r#""plan":"pro@home""#, "plan"),
    ] {
        let reason = read(&kept(&GOLDEN.replacen(text, wrong, 1))).unwrap_err().reason;
        assert!(reason.contains(field), "{reason}");
    }
    assert!(read(&kept("{")).is_err());
}
