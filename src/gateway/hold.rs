//! What is promised for a call before its upstream sees anything: what it takes of its plan's quotas, room in the journal for its record
//! and, of one whose app pays from a balance, units that may be spent. What the call does not use goes back, whatever becomes of it.
//!
//! Whose app has no balance is found out by a look at what is known of the app; nothing else is done for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::admit::Admission;
use super::admit::units::{self, UnitsTaken};
use super::authorize::{Circumstances, Permit};
use super::quota;
use super::recording::Call;
use super::worker::Worker;
use crate::billing::rating::MAX_UNITS;
use crate::domain::balance::PaidFrom;
use crate::domain::refusal::Refusal;
use crate::domain::transaction::TransactionKind;
use crate::domain::usage::Evidence;
use crate::journal::reservation::Reservation;
use crate::limit::balance_purse::{BalanceHold, BalancePurse, Sought};
use crate::limit::purse::Exhausted;
use crate::limit::purses::TooMany;
use crate::policy::journal_terms::Unwritable;

/// Room in the journal that a call is promised before the upstream sees it, in bytes: more than nearly any record has.
const RECORD_ROOM: usize = 2048;
/// For how long a call waits for units that its node has to lease.
const PATIENCE: Duration = Duration::from_millis(200);

/// What was promised for a call.
#[derive(Debug, Default)]
pub struct Promised {
    /// Room in the journal for the record of one that may have to be paid for.
    pub room: Option<Reservation>,
    /// Units of the balance that it is paid from.
    pub hold: Option<BalanceHold>,
    /// Units of its merchant's cap.
    pub cap: Option<BalanceHold>,
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
        let settled = |hold: Option<BalanceHold>| match evidence {
            Evidence::Billable { units, .. } => hold.map(|hold| hold.settled(*units)),
            // Its upstream may have acted, and who leaves decides when: what it holds stays reserved until somebody has decided.
            Evidence::Exception { .. } => hold,
            Evidence::Free => None,
        };
        Self { hold: settled(self.hold), cap: settled(self.cap), room: self.room, units: None }
    }
}

/// The purses of what a call is counted on: of the balance that pays for it, and of its merchant's cap.
pub(super) type Counting = [Option<Arc<BalancePurse>>; 2];

/// Refuses a call early of which it is known that its balance does not bear it, so that it uses up nothing of the plan's limits. Gives
/// the purses of any other that is counted on some.
///
/// # Errors
/// [`Refusal::BalanceExhausted`].
pub(super) fn refuse_known(
    worker: &Worker,
    call: &Call,
    (permit, circumstances): (&Permit<'_>, &Circumstances<'_>),
) -> Result<Counting, Refusal> {
    if let Some(paid_from) = used_up(call, permit) {
        return Err(Refusal::BalanceExhausted(Box::new(paid_from.clone())));
    }
    let purses = purses(worker, call, permit)?;
    // The cap first, as where it waits.
    for purse in purses.iter().rev().flatten() {
        // Its request is read only if there is none at all.
        if purse.lacks(1) && purse.lacks(purse.of_call(units::of_call(call, circumstances, &mut None))) {
            return Err(exhausted(purse));
        }
    }
    Ok(purses)
}

/// The balance of which it is known that nothing is left, of a call that may bring a share to be counted on it: only the answer tells
/// how much, in which currency.
fn used_up<'c>(call: &'c Call, permit: &Permit<'_>) -> Option<&'c PaidFrom> {
    let balances = &call.identity.as_ref()?.caller.app.balances;
    let used_up = balances.iter().find(|one| one.used_up_until.is_some_and(|until| call.at < until))?;
    let (_, version) = permit.subscribed.as_ref()?;
    let (share, route) = (version.tariff.share.as_ref()?, call.route()?);
    let is_sale = call.meter()?.transaction.as_ref()?.kind == TransactionKind::Sale;
    (is_sale && share.may_be_partners(&route.name)).then_some(used_up)
}

fn exhausted(purse: &BalancePurse) -> Refusal {
    Refusal::BalanceExhausted(Box::new(purse.paid_from().clone()))
}

/// Promises a call what it needs, of its balance, and of its merchant's cap, from the purses that are known to be its own: as many units
/// as its request tells, of each or of none. How many more it uses is known once it is answered. What one that is refused was promised by
/// then goes back as soon as it is concluded.
///
/// # Errors
/// As [`quota::promise`], which has `told` say what its quotas say; [`Refusal::BalanceExhausted`]; [`Refusal::Unavailable`] if nobody
/// says in time what is left, or if the record could not be kept.
pub(super) async fn promise(
    worker: &Worker,
    call: &mut Call,
    (permit, circumstances): (&Permit<'_>, &Circumstances<'_>),
    purses: Counting,
    told: &mut Option<Admission>,
) -> Result<(), Refusal> {
    let asked = (permit, circumstances);
    let mut read = None;
    // What is seldom awaited is on the heap.
    if quota::counts(permit) && !quota::take(worker, call, asked, &mut read)? {
        Box::pin(quota::promise(worker, call, asked, (&mut read, told))).await?;
    }
    if purses.iter().any(Option::is_some) {
        // A call of more is an exception, whatever its answer says.
        let units = units::of_call(call, circumstances, &mut read).min(MAX_UNITS);
        let held = match take(&purses, units) {
            Some(held) => held,
            None => Box::pin(wait(&purses, units)).await?,
        };
        [call.promised.hold, call.promised.cap] = held;
    }
    room(worker, call)
}

