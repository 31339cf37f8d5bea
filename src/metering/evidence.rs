//! What a served call is worth, read from its request and response as its route's meter says.
//!
//! A billable call whose evidence cannot be read becomes an exception. It is never dropped and never guessed.

use crate::domain::money::{Amount, Currency};
use crate::domain::principal::{Caller, Principal};
use crate::domain::usage::{Evidence, Transaction};
use crate::policy::expression::{Expression, Field, Variables};
use crate::policy::snapshot::{BodiesRead, Meter, TransactionMeter};

use super::capture::Capture;
use super::json;

/// Longest transaction id, in bytes.
const MAX_TRANSACTION_ID: usize = 200;

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
    /// The response's body.
    pub response: &'c Capture,
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
    let read = match is_billable(meter, facts) {
        Ok(false) => return Evidence::Free,
        // A failed call of which nobody can say whether it is billable is free.
        Err(_) if !is_success => return Evidence::Free,
        Ok(true) => read_worth(meter, facts),
        Err(reason) => Err(reason),
    };
    read.unwrap_or_else(|reason| Evidence::Exception { reason })
}

/// What `when` says; bodies are read for it only if it reads them.
fn is_billable(meter: &Meter, facts: &CallFacts<'_>) -> Result<bool, String> {
    let Some(when) = &meter.when else { return Ok(true) };
    let bodies =
        BodiesRead { request: when.reads("request", "body"), response: when.reads("response", "body") };
    when.evaluate_bool(&variables(bodies, facts)?).map_err(|error| error.to_string())
}

fn read_worth(meter: &Meter, facts: &CallFacts<'_>) -> Result<Evidence, String> {
    let variables = variables(meter.bodies, facts)?;
    let units = match &meter.units {
        Some(units) => units.evaluate_units(&variables).map_err(|error| error.to_string())?,
        None => 1,
    };
    let transaction = meter.transaction.as_ref().map(|meter| transaction(meter, &variables)).transpose()?;
    if units == 0 && transaction.is_none() {
        return Ok(Evidence::Free);
    }
    Ok(Evidence::Billable { units, transaction })
}

fn transaction(meter: &TransactionMeter, variables: &Variables) -> Result<Transaction, String> {
    let id = transaction_id(&meter.id, variables)?;
    let of = meter.of.as_ref().map(|of| transaction_id(of, variables)).transpose()?;
    let code = meter.currency.evaluate_text(variables).map_err(|error| error.to_string())?;
    let currency: Currency = code.parse().map_err(|error| format!("{}: {error}", meter.currency.source()))?;
    let value = meter.amount.evaluate_decimal(variables).map_err(|error| error.to_string())?;
    if value.is_sign_negative() && !value.is_zero() {
        return Err(format!("{}: a transaction's amount is not below zero", meter.amount.source()));
    }
    let amount =
        Amount::exact(value, currency).map_err(|error| format!("{}: {error}", meter.amount.source()))?;
    Ok(Transaction { id, of, amount, kind: meter.kind })
}

fn transaction_id(expression: &Expression, variables: &Variables) -> Result<String, String> {
    let id = expression.evaluate_text(variables).map_err(|error| error.to_string())?;
    if id.is_empty() || id.len() > MAX_TRANSACTION_ID {
        return Err(format!(
            "{}: a transaction's id has 1 to {MAX_TRANSACTION_ID} bytes",
            expression.source()
        ));
    }
    Ok(id)
}

fn variables(bodies: BodiesRead, facts: &CallFacts<'_>) -> Result<Variables, String> {
    let mut request = request_fields(facts.method, facts.path, facts.params, facts.query);
    if bodies.request {
        request.push(("body", body(facts.request).map_err(|what| format!("the request's body: {what}"))?));
    }
    let mut response = vec![("status", Field::integer(i64::from(facts.status)))];
    if bodies.response {
        response.push(("body", body(facts.response).map_err(|what| format!("the response's body: {what}"))?));
    }
    let mut variables = Variables::default();
    variables.add("request", request);
    variables.add("response", response);
    variables.add("principal", principal_fields(facts.principal));
    Ok(variables)
}

fn body(capture: &Capture) -> Result<Field, String> {
    json::read(capture.body().ok_or("it is longer than the meter captures")?)
}

/// The fields of `request` but for the body.
#[must_use]
pub fn request_fields(
    method: &str,
    path: &str,
    params: &[(String, String)],
    query: &str,
) -> Vec<(&'static str, Field)> {
    vec![
        ("method", Field::text(method)),
        ("path", Field::text(path)),
        ("params", Field::map(params.iter().map(|(name, value)| (name.clone(), value)))),
        (
            "query",
            Field::map(
                form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value)),
            ),
        ),
    ]
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
            response: &response,
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
            response: &response,
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
}
