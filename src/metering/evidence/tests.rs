//! What a call is worth by its meter, its status and what went by.

use crate::domain::location::Location;
use crate::domain::transaction::{Extent, Reach, TransactionKind};
use crate::policy::asked_of_caller::AskedOfCaller;
use crate::policy::body_reading::BodyReading;
use crate::policy::expression::{Declared, Expression, Wanted};
use crate::policy::snapshot::{BodiesRead, TransactionMeter};

use super::*;

mod bodies;

fn expression(text: &str) -> Expression {
    wanted(text, Wanted::Identifier)
}

fn condition(text: &str) -> Option<Expression> {
    Some(wanted(text, Wanted::Truth))
}

fn wanted(text: &str, wanted: Wanted) -> Expression {
    let location = Location { file: "r.yaml".into(), line: 7, column: 3 };
    Expression::compile(text, location, &Declared::for_meters(&[], &["x-units"]), wanted).unwrap()
}

/// The meter, which reads what its expressions ask for.
fn reading(meter: Meter) -> Meter {
    let of = |variable| BodyReading::of(variable, meter.expressions()).unwrap();
    let bodies = BodiesRead { request: of("request"), response: of("response") };
    let asked = AskedOfCaller::by(&meter.expressions().collect::<Vec<_>>());
    Meter { bodies, asked, ..meter }
}

fn order_meter() -> Meter {
    reading(Meter {
        when: None,
        units: None,
        known: None,
        transaction: Some(TransactionMeter {
            id: expression("response.body.id"),
            of: None,
            amount: Some(expression("response.body.total_amount")),
            currency: expression("response.body.currency"),
            kind: TransactionKind::Sale,
            reach: Reach::OwnApp,
            tax: None,
            shipping: None,
            category: None,
            parties: Vec::new(),
        }),
        bodies: BodiesRead::default(),
        asked: AskedOfCaller::default(),
        headers: Vec::new(),
        max_capture: 1000,
        idempotent_for: None,
        source: Location { file: "r.yaml".into(), line: 7, column: 3 },
    })
}

fn evidence(status: u16, body: &[u8]) -> Evidence {
    evidence_by(&order_meter(), status, body)
}

fn evidence_by(meter: &Meter, status: u16, body: &[u8]) -> Evidence {
    evidence_coded(meter, status, (body, None))
}

fn evidence_coded(meter: &Meter, status: u16, (body, coding): (&[u8], Option<&str>)) -> Evidence {
    let nothing = Capture::nothing();
    let mut response = Capture::of(&meter.bodies.response, meter.max_capture, coding);
    response.push(body);
    let facts = CallFacts { status, response: &response, response_coding: coding, ..order(&nothing) };
    read(meter, &facts)
}

/// A call that places an order.
fn order(nothing: &Capture) -> CallFacts<'_> {
    CallFacts {
        method: "POST",
        path: "/api/orders",
        params: &[],
        query: Ok(""),
        status: 201,
        principal: &Principal::Anonymous,
        request: nothing,
        request_coding: None,
        response: nothing,
        response_coding: None,
        response_headers: None,
    }
}

#[test]
fn a_refund_names_its_sale_or_is_an_exception() {
    let mut meter = order_meter();
    let transaction = meter.transaction.as_mut().unwrap();
    transaction.kind = TransactionKind::Refund;
    transaction.of = Some(expression("response.body.order_id"));
    let meter = reading(meter);
    let body = br#"{"id":"r-1","order_id":"o-1","total_amount":"1.00","currency":"CNY"}"#;
    let Evidence::Billable { transaction: Some(refund), .. } = evidence_by(&meter, 201, body) else {
        panic!("{:?}", evidence_by(&meter, 201, body));
    };
    assert_eq!((refund.id.as_str(), refund.sale()), ("r-1", "o-1"));
    let nameless = br#"{"id":"r-1","total_amount":"1.00","currency":"CNY"}"#;
    assert!(matches!(evidence_by(&meter, 201, nameless), Evidence::Exception { .. }));
}