/// The purses of what a call is counted on; none of one that is owed and under no cap, or costs nothing.
fn purses(worker: &Worker, call: &Call, permit: &Permit<'_>) -> Result<Counting, Refusal> {
    let none = Ok([None, None]);
    let Some(caller) = call.identity.as_ref().map(|identity| &identity.caller) else { return none };
    let (app, caps) = (&caller.app, &caller.caps);
    if app.balances.is_empty() && caps.is_empty() {
        return none;
    }
    let (Some((product, version)), true) = (&permit.subscribed, call.meter().is_some()) else { return none };
    let Some(fee) = version.tariff.fee_of(call.route().map(|route| &route.name)) else { return none };
    let (plan, promotion) = (&version.reference, fee.promotion_at(call.at));
    let zone = &call.view.snapshot.platform.zone;
    let purse = |some: &[PaidFrom]| {
        let Some(paid_from) = some.iter().find(|one| one.currency == version.tariff.currency) else {
            return Ok(None);
        };
        let sought = Sought { paid_from, app: &app.id, product, plan, item: fee, promotion, at: call.at };
        let found = worker.purses.borrow_mut().find(&worker.shared.purses, sought, zone);
        found.map(Some).map_err(|TooMany| Refusal::Unavailable("Too many balances are in use at once"))
    };
    Ok([purse(&app.balances)?, purse(caps)?])
}

/// Takes what a call of so many units takes of each purse, or of none.
fn take(purses: &Counting, units: u64) -> Option<[Option<BalanceHold>; 2]> {
    let mut held = [None, None];
    for (purse, held) in purses.iter().zip(&mut held) {
        if let Some(purse) = purse {
            *held = Some(purse.take(purse.of_call(units))?);
        }
    }
    Some(held)
}

/// Waits until the node has leased units for the call, of each purse: of what pays last, as others may use that meanwhile.
async fn wait(purses: &Counting, units: u64) -> Result<[Option<BalanceHold>; 2], Refusal> {
    match timeout(PATIENCE, wait_for_each(purses, units)).await {
        Ok(held) => held,
        Err(_) => Err(Refusal::Unavailable("Nobody says in time what is left of the balance")),
    }
}

async fn wait_for_each(purses: &Counting, units: u64) -> Result<[Option<BalanceHold>; 2], Refusal> {
    let mut held = [None, None];
    for (purse, held) in purses.iter().zip(&mut held).rev() {
        if let Some(purse) = purse {
            *held = Some(purse.wait(purse.of_call(units)).await.map_err(|Exhausted| exhausted(purse))?);
        }
    }
    Ok(held)
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
    use crate::domain::balance::{BalanceKind, Part, Stretch};
    use crate::domain::id::{AppId, BalanceId, ItemName, PlanName, ProductName};
    use crate::domain::plan::PlanRef;
    use crate::domain::time::Timestamp;
    use crate::limit::balance_purse::{BalancePurses, BalanceUnits};

    fn purse_of(balance: &str, merchant: Option<&str>) -> Arc<BalancePurse> {
        let stretch = Stretch {
            balance: BalanceId::new(balance).unwrap(),
            app: AppId::new("app_1").unwrap(),
            product: ProductName::new("storefront").unwrap(),
            plan: PlanRef { name: PlanName::new("standard").unwrap(), version: 1 },
            part: Some(Part { item: ItemName::new("calls").unwrap(), promotion: None }),
            service_period: "2026-11".parse().unwrap(),
        };
        let span = (Timestamp::default(), Timestamp::default());
        let paid_from = PaidFrom {
            balance: stretch.balance.clone(),
            kind: BalanceKind::Budget(5),
            currency: "CNY".parse().unwrap(),
            merchant: merchant.map(|id| id.parse().unwrap()),
            used_up_until: None,
        };
        BalancePurses::default().find(BalanceUnits::new(paid_from, stretch, span)).unwrap()
    }

    #[tokio::test]
    async fn a_call_gets_units_of_what_pays_and_of_the_cap_or_of_neither() {
        let (paying, cap) = (purse_of("bal_1", None), purse_of("bal_2", Some("merchant_1")));
        let purses: Counting = [Some(paying.clone()), Some(cap.clone())];
        paying.put(1);
        assert!(take(&purses, 1).is_none());
        assert_eq!(paying.left(), 1, "what it would have held is there again");
        cap.refuse();
        let refusal = wait(&purses, 1).await.unwrap_err();
        assert_eq!((refusal.code(), paying.left()), ("cap_exhausted", 1));
        assert!(refusal.detail().contains("merchant merchant_1"), "{}", refusal.detail());
        cap.put(1);
        let held = take(&purses, 1).unwrap();
        assert_eq!((paying.left(), cap.left()), (0, 0));
        held.into_iter().flatten().for_each(BalanceHold::spend);
        paying.refuse();
        cap.put(1);
        let code = wait(&purses, 1).await.unwrap_err().code();
        assert_eq!((code, cap.left()), ("budget_exhausted", 1));
    }

    #[test]
    fn a_call_that_someone_has_to_decide_about_keeps_what_it_holds() {
        let purse = purse_of("bal_1", None);
        purse.put(1);
        let promised = || Promised { hold: purse.take(1), ..Promised::default() };
        assert!(promised().settled(&Evidence::Free).hold.is_none());
        assert_eq!(purse.left(), 1, "it is free, and comes back");
        let exception =
            Evidence::Exception { reason: "the caller left before the upstream's answer".to_owned() };
        let settled = promised().settled(&exception);
        assert_eq!(settled.hold.as_ref().map(BalanceHold::units), Some(1));
        settled.hold.into_iter().for_each(BalanceHold::spend);
        assert_eq!(purse.left(), 0);
    }
}
