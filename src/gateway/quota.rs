//! Quotas of a call's plan: it holds some of each before its upstream sees it, and its answer settles what it has used. Nobody asks the
//! store for a call: its node has leased ahead, or the call waits for it.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::time::timeout;

use super::admit::{Admission, units};
use super::authorize::{Circumstances, Permit};
use super::recording::Call;
use super::worker::Worker;
use crate::credential::directory::Identity;
use crate::domain::beyond_plan::BeyondPlan;
use crate::domain::plan::{PlanVersion, Quantity};
use crate::domain::quota::{Quota, QuotaWindow};
use crate::domain::refusal::{Refusal, whole_seconds};
use crate::limit::purse::Exhausted;
use crate::limit::purses::TooMany;
use crate::limit::quota_purse::{QuotaHold, QuotaPurse};

/// For how long a call waits for what its node has to lease.
const PATIENCE: Duration = Duration::from_millis(200);

/// Whether a call is under quotas.
#[must_use]
pub(super) fn counts(permit: &Permit<'_>) -> bool {
    permit.subscribed.as_ref().is_some_and(|(_, version)| !version.quotas.is_empty())
}

/// Takes what a call is of its plan's quotas, if all of it is at hand, and gives whether it is; else nothing is taken. How many units it
/// is, is `read` once.
///
/// # Errors
/// [`Refusal::Unavailable`] if too many quotas are in use.
pub(super) fn take(
    worker: &Worker,
    call: &mut Call,
    (permit, circumstances): (&Permit<'_>, &Circumstances<'_>),
    read: &mut Option<u64>,
) -> Result<bool, Refusal> {
    let Some(asking) = Asking::of(call, permit, circumstances) else { return Ok(true) };
    for quota in &asking.version.quotas {
        let units = asking.units(call, quota, read);
        let held = asking.purse(worker, call, quota)?.take(units).filter(|_| units <= quota.most);
        let taken = call.promised.units.get_or_insert_default();
        match held {
            Some(hold) => taken.hold(quota.of, hold),
            None => {
                taken.give_quotas_back();
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Takes what a call is of its plan's quotas, and waits for what is not at hand.
///
/// # Errors
/// [`Refusal::BeyondPlan`], with what that quota says; [`Refusal::Unavailable`] if nobody says in time what is left.
pub(super) async fn promise(
    worker: &Worker,
    call: &mut Call,
    (permit, circumstances): (&Permit<'_>, &Circumstances<'_>),
    (read, told): (&mut Option<u64>, &mut Option<Admission>),
) -> Result<(), Refusal> {
    let Some(asking) = Asking::of(call, permit, circumstances) else { return Ok(()) };
    for quota in &asking.version.quotas {
        let (units, purse) = (asking.units(call, quota, read), asking.purse(worker, call, quota)?);
        let held = match purse.take(units) {
            _ if units > quota.most => Err(Refusal::BeyondPlan(
                BeyondPlan::CallTooLarge { limit: quota.name.clone(), units, most: quota.most }.into(),
            )),
            Some(hold) => Ok(hold),
            None => wait(&purse, units, call).await,
        };
        let held = held.inspect_err(|refusal| {
            if matches!(refusal, Refusal::BeyondPlan(_)) {
                *told = Some(said(&purse, call));
            }
        })?;
        call.promised.units.get_or_insert_default().hold(quota.of, held);
    }
    Ok(())
}

/// A call that asks its plan's quotas.
struct Asking<'c, 'r> {
    version: &'c PlanVersion,
    identity: Arc<Identity>,
    circumstances: &'c Circumstances<'r>,
}

impl<'c, 'r> Asking<'c, 'r> {
    fn of(call: &Call, permit: &'c Permit<'_>, circumstances: &'c Circumstances<'r>) -> Option<Self> {
        let (_, version) = permit.subscribed.as_ref()?;
        Some(Self { version, identity: call.identity.clone()?, circumstances })
    }

    /// How much the call is of a quota.
    fn units(&self, call: &Call, quota: &Quota, read: &mut Option<u64>) -> u64 {
        match quota.of {
            Quantity::Calls => 1,
            Quantity::Units => units::of_call(call, self.circumstances, read),
        }
    }

    fn purse(&self, worker: &Worker, call: &Call, quota: &Quota) -> Result<Arc<QuotaPurse>, Refusal> {
        let (app, plan) = (&self.identity.caller.app.id, &self.version.reference.name);
        let zone = &call.view.snapshot.platform.zone;
        let mut at_hand = worker.quotas.borrow_mut();
        let found = at_hand.find(&worker.shared.quotas, (app, plan, quota), (call.at, zone));
        found.map_err(|TooMany| Refusal::Unavailable("Too many quotas are in use at once"))
    }
}

/// Waits until the node has leased what the call needs.
async fn wait(purse: &Arc<QuotaPurse>, units: u64, call: &Call) -> Result<QuotaHold, Refusal> {
    match timeout(PATIENCE, purse.wait(units)).await {
        Ok(Ok(hold)) => Ok(hold),
        Ok(Err(Exhausted)) => {
            let QuotaWindow { quota, until, .. } = purse.window();
            let retry_after = until.since(call.at);
            Err(Refusal::BeyondPlan(
                BeyondPlan::QuotaUsedUp { quota: quota.clone(), units, retry_after }.into(),
            ))
        }
        Err(_) => Err(Refusal::Unavailable("Nobody says in time what is left of the quota")),
    }
}

/// What a quota says in the `RateLimit` fields: how many in its window, and what this node may let through of them.
fn said(purse: &QuotaPurse, call: &Call) -> Admission {
    let QuotaWindow { quota, of, most, from, until, .. } = purse.window();
    let unit = match of {
        Quantity::Calls => "",
        Quantity::Units => ";qu=\"tollgate-units\"",
    };
    let (window, left) = (whole_seconds(until.since(*from)), u64::try_from(purse.left()).unwrap_or(0));
    let reset = whole_seconds(until.since(call.at));
    let field = |text: String| HeaderValue::from_maybe_shared(text.into_bytes());
    let or_none = |value: Result<HeaderValue, _>| value.unwrap_or(HeaderValue::from_static(""));
    Admission {
        policy: or_none(field(format!("\"{quota}\";q={most}{unit};w={window}"))),
        state: or_none(field(format!("\"{quota}\";r={left};t={reset}"))),
    }
}