#[test]
fn what_is_of_the_rest_has_no_amount_and_a_sale_says_what_it_holds_and_who_has_a_part() {
    let mut meter = order_meter();
    let transaction = meter.transaction.as_mut().unwrap();
    (transaction.kind, transaction.reach, transaction.amount) =
        (TransactionKind::Settlement, Reach::AnyApp, None);
    let Evidence::Billable { transaction: Some(rest), .. } =
        evidence_by(&reading(meter), 200, br#"{"id":"s-1","currency":"CNY"}"#)
    else {
        panic!("a settlement of the rest is billable");
    };
    assert_eq!((rest.minor(), rest.details.extent, rest.details.reach), (None, Extent::Rest, Reach::AnyApp));

    let mut meter = order_meter();
    let transaction = meter.transaction.as_mut().unwrap();
    let held = |text: &str| Some(wanted(text, Wanted::OptionalAmount));
    let named = |text: &str| wanted(text, Wanted::OptionalIdentifier);
    (transaction.tax, transaction.shipping) = (held("response.body.tax"), held("'0.50'"));
    transaction.category = Some(named("response.body.category"));
    transaction.parties = vec![
        ("carrier".parse().unwrap(), named("response.body.carrier")),
        ("supplier".parse().unwrap(), named("null")),
    ];
    let meter = reading(meter);
    let body = br#"{"id":"o-1","total_amount":"9.00","currency":"CNY","tax":"1.17","category":"pen","carrier":"haulier"}"#;
    let Evidence::Billable { transaction: Some(sale), .. } = evidence_by(&meter, 201, body) else {
        panic!("{:?}", evidence_by(&meter, 201, body));
    };
    let details = sale.details;
    assert_eq!((details.tax, details.shipping), (Some(117), Some(50)));
    assert_eq!(details.category.as_ref().map(|category| category.as_str()), Some("pen"));
    let parties: Vec<_> = details.parties.iter().map(|(name, id)| (name.as_str(), id.as_str())).collect();
    assert_eq!(parties, [("carrier", "haulier")]);
    let taxless =
        br#"{"id":"o-1","total_amount":"9.00","currency":"CNY","category":"pen","carrier":"haulier"}"#;
    assert!(matches!(evidence_by(&meter, 201, taxless), Evidence::Exception { .. }));
}

#[test]
fn tax_and_shipping_that_are_null_are_absent_and_zero_is_zero() {
    let mut meter = order_meter();
    let transaction = meter.transaction.as_mut().unwrap();
    transaction.tax =
        Some(wanted("has(response.body.tax) ? response.body.tax : null", Wanted::OptionalAmount));
    transaction.shipping = Some(wanted("response.body.shipping", Wanted::OptionalAmount));
    let meter = reading(meter);
    for (rest, expected) in [
        (r#""shipping":null"#, Some((None, None))),
        (r#""tax":null,"shipping":"0""#, Some((None, Some(0)))),
        (r#""tax":"1.17","shipping":0.5"#, Some((Some(117), Some(50)))),
        (r#""tax":"-1","shipping":null"#, None),
        (r#""tax":false,"shipping":null"#, None),
        (r#""tax":"1.17""#, None),
    ] {
        let body = format!(r#"{{"id":"o-1","total_amount":"9.00","currency":"CNY",{rest}}}"#);
        let read = match evidence_by(&meter, 201, body.as_bytes()) {
            Evidence::Billable { transaction: Some(sale), .. } => {
                Some((sale.details.tax, sale.details.shipping))
            }
            _ => None,
        };
        assert_eq!(read, expected, "{body}");
    }
}

#[test]
fn a_sale_is_read_exactly() {
    for body in [
        &br#"{"id":"o-1","total_amount":"100.00","currency":"CNY","items":[{"a":1.5e3}]}"#[..],
        br#"{"id":"o-1","total_amount":100.00,"currency":"CNY"}"#,
        br#"{"id":"o-1","total_amount":100,"currency":"CNY"}"#,
    ] {
        let Evidence::Billable { units: 1, transaction: Some(sale) } = evidence(201, body) else {
            panic!("{:?}", evidence(201, body));
        };
        assert_eq!((sale.id.as_str(), sale.amount.minor), ("o-1", 10_000));
    }
}

#[test]
fn a_failed_call_that_its_meter_calls_billable_is_an_exception_when_it_cannot_be_read() {
    let mut response = Capture::up_to(1000);
    response.push(b"nonsense");
    let request = Capture::nothing();
    let facts = |status| CallFacts { status, response: &response, ..order(&request) };
    let meter = reading(Meter { when: condition("response.status < 410"), ..order_meter() });
    assert!(matches!(read(&meter, &facts(402)), Evidence::Exception { .. }));
    assert_eq!(read(&meter, &facts(500)), Evidence::Free);
    let meter = reading(Meter { when: condition("response.body.ok == true"), ..order_meter() });
    assert!(matches!(read(&meter, &facts(200)), Evidence::Exception { .. }));
    assert_eq!(read(&meter, &facts(500)), Evidence::Free);
}

#[test]
fn what_cannot_be_read_is_an_exception_and_a_failed_call_is_free() {
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(2000));
    for body in [
        "",
        "nonsense",
        "[]",
        "{}",
        r#"{"id":"o","total_amount":"1.005","currency":"CNY"}"#,
        r#"{"id":"o","total_amount":"-1","currency":"CNY"}"#,
        r#"{"id":"o","total_amount":"1","currency":"XXY"}"#,
        r#"{"id":"o","total_amount":"1","total_amount":"2","currency":"CNY"}"#,
        r#"{"id":"","total_amount":"1","currency":"CNY"}"#,
        r#"{"id":null,"total_amount":"1","currency":"CNY"}"#,
        r#"{"id":"o","total_amount":1e400,"currency":"CNY"}"#,
        r#"{"id":"o","total_amount":"1","currency":"CNY"} x"#,
        r#"{"id":"\ud800","total_amount":"1","currency":"CNY"}"#,
        &deep,
        &long,
    ] {
        assert!(matches!(evidence(201, body.as_bytes()), Evidence::Exception { .. }), "{body:?}");
        assert_eq!(evidence(409, body.as_bytes()), Evidence::Free);
    }
    let Evidence::Exception { reason } = evidence(200, br#"{"id":"secret-id"}"#) else { panic!() };
    assert!(reason.contains("r.yaml:7:3") && !reason.contains("secret-id"), "{reason}");
}

#[test]
fn control_characters_and_blanks_around_it_make_no_id() {
    for id in [r"o\u0000", r"\u0000", r"o\n1", r"o\u007f", r"o\u0085", " o", "o ", r"o\u00a0", " "] {
        let body = format!(r#"{{"id":"{id}","total_amount":"1","currency":"CNY"}}"#);
        assert!(matches!(evidence(201, body.as_bytes()), Evidence::Exception { .. }), "{id}");
    }
    let mut meter = order_meter();
    meter.transaction.as_mut().unwrap().id = expression("request.query.id");
    let meter = reading(meter);
    let mut response = Capture::up_to(1000);
    response.push(br#"{"total_amount":"1","currency":"CNY"}"#);
    let request = Capture::nothing();
    let facts = CallFacts { query: Ok("id=%00"), response: &response, ..order(&request) };
    assert!(matches!(read(&meter, &facts), Evidence::Exception { .. }));
}

#[test]
fn a_reason_is_bounded_and_tells_nothing_of_a_body() {
    let key = format!("secret\u{0}{}", "é".repeat(300));
    let by_key = expression("response.body.items[response.body.key]");
    let long = condition(&format!("response.body.x == '{}' ||\n response.body.y", "é".repeat(400)));
    let body = serde_json::json!({"key": key, "items": {}, "total_amount": "0.12345", "currency": "secret", "id": "o"});
    let body = body.to_string();
    let mut meter = order_meter();
    meter.transaction.as_mut().unwrap().id = by_key;
    check_reason(&reading(meter), &body);
    check_reason(&reading(Meter { when: long, ..order_meter() }), &body);
    check_reason(&order_meter(), &body);
    check_reason(&order_meter(), &body.replace(r#""currency":"secret""#, r#""currency":"CNY""#));
    assert_eq!(bounded(&"é".repeat(400)).len(), 500);
    assert_eq!(bounded(&format!("x{}", "é".repeat(400))).len(), 499);
    assert_eq!(bounded("a\u{0}b\nc"), "a b c");
}

#[track_caller]
fn check_reason(meter: &Meter, body: &str) {
    let Evidence::Exception { reason } = evidence_by(meter, 200, body.as_bytes()) else { panic!("{body}") };
    let is_plain = reason.len() <= 500 && !reason.contains(char::is_control);
    assert!(is_plain && reason.contains("r.yaml:7:3"), "{reason}");
    assert!(!reason.contains("secret") && !reason.contains("12345"), "{reason}");
}

#[test]
fn a_compressed_body_is_read_and_one_of_another_coding_is_an_exception_that_names_it() {
    let body = br#"{"id":"o-1","total_amount":"100.00","currency":"CNY"}"#;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, body).unwrap();
    let coded = encoder.finish().unwrap();
    let read = evidence_coded(&order_meter(), 201, (&coded, Some("gzip")));
    assert_eq!(read, evidence(201, body));
    assert!(matches!(read, Evidence::Billable { transaction: Some(_), .. }));
    let Evidence::Exception { reason } = evidence_coded(&order_meter(), 201, (&coded, Some("br"))) else {
        panic!("br was read");
    };
    assert_eq!(reason, "the response's body: its content coding is br, which the meter does not read");
}

#[test]
fn a_whole_number_is_compared_as_one_however_it_is_spelled() {
    let meter = reading(Meter { when: condition("response.body.paid == 1"), ..order_meter() });
    for (paid, is_billable) in [("1", true), ("1.0", true), ("10e-1", true), ("1.5", false), ("0.0", false)] {
        let body = format!(r#"{{"id":"o","total_amount":"1","currency":"CNY","paid":{paid}}}"#);
        let read = evidence_by(&meter, 200, body.as_bytes());
        assert_eq!(matches!(read, Evidence::Billable { .. }), is_billable, "{paid}: {read:?}");
        assert_eq!(matches!(read, Evidence::Free), !is_billable, "{paid}: {read:?}");
    }
    // As the schema says to write it.
    let meter = reading(Meter { when: condition("double(response.body.paid) == 0.5"), ..order_meter() });
    let body = br#"{"id":"o","total_amount":"1","currency":"CNY","paid":0.50}"#;
    assert!(matches!(evidence_by(&meter, 200, body), Evidence::Billable { .. }));
}
