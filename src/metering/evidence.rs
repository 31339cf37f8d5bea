//! What a served call is worth, read from its request and response as its route's meter says.
//!
//! A billable call whose evidence cannot be read becomes an exception. It is never dropped and never guessed. What is
//! kept of it fits every store: no control characters, bounded, and nothing of a body in a reason.

use crate::domain::principal::{Caller, Principal};
use crate::domain::usage::Evidence;
use crate::policy::expression::{Field, Variables};
use crate::policy::snapshot::{BodiesRead, Meter};

use super::bodies::Bodies;
use super::capture::Capture;
use super::transaction;

/// Longest reason of an exception, in bytes.
const MAX_REASON: usize = 500;

/// What is known of a served call.
pub struct CallFacts<'c> {
    /// The method.
    pub method: &'c str,
    /// The normal path.
    pub path: &'c str,
    /// The path's parameters.
    pub params: &'c [(String, String)],
    /// The query as it came.
    pub query: &'c str,
    /// The status that the upstream gave.
    pub status: u16,
    /// Who called.
    pub principal: &'c Principal,
    /// The request's body.
    pub request: &'c Capture,
    /// The request's Content-Encoding as it came, several joined by commas.
    pub request_coding: Option<&'c str>,
    /// The response's body.
    pub response: &'c Capture,
    /// The response's Content-Encoding as it came, several joined by commas.
    pub response_coding: Option<&'c str>,
}

/// Reads what a call is worth.
#[must_use]
pub fn read(meter: &Meter, facts: &CallFacts<'_>) -> Evidence {
    let is_success = (200..300).contains(&facts.status);
    if meter.when.is_none() && !is_success {
        return Evidence::Free;
    }
    if meter.when.is_none() && meter.units.is_none() && meter.transaction.is_none() {
        return Evidence::Billable { units: 1, transaction: None };
    }
    let bodies = Bodies::new(facts, meter.max_capture);
    let read = match is_billable(meter, &bodies) {
        Ok(false) => return Evidence::Free,
        // A failed call of which nobody can say whether it is billable is free.
        Err(_) if !is_success => return Evidence::Free,
        Ok(true) => read_worth(meter, &bodies),
        Err(reason) => Err(reason),
    };
    read.unwrap_or_else(|reason| Evidence::Exception { reason: bounded(&reason) })
}

/// What `when` says; bodies are read for it only if it reads them.
fn is_billable(meter: &Meter, bodies: &Bodies<'_>) -> Result<bool, String> {
    let Some(when) = &meter.when else { return Ok(true) };
    let reads =
        BodiesRead { request: when.reads("request", "body"), response: when.reads("response", "body") };
    when.evaluate_bool(&variables(reads, bodies)?).map_err(|error| error.to_string())
}

fn read_worth(meter: &Meter, bodies: &Bodies<'_>) -> Result<Evidence, String> {
    let variables = variables(meter.bodies, bodies)?;
    let units = match &meter.units {
        Some(units) => units.evaluate_units(&variables).map_err(|error| error.to_string())?,
        None => 1,
    };
    let transaction =
        meter.transaction.as_ref().map(|meter| transaction::read(meter, &variables)).transpose()?;
    if units == 0 && transaction.is_none() {
        return Ok(Evidence::Free);
    }
    Ok(Evidence::Billable { units, transaction })
}

/// A reason as records, stores and pages take it.
fn bounded(reason: &str) -> String {
    let mut bounded = String::with_capacity(reason.len().min(MAX_REASON));
    for character in reason.chars().map(|character| if character.is_control() { ' ' } else { character }) {
        if bounded.len() + character.len_utf8() > MAX_REASON {
            break;
        }
        bounded.push(character);
    }
    bounded
}

fn variables(reads: BodiesRead, bodies: &Bodies<'_>) -> Result<Variables, String> {
    let facts = bodies.facts;
    let mut request = request_fields(facts.method, facts.path, facts.params, facts.query);
    if reads.request {
        request.push(("body", bodies.request()?));
    }
    let mut response = vec![("status", Field::integer(i64::from(facts.status)))];
    if reads.response {
        response.push(("body", bodies.response()?));
    }
    let mut variables = Variables::default();
    variables.add("request", request);
    variables.add("response", response);
    variables.add("principal", principal_fields(facts.principal));
    Ok(variables)
}

