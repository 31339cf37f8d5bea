//! Quotas of plans, and what all that counts units asks of the routes.

use super::super::file::plans::{PlanFile, QuotaEntry, WindowName};
use super::super::load::Document;
use super::set::Compiling;
use crate::domain::id::{LimitName, RouteName};
use crate::domain::plan::{Limit, Quantity};
use crate::domain::quota::{Every, Quota};

/// The quotas of a plan version, beside its limits.
pub(super) fn compile(
    compiling: &mut Compiling<'_>,
    document: &Document,
    (pointer, limits): (&str, &[Limit]),
    entries: &[QuotaEntry],
) -> Vec<Quota> {
    let mut quotas: Vec<Quota> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let pointer = format!("{pointer}/quotas/{index}");
        let Some(quota) = quota(compiling, document, &pointer, entry) else { continue };
        let mut names = limits.iter().map(|limit| &limit.name).chain(quotas.iter().map(|quota| &quota.name));
        if names.any(|name| *name == quota.name) {
            let message = format!("there is a limit or quota {} already", quota.name);
            compiling.wrong(document, &format!("{pointer}/name"), message, None);
        }
        quotas.push(quota);
    }
    quotas
}

fn quota(
    compiling: &mut Compiling<'_>,
    document: &Document,
    pointer: &str,
    entry: &QuotaEntry,
) -> Option<Quota> {
    let name = compiling.take(document, &format!("{pointer}/name"), LimitName::new(&entry.name));
    let (of, field, most) = match (entry.requests, entry.units) {
        (Some(requests), None) => (Quantity::Calls, "requests", requests),
        (None, Some(units)) => (Quantity::Units, "units", units),
        (None, None) | (Some(_), Some(_)) => {
            refuse_both_or_none(compiling, document, (pointer, "quota"));
            return None;
        }
    };
    // A store counts no further.
    if most == 0 || i64::try_from(most).is_err() {
        let message = format!("{field} must be from 1 to {}", i64::MAX);
        compiling.wrong(document, &format!("{pointer}/{field}"), message, None);
        return None;
    }
    let every = match entry.per {
        WindowName::Day => Every::Day,
        WindowName::Month => Every::Month,
    };
    Some(Quota { name: name?, of, most, every, source: document.location(pointer) })
}

/// What counts both or nothing is told so.
pub(super) fn refuse_both_or_none(
    compiling: &mut Compiling<'_>,
    document: &Document,
    (pointer, what): (&str, &str),
) {
    let message = format!("a {what} counts `requests` or `units`: one of the two");
    compiling.wrong(document, pointer, message, Some("write `requests: 600` or `units: 600`".to_owned()));
}

/// What is no call that can be billed is no units and, for a quota, no request: nobody guesses that.
pub(super) fn refuse_without_meter(
    compiling: &mut Compiling<'_>,
    document: &Document,
    route: &RouteName,
    file: &PlanFile,
) {
    for (number, version) in file.versions.iter().enumerate() {
        let limits = version.limits.iter().enumerate().filter(|(_, limit)| limit.units.is_some());
        let limits = limits.map(|(index, _)| format!("limits/{index}/units"));
        let quotas = version.quotas.iter().enumerate().map(|(index, _)| format!("quotas/{index}"));
        for place in limits.chain(quotas) {
            let message = format!(
                "route {route} of the plan's API products has no meter, so its calls are not counted"
            );
            let help = "add `meter: {}` to the route, by which each 2xx answer is billable, and 1 unit";
            compiling.wrong(document, &format!("/versions/{number}/{place}"), message, Some(help.to_owned()));
        }
    }
}
