//! What is promised for a call before its upstream sees anything: what it takes of its plan's quotas, room in the journal for its record
//! and, of one whose app pays from a balance, units that may be spent. What the call does not use goes back, whatever becomes of it.
//!
//! Whose app has no balance is found out by a look at what is known of the app; nothing else is done for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::admit::Admission;
use super::admit::units::UnitsTaken;
use super::authorize::{Circumstances, Permit};
use super::quota;
use super::recording::Call;
use super::worker::Worker;
use crate::domain::balance::PaidFrom;
use crate::domain::refusal::Refusal;
use crate::domain::usage::Evidence;
use crate::journal::reservation::Reservation;
use crate::limit::purse::{Exhausted, Hold, Purse};
use crate::limit::purses::{Sought, TooMany};
use crate::policy::journal_terms::Unwritable;

/// Room in the journal that a call is promised before the upstream sees it, in bytes: more than nearly any record has.
const RECORD_ROOM: usize = 2048;
/// Units that a call is promised: how many more it uses is known once it is answered.
pub const UNITS: u64 = 1;
/// For how long a call waits for units that its node has to lease.
const PATIENCE: Duration = Duration::from_millis(200);

/// What was promised for a call.
#[derive(Debug, Default)]
pub struct Promised {
    /// Room in the journal for the record of one that may have to be paid for.
    pub room: Option<Reservation>,
    /// Units of the balance that it is paid from.
    pub hold: Option<Hold>,
    /// Units of its plan's limits that count them, and what it holds of quotas.
    pub units: Option<Box<UnitsTaken>>,
}

impl Promised {
    /// What of it a call needs that was worth so much: units are to be spent once its record is the journal's, and those that it did
    /// not use go back here, as do those of its limits.
    #[must_use]
    pub fn settled(self, evidence: &Evidence) -> Self {
        if let Some(taken) = self.units {
            taken.settle(evidence);
        }
        let hold = match evidence {
            Evidence::Billable { units, .. } => self.hold.map(|hold| hold.settled(*units)),
            // Its upstream may have acted, and who leaves decides when: what it holds stays reserved until somebody has decided.
            Evidence::Exception { .. } => self.hold,
            Evidence::Free => None,
        };
        Self { hold, room: self.room, units: None }
    }
}

/// Refuses a call early of which it is known that its balance does not bear it, so that it uses up nothing of the plan's limits.
///
/// # Errors
/// [`Refusal::BalanceExhausted`].
pub(super) fn refuse_known(worker: &Worker, call: &Call, permit: &Permit<'_>) -> Result<(), Refusal> {
    match purse(worker, call, permit)? {
        Some((purse, paid_from)) if purse.lacks(UNITS) => {
            Err(Refusal::BalanceExhausted(Box::new(paid_from.clone())))
        }
        Some(_) | None => Ok(()),
    }
}

/// Promises a call what it needs. What one that is refused was promised by then goes back as soon as it is concluded.
///
/// # Errors
/// As [`quota::promise`], which has `told` say what its quotas say; [`Refusal::BalanceExhausted`]; [`Refusal::Unavailable`] if nobody
/// says in time what is left, or if the record could not be kept.
pub(super) async fn promise(
    worker: &Worker,
    call: &mut Call,
    (permit, circumstances): (&Permit<'_>, &Circumstances<'_>),
    told: &mut Option<Admission>,
) -> Result<(), Refusal> {
    // What is seldom awaited is on the heap.
    if quota::counts(permit) {
        Box::pin(quota::promise(worker, call, (permit, circumstances), told)).await?;
    }
    if let Some((purse, paid_from)) = purse(worker, call, permit)? {
        let hold = match purse.take(UNITS) {
            Some(hold) => hold,
            None => Box::pin(wait(&purse, paid_from)).await?,
        };
        call.promised.hold = Some(hold);
    }
    room(worker, call)
}

