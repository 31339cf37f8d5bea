//! Limits that count units: a call takes those that its request tells of, and its answer settles what it has used. One that turns out
//! to be free, or is refused, has used nothing.

use std::time::Duration;

use super::{Admission, Counted, Counting};
use crate::credential::directory::Identity;
use crate::domain::beyond_plan::BeyondPlan;
use crate::domain::plan::{Limit, Quantity};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::usage::Evidence;
use crate::gateway::authorize::Circumstances;
use crate::gateway::recording::Call;
use crate::limit::cell::{CellKey, LocalCells};
use crate::limit::quota_purse::QuotaHold;
use crate::limit::unit_cell::{NotTaken, Taken};
use crate::metering::evidence::{principal_fields, request_fields};
use crate::policy::expression::Variables;
use crate::policy::snapshot::Route;

/// Units that a call without more knowledge of it takes.
const ONE: u64 = 1;

/// What a call has taken of its limits in units, and of its quotas. What is not settled goes back.
#[derive(Debug, Default)]
pub struct UnitsTaken {
    limits: Vec<Taken>,
    quotas: Vec<(Quantity, QuotaHold)>,
}

impl UnitsTaken {
    /// It holds some of a quota, too.
    pub(in crate::gateway) fn hold(&mut self, of: Quantity, hold: QuotaHold) {
        self.quotas.push((of, hold));
    }

    /// It holds nothing of quotas any more.
    pub(in crate::gateway) fn give_quotas_back(&mut self) {
        self.quotas.clear();
    }

    /// The call was worth so much. What it used of which nobody knows is what it took.
    pub fn settle(self, evidence: &Evidence) {
        let (calls, units) = match evidence {
            Evidence::Billable { units, .. } => (1, *units),
            Evidence::Free => (0, 0),
            Evidence::Exception { .. } => {
                self.limits.into_iter().for_each(Taken::keep);
                return self.quotas.into_iter().for_each(|(_, hold)| hold.keep());
            }
        };
        self.limits.into_iter().for_each(|taken| taken.settle(units));
        for (of, hold) in self.quotas {
            hold.settle(match of {
                Quantity::Calls => calls,
                Quantity::Units => units,
            });
        }
    }
}

/// How many units a call is as far as its request tells, which is read once.
pub(in crate::gateway) fn of_call(
    call: &Call,
    circumstances: &Circumstances<'_>,
    read: &mut Option<u64>,
) -> u64 {
    let of_app = call.route().zip(call.identity.as_ref());
    *read.get_or_insert_with(|| of_app.map_or(ONE, |(route, identity)| known(route, identity, circumstances)))
}

/// How many units a call is as far as its request tells: 1, if it does not, or what it says of them has no value.
#[must_use]
pub fn known(route: &Route, identity: &Identity, circumstances: &Circumstances<'_>) -> u64 {
    let Some(known) = route.meter.as_ref().and_then(|meter| meter.known.as_ref()) else { return ONE };
    let Circumstances { parts, head, query, parameters, .. } = circumstances;
    let params: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    // What is not clear has no value, and the expression is read again once the call is answered.
    let query = known.query.of_query(query).ok();
    let mut variables = Variables::default();
    let request = request_fields(parts.method.as_str(), &head.path, &params, query.as_deref());
    variables.add("request", request);
    variables.add("principal", principal_fields(&Principal::App(identity.caller.clone())));
    known.expression.evaluate_units(&variables).map_or(ONE, |units| units.max(known.least))
}

/// Counts a call of so many units against a limit.
///
/// # Errors
/// [`Refusal::LimitReached`], or [`BeyondPlan::CallTooLarge`] for a call that is more than ever passes at once.
pub(super) fn count<'l>(
    cells: &mut LocalCells,
    (limit, key): (&'l Limit, &CellKey<'_>),
    (units, now): (u64, Duration),
    taken: &mut Option<Box<UnitsTaken>>,
) -> Result<Counted<'l>, (Refusal, Admission)> {
    let Limit { name, rate, announced, .. } = limit;
    let by = Counting { name, rate, announced };
    let cell = cells.find_of_units(key, now);
    match cell.take(units, rate, now) {
        Ok((of_limit, remaining)) => {
            taken.get_or_insert_default().limits.push(of_limit);
            Ok(Counted { by, remaining, reset: cell.reset_after(now) })
        }
        Err(why) => {
            let (remaining, reset) = cell.left(rate, now);
            let refusal = match why {
                NotTaken::For(retry_after) => Refusal::LimitReached { limit: name.clone(), retry_after },
                NotTaken::Ever => {
                    let (limit, most) = (name.clone(), rate.burst.get().into());
                    Refusal::BeyondPlan(BeyondPlan::CallTooLarge { limit, units, most }.into())
                }
            };
            Err((refusal, Counted { by, remaining, reset }.told()))
        }
    }
}
