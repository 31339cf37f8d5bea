//! How many units a call takes before it is answered, and the limits that count it, none of which has counted another here.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::asked::Asked;
use super::decisions::Decisions;
use super::recorded::Recorded;
use super::unknown;
use crate::credential::directory::Identity;
use crate::domain::plan::{Limit, LimitKey, Quantity};
use crate::domain::refusal::{Refusal, whole_seconds};
use crate::gateway::admit::{admit, units};
use crate::gateway::authorize::{Circumstances, Permit};
use crate::limit::cell::{Cells, LocalCells};
use crate::policy::snapshot::{AddressLimit, Route};

const NOT_LOOKED_AT: &str = "what it has counted by now is not looked at";

/// Units that a call takes before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// So many.
    Known(u64),
    /// It depends on a query or path that is on no record.
    NotOnRecord,
}

impl Taken {
    /// How many the call surely takes.
    pub(super) fn at_least(self) -> u64 {
        match self {
            Self::Known(units) => units,
            Self::NotOnRecord => 1,
        }
    }

    /// Those of a call.
    pub(super) fn of(
        asked: &Asked,
        route: &Route,
        identity: Option<&Arc<Identity>>,
        circumstances: &Circumstances<'_>,
    ) -> Self {
        match identity {
            Some(_) if !unknown::are_units_known(route, asked) => Self::NotOnRecord,
            Some(identity) => Self::Known(units::known(route, identity, circumstances)),
            None => Self::Known(1),
        }
    }
}

/// How many units the call takes beforehand, and by what its policy says so.
pub(super) fn tell_units(
    decisions: &mut Decisions,
    (route, permit): (&Route, &Permit<'_>),
    taken: Taken,
    recorded: Option<&Recorded>,
) {
    let Some(meter) = route.meter.as_ref().filter(|_| permit.subscribed.is_some()) else { return };
    let (place, why) = match (&meter.units, &meter.known) {
        (None, _) => (&meter.source, "each billable call is 1".to_owned()),
        (Some(_), Some(known)) if known.least == 0 => {
            (known.expression.source(), format!("by `units`: {}", known.expression.text()))
        }
        (Some(_), Some(known)) => {
            let text = known.expression.text();
            (
                known.expression.source(),
                format!("by `reserve`, but at least 1: {text}; its answer tells how many it is"),
            )
        }
        (Some(units), None) => {
            let text = units.text();
            (
                units.source(),
                format!("without a `reserve`: how many it is, its body or answer tells by `units`: {text}"),
            )
        }
    };
    let taken = match taken {
        Taken::Known(units) => format!("it takes {units} before it is answered"),
        Taken::NotOnRecord => {
            "how many it takes depends on its query or path, which are on no record".to_owned()
        }
    };
    decisions.add("units", Some(place), format!("{taken}, {why}"));
    if let Some(units) = recorded.and_then(Recorded::billed_units) {
        decisions.say(&format!("; by its record it was {units}"));
    }
}

/// The limits that count the call.
///
/// # Errors
/// What a limit refuses that has counted nothing else.
pub(super) fn count(
    decisions: &mut Decisions,
    (route, permit): (&Route, &Permit<'_>),
    identity: Option<&Arc<Identity>>,
    (circumstances, address): (&Circumstances<'_>, IpAddr),
    taken: Taken,
) -> Result<(), Refusal> {
    match (&permit.subscribed, &route.address_limit) {
        (Some((_, version)), _) => {
            for Limit { name, rate, of: quantity, per, source, .. } in &version.limits {
                let of = match per {
                    LimitKey::App => "of the app",
                    LimitKey::AppAndRoute => "of the app to this route",
                };
                let (requests, seconds) = (rate.requests, whole_seconds(rate.window));
                let takes = match (quantity, taken) {
                    (Quantity::Units, Taken::Known(units)) => {
                        format!("; this call takes {units} of them before it is answered")
                    }
                    (Quantity::Units, Taken::NotOnRecord) | (Quantity::Calls, _) => String::new(),
                };
                let told = format!(
                    "{name}: {requests} {} {of} in {seconds} s, {} at once{takes}; {NOT_LOOKED_AT}",
                    quantity.name(),
                    rate.burst
                );
                decisions.add("limit", Some(source), told);
            }
        }
        (None, Some(AddressLimit { name, rate, source, .. })) => {
            let (requests, seconds) = (rate.requests, whole_seconds(rate.window));
            let told = format!(
                "{name}: {requests} calls of the address in {seconds} s, {} at once; {NOT_LOOKED_AT}",
                rate.burst
            );
            decisions.add("limit", Some(source), told);
        }
        (None, None) => {}
    }
    // What is read of a path or query that is made up says nothing.
    if taken == Taken::NotOnRecord {
        return Ok(());
    }
    let cells = &mut LocalCells::new(Arc::new(Cells::new(16)), 16);
    admit(cells, (route, permit), identity, (circumstances, address, Duration::ZERO), &mut None)
        .map(|_| ())
        .map_err(|(refusal, _)| refusal)
}