/// The purse of a call that may have to be paid from a balance, and that; `None` of one that is owed, or costs nothing.
fn purse<'c>(
    worker: &Worker,
    call: &'c Call,
    permit: &Permit<'_>,
) -> Result<Option<(Arc<Purse>, &'c PaidFrom)>, Refusal> {
    let Some(app) = call.identity.as_ref().map(|identity| &identity.caller.app) else { return Ok(None) };
    if app.balances.is_empty() {
        return Ok(None);
    }
    let (Some((product, version)), true) = (&permit.subscribed, call.meter().is_some()) else {
        return Ok(None);
    };
    let Some(fee) = version.tariff.fee_of(call.route().map(|route| &route.name)) else { return Ok(None) };
    let pays = |paid_from: &&PaidFrom| paid_from.currency == version.tariff.currency;
    let Some(paid_from) = app.balances.iter().find(pays) else { return Ok(None) };
    let (plan, item, promotion) = (&version.reference, &fee.terms().name, fee.promotion_at(call.at));
    let sought = Sought { paid_from, app: &app.id, product, plan, item, promotion, at: call.at };
    let zone = &call.view.snapshot.platform.zone;
    let found = worker.purses.borrow_mut().find(&worker.shared.purses, sought, zone);
    let purse = found.map_err(|TooMany| Refusal::Unavailable("Too many balances are in use at once"))?;
    Ok(Some((purse, paid_from)))
}

/// Waits until the node has leased units for the call.
async fn wait(purse: &Arc<Purse>, paid_from: &PaidFrom) -> Result<Hold, Refusal> {
    match timeout(PATIENCE, purse.wait(UNITS)).await {
        Ok(Ok(hold)) => Ok(hold),
        Ok(Err(Exhausted)) => Err(Refusal::BalanceExhausted(Box::new(paid_from.clone()))),
        Err(_) => Err(Refusal::Unavailable("Nobody says in time what is left of the balance")),
    }
}

/// Refuses a call whose record could not be kept: one that may cost something, or any of an app if the platform wants it so.
fn room(worker: &Worker, call: &mut Call) -> Result<(), Refusal> {
    let journal = worker.journal.borrow();
    let is_kept = match call.meter() {
        Some(_) => {
            call.promised.room = journal.reserve(RECORD_ROOM);
            call.promised.room.is_some()
        }
        None => match call.view.snapshot.platform.unwritable {
            Unwritable::RefuseAll => call.identity.is_none() || !journal.is_failing(),
            Unwritable::RefuseMoney | Unwritable::Stop => true,
        },
    };
    if is_kept { Ok(()) } else { Err(Refusal::Unavailable("Usage cannot be recorded")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::balance::{Part, Stretch};
    use crate::domain::id::{AppId, BalanceId, ItemName, PlanName, ProductName};
    use crate::domain::plan::PlanRef;
    use crate::domain::time::Timestamp;
    use crate::limit::purses::Purses;

    #[test]
    fn a_call_that_someone_has_to_decide_about_keeps_what_it_holds() {
        let stretch = Stretch {
            balance: BalanceId::new("bal_1").unwrap(),
            app: AppId::new("app_1").unwrap(),
            product: ProductName::new("storefront").unwrap(),
            plan: PlanRef { name: PlanName::new("standard").unwrap(), version: 1 },
            part: Some(Part { item: ItemName::new("calls").unwrap(), promotion: None }),
            service_period: "2026-11".parse().unwrap(),
        };
        let span = (Timestamp::default(), Timestamp::default());
        let purse = Purses::default().find(stretch, span).unwrap();
        purse.put(1);
        let promised = || Promised { room: None, hold: purse.take(1), units: None };
        assert!(promised().settled(&Evidence::Free).hold.is_none());
        assert_eq!(purse.left(), 1, "it is free, and comes back");
        let exception =
            Evidence::Exception { reason: "the caller left before the upstream's answer".to_owned() };
        let settled = promised().settled(&exception);
        assert_eq!(settled.hold.as_ref().map(Hold::units), Some(1));
        settled.hold.into_iter().for_each(Hold::spend);
        assert_eq!(purse.left(), 0);
    }
}