/// The fields of `request` but for the body. There is no `query` if a name stands twice in it: which of the two the upstream
/// takes is not for the gateway to guess, so an expression that reads it has no value.
#[must_use]
pub fn request_fields(
    method: &str,
    path: &str,
    params: &[(String, String)],
    query: &str,
) -> Vec<(&'static str, Field)> {
    let mut fields = vec![
        ("method", Field::text(method)),
        ("path", Field::text(path)),
        ("params", Field::map(params.iter().map(|(name, value)| (name.clone(), value)))),
    ];
    let pairs = form_urlencoded::parse(query.as_bytes());
    let pairs = pairs.map(|(name, value)| (name.into_owned(), Field::text(&value))).collect();
    fields.extend(Field::object(pairs).map(|query| ("query", query)));
    fields
}

/// The fields of `principal`.
#[must_use]
pub fn principal_fields(principal: &Principal) -> Vec<(&'static str, Field)> {
    let caller: Option<&Caller> = match principal {
        Principal::Anonymous => None,
        Principal::App(caller) => Some(caller),
    };
    let scopes = caller.map(|caller| caller.scopes.clone()).unwrap_or_default();
    vec![
        ("app", Field::optional(caller.map(|caller| caller.app.id.as_str()))),
        ("partner", Field::optional(caller.map(|caller| caller.app.partner.as_str()))),
        (
            "merchant",
            Field::optional(caller.and_then(|caller| caller.merchant.as_ref()).map(|id| id.as_str())),
        ),
        ("environment", Field::optional(caller.map(|caller| caller.app.environment.name()))),
        ("scopes", Field::texts(scopes.iter().map(|scope| scope.as_str()))),
    ]
}

#[cfg(test)]
mod tests {
    use crate::domain::location::Location;
    use crate::domain::usage::TransactionKind;
    use crate::policy::expression::{Declared, Expression, Wanted};
    use crate::policy::snapshot::TransactionMeter;

    use super::*;

    fn expression(text: &str) -> Expression {
        wanted(text, Wanted::Identifier)
    }

    fn condition(text: &str) -> Option<Expression> {
        Some(wanted(text, Wanted::Truth))
    }

    fn wanted(text: &str, wanted: Wanted) -> Expression {
        let location = Location { file: "r.yaml".into(), line: 7, column: 3 };
        Expression::compile(text, location, &Declared::for_meters(&[]), wanted).unwrap()
    }

    fn order_meter() -> Meter {
        Meter {
            when: None,
            units: None,
            transaction: Some(TransactionMeter {
                id: expression("response.body.id"),
                of: None,
                amount: expression("response.body.total_amount"),
                currency: expression("response.body.currency"),
                kind: TransactionKind::Sale,
            }),
            bodies: BodiesRead { request: false, response: true },
            max_capture: 1000,
            source: Location { file: "r.yaml".into(), line: 7, column: 3 },
        }
    }

    fn evidence(status: u16, body: &[u8]) -> Evidence {
        evidence_by(&order_meter(), status, body)
    }

    fn evidence_by(meter: &Meter, status: u16, body: &[u8]) -> Evidence {
        evidence_coded(meter, status, (body, None))
    }

    fn evidence_coded(meter: &Meter, status: u16, (body, coding): (&[u8], Option<&str>)) -> Evidence {
        let mut response = Capture::up_to(1000);
        response.push(body);
        let facts = CallFacts {
            method: "POST",
            path: "/api/orders",
            params: &[],
            query: "",
            status,
            principal: &Principal::Anonymous,
            request: &Capture::nothing(),
            request_coding: None,
            response: &response,
            response_coding: coding,
        };
        read(meter, &facts)
    }

