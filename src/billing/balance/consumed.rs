//! What becomes of leased units once the calls are recorded that were let through by them, in the transaction that adds what they
//! cost to what was spent.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::leases::lock;
use super::reserved::tariff;
use super::spending::Spending;
use super::used_up::note_used_up;
use crate::billing::error::BillingError;
use crate::billing::ledger::posting::Origin;
use crate::domain::balance::{Balance, Lease, Owner, Part, Run, Stretch};
use crate::domain::id::{AppId, BalanceId, MerchantId, NodeId, ProductName};
use crate::domain::plan::PlanRef;
use crate::domain::tariff::Tariff;
use crate::domain::time::{Period, Timestamp, Zone};
use crate::domain::usage::UsageRecord;
use crate::store::Transaction;
use crate::store::balance_dispute::Disputed;
use crate::store::numbers::Numbers;
use crate::store::usage_batch::Recorded;
use crate::store::usage_exception::UsageException;

/// A batch of calls, with the exceptions that are kept of them already.
pub(in crate::billing) struct Calls<'b> {
    /// Where they come from.
    pub(in crate::billing) origin: &'b Origin,
    /// Their records, if they come from a journal.
    pub(in crate::billing) records: &'b [Recorded],
    /// Those that someone has to decide about.
    pub(in crate::billing) exceptions: &'b [UsageException],
}

/// Adds what charges take to what was spent of balances, and consumes the leased units by which the calls were let through. Those of
/// calls whose worth is for someone to decide stay reserved until that is done. All balances are locked first, in the order in which
/// everyone does.
///
/// # Errors
/// [`BillingError::Store`], [`BillingError::Money`], [`BillingError::Posting`].
pub(in crate::billing) async fn settle(
    transaction: &mut Transaction,
    spending: Spending,
    calls: Calls<'_>,
    (zone, now): (&Zone, Timestamp),
    numbers: &mut Numbers,
) -> Result<(), BillingError> {
    let held = match calls.origin {
        Origin::Journal { node, .. } => {
            Held::of(transaction, (node, calls.records), calls.exceptions, zone).await?
        }
        Origin::Resolved(_) => None,
    };
    let mut balances: BTreeSet<BalanceId> = spending.balances().cloned().collect();
    if let Some(held) = &held {
        let open = transaction.open_leases_of(&held.node, &held.apps).await?;
        let mut leased: BTreeSet<BalanceId> = open.into_iter().map(|lease| lease.stretch.balance).collect();
        // An app may be under the caps of very many merchants.
        let called_for: BTreeSet<&MerchantId> =
            held.by_use.keys().filter_map(|(.., cap_of)| cap_of.as_ref()).collect();
        for (cap, merchant) in transaction.caps_among(&leased).await? {
            if !called_for.contains(&merchant) {
                leased.remove(&cap);
            }
        }
        balances.append(&mut leased);
    }
    let balances = lock(transaction, balances.iter()).await?;
    let spent: Vec<&Balance> = spending.balances().filter_map(|id| balances.get(id)).collect();
    spending.add(transaction, (calls.origin, now), numbers).await?;
    let running = Period::of(now, zone);
    for balance in spent {
        note_used_up(transaction, balance, Some((running, running.end(zone)))).await?;
    }
    match held {
        Some(held) => held.consume(transaction, &balances).await,
        None => Ok(()),
    }
}

/// What leases are found by beside balance and node; last the merchant of whose cap they are, unless they are of what pays.
type Use = (AppId, ProductName, PlanRef, Period, Option<MerchantId>);

/// Units of a use by which calls were let through.
struct HeldUnits {
    /// When the call came.
    at: Timestamp,
    part: Option<Part>,
    /// The record's place in the journal.
    sequence: u64,
    units: u64,
    /// The exception of one that someone has to decide about.
    disputed: Option<String>,
}

/// What the calls of new records of a node held.
struct Held {
    node: NodeId,
    apps: Vec<AppId>,
    by_use: BTreeMap<Use, Vec<HeldUnits>>,
}

impl Held {
    async fn of(
        transaction: &mut Transaction,
        (node, records): (&NodeId, &[Recorded]),
        exceptions: &[UsageException],
        zone: &Zone,
    ) -> Result<Option<Self>, BillingError> {
        // What is left out here is no call's, or of one whose units are charged.
        let is_of_units = |exception: &&UsageException| !exception.kind.is_of_transaction();
        let exceptions = exceptions.iter().filter(is_of_units);
        let exceptions: HashMap<&str, &str> =
            exceptions.filter_map(|exception| Some((exception.usage.as_deref()?, &*exception.id))).collect();
        let mut by_use = BTreeMap::<Use, Vec<HeldUnits>>::new();
        let mut tariffs = HashMap::new();
        for Recorded { usage, sequence, .. } in records {
            let Some((product, plan)) = usage.subscribed.as_ref().filter(|_| holds(usage)) else { continue };
            let part = match tariff(transaction, &mut tariffs, plan.clone()).await {
                Ok(tariff) => part_of(&tariff, usage),
                // What it is worth someone has to decide.
                Err(BillingError::PlanUnknown(_)) => None,
                Err(error) => return Err(error),
            };
            let disputed = (!exceptions.is_empty())
                .then(|| exceptions.get(&*usage.id.to_string()).map(|exception| (*exception).to_owned()));
            let (at, sequence, disputed) = (usage.at, *sequence, disputed.flatten());
            let mut of = |cap_of: Option<MerchantId>, held: HeldUnits| {
                let (app, period) = (usage.app.clone(), Period::of(at, zone));
                let of_it = (app, product.clone(), plan.clone(), period, cap_of);
                by_use.entry(of_it).or_default().push(held);
            };
            if usage.held_of_cap > 0 {
                let (part, disputed) = (part.clone(), disputed.clone());
                let held = HeldUnits { at, part, sequence, units: usage.held_of_cap, disputed };
                of(usage.merchant.clone(), held);
            }
            if usage.held > 0 {
                of(None, HeldUnits { at, part, sequence, units: usage.held, disputed });
            }
        }
        let apps: BTreeSet<AppId> = by_use.keys().map(|(app, ..)| app.clone()).collect();
        let held = Self { node: node.clone(), apps: apps.into_iter().collect(), by_use };
        Ok((!held.by_use.is_empty()).then_some(held))
    }

