//! What a meter's expressions may read of a call's target.

use super::head::Head;
use super::recording::Target;
use crate::policy::route_table::PathParameters;
use crate::policy::snapshot::Meter;

/// The target of a call, of which `query` goes on; nothing is copied for a meter without expressions.
pub(super) fn of(
    meter: Option<&Meter>,
    head: &Head<'_>,
    query: Option<&str>,
    parameters: &PathParameters<'_, '_>,
) -> Option<Target> {
    let meter = meter?;
    if meter.when.is_none() && meter.units.is_none() && meter.transaction.is_none() {
        return None;
    }
    let query = meter.asked.query.of_query(query.unwrap_or_default());
    Some(Target {
        path: head.path.clone().into_owned(),
        params: parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        query: query.map_err(|unclear| unclear.to_string()),
    })
}
