//! The quotas that count a call: what nodes have not leased of them yet, and if that is not enough, what is used of them for sure.

use serde_json::{Value, json};

use super::decisions::{Answer, Decisions};
use super::funds::Funds;
use super::limits::Taken;
use super::stopped::Stopped;
use crate::domain::beyond_plan::BeyondPlan;
use crate::domain::id::PlanName;
use crate::domain::plan::Quantity;
use crate::domain::quota::Quota;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::gateway::authorize::Permit;
use crate::policy::snapshot::Snapshot;

/// The code of a call that a quota does not have enough for.
const USED_UP: &str = "quota_used_up";

/// Asks each quota of the call's plan, as a node does once the call's body is known to be right.
///
/// # Errors
/// [`BeyondPlan::CallTooLarge`]; [`BeyondPlan::QuotaUsedUp`], if no node can have enough left; what keeps the node from telling what is
/// leased.
pub(super) fn ask(
    decisions: &mut Decisions,
    funds: Option<&Funds<'_>>,
    (snapshot, permit): (&Snapshot, &Permit<'_>),
    (taken, at): (Taken, Timestamp),
) -> Result<(), Stopped> {
    let Some((_, version)) = permit.subscribed.as_ref().filter(|(_, version)| !version.quotas.is_empty())
    else {
        return Ok(());
    };
    let leased = funds.map(Funds::leased_of_quotas).transpose()?.flatten();
    for quota in &version.quotas {
        let Quota { name, of, most, every, source } = quota;
        let per = every.name();
        let mut told = format!("{name}: {most} {} of the app in each {per}", of.name());
        let units = match (of, taken) {
            (Quantity::Calls, _) => Some(1),
            (Quantity::Units, Taken::Known(units)) => Some(units),
            (Quantity::Units, Taken::NotOnRecord) => None,
        };
        if let Some(units) = units {
            told.push_str(&format!("; this call takes {units} of them before it is answered"));
        }
        decisions.add("quota", Some(source), told);
        if let Some(units) = units.filter(|units| units > most) {
            let too_large = BeyondPlan::CallTooLarge { limit: name.clone(), units, most: *most };
            return Err(Refusal::BeyondPlan(too_large.into()).into());
        }
        match (&leased, funds) {
            (Some(leased), Some(funds)) => {
                let window = every.around(at, &snapshot.platform.zone);
                let plan = &version.reference.name;
                ask_now(decisions, (funds, leased), (plan, quota, units), (at, window))?;
            }
            (None, Some(funds)) => {
                let met = funds.recorded.filter(|recorded| recorded.has_met(USED_UP));
                decisions.say("; what was left of them at the time of the call is not known");
                decisions.leave(Answer::BeyondPolicies);
                if let Some(recorded) = met {
                    decisions.say(&format!(", but it {}", recorded.told()));
                    decisions.leave(Answer::NotKnown);
                }
            }
            (_, None) => {
                decisions.say("; what is left of them, a node knows");
                decisions.leave(Answer::BeyondPolicies);
            }
        }
    }
    Ok(())
}

/// Whether a call that is made now gets so many of a quota, of which nodes have leased that.
fn ask_now(
    decisions: &mut Decisions,
    (funds, leased): (&Funds<'_>, &[Value]),
    (plan, quota, units): (&PlanName, &Quota, Option<u64>),
    (at, window): (Timestamp, (Timestamp, Timestamp)),
) -> Result<(), Stopped> {
    let Quota { name, most, .. } = quota;
    let (_, until) = window;
    let leased = in_window(leased, (plan, quota), window, "leased");
    let left = most.saturating_sub(leased);
    decisions.say(&format!("; nodes have leased {leased} of them until {until}"));
    let mut details = json!({ "leased": leased, "left": left, "until": until.to_string() });
    if units.is_some_and(|units| units <= left) {
        decisions.detail(details);
        return Ok(());
    }
    let used = in_window(&funds.used_of_quota(plan, name)?, (plan, quota), window, "used");
    decisions.say(&format!(", and {used} are used by calls that are in the books"));
    details["used"] = json!(used);
    decisions.detail(details);
    match units.filter(|units| *units > most.saturating_sub(used)) {
        Some(units) => {
            decisions.say(": the call takes more than is left");
            let retry_after = until.since(at);
            let used_up = BeyondPlan::QuotaUsedUp { quota: name.clone(), units, retry_after };
            Err(Refusal::BeyondPlan(used_up.into()).into())
        }
        None => {
            decisions.say(&format!(
                ". A node that has enough left of its own lets the call through; any other refuses it with 429 {USED_UP}"
            ));
            decisions.leave(Answer::NotKnown);
            Ok(())
        }
    }
}

/// How many of a quota in a window are `what`: leased by nodes, or used.
fn in_window(
    all: &[Value],
    (plan, quota): (&PlanName, &Quota),
    (from, until): (Timestamp, Timestamp),
    what: &str,
) -> u64 {
    let (from, until) = (from.to_string(), until.to_string());
    let wanted = [
        ("plan", plan.as_str()),
        ("quota", quota.name.as_str()),
        ("counts", quota.of.name()),
        ("from", from.as_str()),
        ("until", until.as_str()),
    ];
    let is_it = |leased: &&Value| wanted.iter().all(|(name, text)| leased[*name] == *text);
    all.iter().find(is_it).and_then(|found| found[what].as_u64()).unwrap_or_default()
}