    #[test]
    fn a_refund_names_its_sale_or_is_an_exception() {
        let mut meter = order_meter();
        let transaction = meter.transaction.as_mut().unwrap();
        transaction.kind = TransactionKind::Refund;
        transaction.of = Some(expression("response.body.order_id"));
        let body = br#"{"id":"r-1","order_id":"o-1","total_amount":"1.00","currency":"CNY"}"#;
        let Evidence::Billable { transaction: Some(refund), .. } = evidence_by(&meter, 201, body) else {
            panic!("{:?}", evidence_by(&meter, 201, body));
        };
        assert_eq!((refund.id.as_str(), refund.sale()), ("r-1", "o-1"));
        let nameless = br#"{"id":"r-1","total_amount":"1.00","currency":"CNY"}"#;
        assert!(matches!(evidence_by(&meter, 201, nameless), Evidence::Exception { .. }));
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
        let facts = |status| CallFacts {
            method: "POST",
            path: "/api/orders",
            params: &[],
            query: "",
            status,
            principal: &Principal::Anonymous,
            request: &request,
            request_coding: None,
            response: &response,
            response_coding: None,
        };
        let meter = Meter { when: condition("response.status < 410"), ..order_meter() };
        assert!(matches!(read(&meter, &facts(402)), Evidence::Exception { .. }));
        assert_eq!(read(&meter, &facts(500)), Evidence::Free);
        let meter = Meter { when: condition("response.body.ok == true"), ..order_meter() };
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
    fn control_characters_make_no_id() {
        for id in [r"o\u0000", r"\u0000", r"o\n1", r"o\u007f", r"o\u0085"] {
            let body = format!(r#"{{"id":"{id}","total_amount":"1","currency":"CNY"}}"#);
            assert!(matches!(evidence(201, body.as_bytes()), Evidence::Exception { .. }), "{id}");
        }
        let mut meter = order_meter();
        meter.transaction.as_mut().unwrap().id = expression("request.query.id");
        meter.bodies.response = true;
        let mut response = Capture::up_to(1000);
        response.push(br#"{"total_amount":"1","currency":"CNY"}"#);
        let facts = CallFacts {
            method: "POST",
            path: "/",
            params: &[],
            query: "id=%00",
            status: 200,
            principal: &Principal::Anonymous,
            request: &Capture::nothing(),
            request_coding: None,
            response: &response,
            response_coding: None,
        };
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
        check_reason(&meter, &body);
        check_reason(&Meter { when: long, ..order_meter() }, &body);
        check_reason(&order_meter(), &body);
        check_reason(&order_meter(), &body.replace(r#""currency":"secret""#, r#""currency":"CNY""#));
        assert_eq!(bounded(&"é".repeat(400)).len(), 500);
        assert_eq!(bounded(&format!("x{}", "é".repeat(400))).len(), 499);
        assert_eq!(bounded("a\u{0}b\nc"), "a b c");
    }

    #[track_caller]
    fn check_reason(meter: &Meter, body: &str) {
        let Evidence::Exception { reason } = evidence_by(meter, 200, body.as_bytes()) else {
            panic!("{body}")
        };
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
        let meter = Meter { when: condition("response.body.paid == 1"), ..order_meter() };
        for (paid, is_billable) in
            [("1", true), ("1.0", true), ("10e-1", true), ("1.5", false), ("0.0", false)]
        {
            let body = format!(r#"{{"id":"o","total_amount":"1","currency":"CNY","paid":{paid}}}"#);
            let read = evidence_by(&meter, 200, body.as_bytes());
            assert_eq!(matches!(read, Evidence::Billable { .. }), is_billable, "{paid}: {read:?}");
            assert_eq!(matches!(read, Evidence::Free), !is_billable, "{paid}: {read:?}");
        }
        // As the schema says to write it.
        let meter = Meter { when: condition("double(response.body.paid) == 0.5"), ..order_meter() };
        let body = br#"{"id":"o","total_amount":"1","currency":"CNY","paid":0.50}"#;
        assert!(matches!(evidence_by(&meter, 200, body), Evidence::Billable { .. }));
    }
}