    async fn consume(
        self,
        transaction: &mut Transaction,
        balances: &BTreeMap<BalanceId, Balance>,
    ) -> Result<(), BillingError> {
        let mut open: BTreeMap<Use, Vec<Lease>> = BTreeMap::new();
        for lease in transaction.open_leases_of(&self.node, &self.apps).await? {
            let Stretch { balance, app, product, plan, service_period, .. } = &lease.stretch;
            // What was not locked is the cap of another merchant, or was leased a moment ago.
            let Some(cap_of) = balances.get(balance).map(cap_of) else { continue };
            let cap_of = cap_of.cloned();
            let of_it = (app.clone(), product.clone(), plan.clone(), *service_period, cap_of);
            open.entry(of_it).or_default().push(lease);
        }
        let (mut consumed, mut disputes, mut beyond) = (Consumed::default(), Vec::new(), 0_u64);
        for (of_it, held) in self.by_use {
            let mut leases = open.remove(&of_it).unwrap_or_default();
            for mut held in held {
                let (mut left, mut disputed) = (held.units, held.disputed.take());
                while left > 0 {
                    let Some(lease) = best(&mut leases, &held, balances) else { break };
                    let units = lease.units.min(left);
                    consumed.add(lease, units);
                    lease.units = lease.units.saturating_sub(units);
                    left = left.saturating_sub(units);
                    // All of them are as much in doubt as the first.
                    if let Some(exception) = disputed.take() {
                        let stretch = Stretch { part: held.part.clone(), ..lease.stretch.clone() };
                        disputes.push((exception, Disputed { stretch, units: held.units }));
                    }
                }
                beyond = beyond.saturating_add(left);
            }
        }
        transaction.consume_units(&consumed.leases()).await?;
        transaction.insert_disputes(&disputes).await?;
        if beyond > 0 {
            let node = &self.node;
            tracing::error!(%node, units = beyond, "calls were let through by more units of balances than were leased");
        }
        Ok(())
    }
}

/// The merchant whose cap a balance is.
fn cap_of(balance: &Balance) -> Option<&MerchantId> {
    match &balance.owner {
        Owner::App(_) | Owner::Partner(_) => None,
        Owner::Merchant { merchant, .. } => Some(merchant),
    }
}

/// Whether a call was let through by units of a balance.
fn holds(usage: &UsageRecord) -> bool {
    usage.held > 0 || usage.held_of_cap > 0
}

/// Which units of its plan version a call used.
fn part_of(tariff: &Tariff, usage: &UsageRecord) -> Option<Part> {
    let item = tariff.fee_of(usage.route.as_ref())?;
    Some(Part { item: item.terms().name.clone(), promotion: item.promotion_at(usage.at) })
}

/// The lease by which a call was let through: of the run that wrote its record, of the balance that was there for calls of its time, on
/// which its fee is counted, and of its part; what older programs leased was of any; last what a node leased that knew other prices.
fn best<'l>(
    leases: &'l mut [Lease],
    held: &HeldUnits,
    balances: &BTreeMap<BalanceId, Balance>,
) -> Option<&'l mut Lease> {
    let open = leases.iter_mut().filter(|lease| lease.units > 0 && lease.run.since < held.sequence);
    open.max_by_key(|lease| {
        let Stretch { balance, part, .. } = &lease.stretch;
        let pays = balances.get(balance).is_some_and(|balance| balance.is_for(held.at));
        let fits = if *part == held.part { 2 } else { u8::from(part.is_none()) };
        (pays, fits, lease.run.since)
    })
}

/// Units consumed by lease.
#[derive(Default)]
struct Consumed(BTreeMap<(Stretch, Run), u64>);

impl Consumed {
    fn add(&mut self, lease: &Lease, units: u64) {
        let sum = self.0.entry((lease.stretch.clone(), lease.run.clone())).or_default();
        *sum = sum.saturating_add(units);
    }

    fn leases(self) -> Vec<Lease> {
        self.0.into_iter().map(|((stretch, run), units)| Lease { stretch, run, units }).collect()
    }
}
