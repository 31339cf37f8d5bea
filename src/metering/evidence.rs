//! What a served call is worth, read from its request and response as its route's meter says.
//!
//! A billable call whose evidence cannot be read becomes an exception. It is never dropped and never guessed. What is
//! kept of it fits every store: no control characters, bounded, and nothing of a body in a reason.

use http::{HeaderMap, HeaderName};

use crate::domain::asked_names::AskedNames;
use crate::domain::principal::{Caller, Principal};
use crate::domain::usage::Evidence;
use crate::policy::body_reading::{BodyReading, reads_body};
use crate::policy::expression::{Field, Variables};
use crate::policy::snapshot::Meter;

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
    /// What the meter asks for of the query, or why it is not clear what that is.
    pub query: Result<&'c str, &'c str>,
    /// The status that the upstream gave.
    pub status: u16,
    /// Who called.
    pub principal: &'c Principal,
    /// What was kept of the request's body.
    pub request: &'c Capture,
    /// The request's Content-Encoding as it came, several joined by commas.
    pub request_coding: Option<&'c str>,
    /// What was kept of the response's body.
    pub response: &'c Capture,
    /// The response's Content-Encoding as it came, several joined by commas.
    pub response_coding: Option<&'c str>,
    /// Those fields of the response's head that the meter names, by [`named_headers`].
    pub response_headers: Option<&'c Field>,
}

/// What is read of a call that may be unreadable.
#[derive(Debug, Clone, Copy)]
struct Reads {
    query: bool,
    request: bool,
    response: bool,
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
    let bodies = Bodies::new(facts, meter);
    let read = match is_billable(meter, &bodies) {
        Ok(false) => return Evidence::Free,
        // A failed call of which nobody can say whether it is billable is free.
        Err(_) if !is_success => return Evidence::Free,
        Ok(true) => read_worth(meter, &bodies),
        Err(reason) => Err(reason),
    };
    read.unwrap_or_else(|reason| Evidence::Exception { reason: bounded(&reason) })
}

/// Whether a call is not billable whatever its answer is, for `when` says so of the request alone.
#[must_use]
pub fn is_free_by_request(meter: &Meter, facts: &CallFacts<'_>) -> bool {
    let is_of_request = meter.when.as_ref().is_some_and(|when| when.paths("response").is_empty());
    is_of_request && is_billable(meter, &Bodies::new(facts, meter)) == Ok(false)
}

/// What `when` says; bodies are read for it only if it reads them.
fn is_billable(meter: &Meter, bodies: &Bodies<'_>) -> Result<bool, String> {
    let Some(when) = &meter.when else { return Ok(true) };
    let query = when.reads("request", "query");
    // Those that read both as one may find in the form what is asked for of the query.
    let is_in_form = query && matches!(meter.bodies.request, BodyReading::Form(_));
    let request = is_in_form || reads_body(when, "request");
    let reads = Reads { query, request, response: reads_body(when, "response") };
    when.evaluate_bool(&variables(reads, bodies)?).map_err(|error| error.to_string())
}

fn read_worth(meter: &Meter, bodies: &Bodies<'_>) -> Result<Evidence, String> {
    let reads = Reads {
        query: meter.asked.query != AskedNames::None,
        request: meter.bodies.request.is_any(),
        response: meter.bodies.response.is_any(),
    };
    let variables = variables(reads, bodies)?;
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

fn variables(reads: Reads, bodies: &Bodies<'_>) -> Result<Variables, String> {
    let facts = bodies.facts;
    if let (true, Err(why)) = (reads.query, facts.query) {
        return Err(format!("the request's query: {why}"));
    }
    let mut request = request_fields(facts.method, facts.path, facts.params, facts.query.ok());
    if reads.request {
        request.push(bodies.request()?);
    }
    let mut response = vec![("status", Field::integer(i64::from(facts.status)))];
    if reads.response {
        response.push(bodies.response()?);
    }
    response.extend(facts.response_headers.map(|headers| ("headers", headers.clone())));
    let mut variables = Variables::default();
    variables.add("request", request);
    variables.add("response", response);
    variables.add("principal", principal_fields(facts.principal));
    Ok(variables)
}

/// The fields of `request` but for the body. There is no `query` if a name stands twice in it, or if none is given: which of two the
/// upstream takes is not for the gateway to guess, so an expression that reads it has no value.
#[must_use]
pub fn request_fields(
    method: &str,
    path: &str,
    params: &[(String, String)],
    query: Option<&str>,
) -> Vec<(&'static str, Field)> {
    let mut fields = vec![
        ("method", Field::text(method)),
        ("path", Field::text(path)),
        ("params", Field::map(params.iter().map(|(name, value)| (name.clone(), value)))),
    ];
    let read = |query: &str| {
        let pairs = form_urlencoded::parse(query.as_bytes());
        Field::object(pairs.map(|(name, value)| (name.into_owned(), Field::text(&value))).collect())
    };
    fields.extend(query.and_then(read).map(|query| ("query", query)));
    fields
}

/// The fields of a response's head that a meter names, but for those that are not there; nothing if one of them is there twice or is
/// no text: which of the two counts is not for the gateway to guess.
#[must_use]
pub fn named_headers(names: &[HeaderName], sent: &HeaderMap) -> Option<Field> {
    let mut fields = Vec::new();
    for name in names {
        let mut values = sent.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => {}
            (Some(value), None) => fields.push((name.as_str(), value.to_str().ok()?)),
            (Some(_), Some(_)) => return None,
        }
    }
    Some(Field::map(fields))
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
mod tests;
