//! What a meter's expressions may read of a call's target. Of a query that some server may read in another way they read nothing.

use http::request;

use super::body_kind;
use super::head::Head;
use super::recording::Target;
use crate::credential::message_signature::Body;
use crate::domain::alike;
use crate::policy::body_reading::BodyReading;
use crate::policy::route_table::PathParameters;
use crate::policy::snapshot::Meter;

/// The target of a call, of which `query` goes on; nothing is copied for a meter without expressions.
pub(super) fn of(
    meter: Option<&Meter>,
    head: &Head<'_>,
    (query, parts, body): (Option<&str>, &request::Parts, Body),
    parameters: &PathParameters<'_, '_>,
) -> Option<Target> {
    let meter = meter?;
    if meter.when.is_none() && meter.units.is_none() && meter.transaction.is_none() {
        return None;
    }
    let query = query.unwrap_or_default();
    // What is asked for, and stands there by another spelling, would be there to the upstream alone.
    let is_mistakable = body_kind::is_query_mistakable(query, || meter.names_asked_of("query"));
    let is_clear = match &meter.bodies.request {
        _ if is_mistakable => false,
        // It knows what the form has beside the query.
        BodyReading::Form(_) => alike::is_clear(query),
        BodyReading::Nothing | BodyReading::Json | BodyReading::Members(_) | BodyReading::Lines(_) => {
            body_kind::is_query_clear(query, &parts.headers, body)
        }
    };
    Some(Target {
        path: head.path.clone().into_owned(),
        params: parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        query: is_clear.then(|| query.to_owned()),
    })
}
