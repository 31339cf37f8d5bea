//! The sums of a balance as a transaction sees them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::available::{Counted, Later, OfItem, reserved};
use crate::billing::error::BillingError;
use crate::billing::rating::Unrated;
use crate::domain::balance::{Balance, Funds, Stretch};
use crate::domain::id::{AppId, PlanName, ProductName};
use crate::domain::money::Currency;
use crate::domain::plan::PlanRef;
use crate::domain::running_total::{self, FeeFamily, Units};
use crate::domain::tariff::{FeeItem, Tariff};
use crate::domain::time::Period;
use crate::store::Transaction;

/// The sums of a balance, and what is counted of each stretch of which units are leased.
pub(super) struct Reserved {
    pub(super) funds: Funds,
    pub(super) counted: BTreeMap<Stretch, Counted>,
}

impl Reserved {
    /// Reads them, and what is counted of `wanted` even if nothing of it is leased; of a budget, those of that service period
    /// alone. Unless the transaction has locked the balance, or sees the store as it was at one time, they are of no use.
    ///
    /// # Errors
    /// [`BillingError::Store`]; [`BillingError::PlanUnknown`]; [`BillingError::Unrated`] if sums are too large.
    pub(super) async fn read(
        transaction: &mut Transaction,
        balance: &Balance,
        service_period: Period,
        wanted: Option<&Stretch>,
    ) -> Result<Self, BillingError> {
        let of = balance.kind.is_monthly().then_some(service_period);
        let mut leased: BTreeMap<Stretch, u64> =
            wanted.map(|wanted| (wanted.clone(), 0)).into_iter().collect();
        let open = transaction.open_leases(&balance.id).await?.into_iter();
        let open = open.map(|lease| (lease.stretch, lease.units));
        // What someone has to decide about may have to be paid, too.
        let disputed = transaction.open_disputes(&balance.id).await?.into_iter();
        for (stretch, more) in open.chain(disputed.map(|of| (of.stretch, of.units))) {
            if of.is_none_or(|period| stretch.service_period == period) {
                let units = leased.entry(stretch).or_default();
                *units = units.checked_add(more).ok_or(Unrated::TooLarge)?;
            }
        }
        let counted = count(transaction, leased).await?;
        let funds = Funds {
            paid_in: transaction.paid_in(&balance.id).await?,
            spent: transaction.spent(&balance.id, of).await?,
            reserved: reserved(counted.values()).map_err(Unrated::from)?,
        };
        Ok(Self { funds, counted })
    }
}

/// What is counted of stretches of which so many units are leased.
async fn count(
    transaction: &mut Transaction,
    leased: BTreeMap<Stretch, u64>,
) -> Result<BTreeMap<Stretch, Counted>, BillingError> {
    let apps: BTreeSet<&str> = leased.keys().map(|stretch| stretch.app.as_str()).collect();
    let apps: Vec<String> = apps.into_iter().map(str::to_owned).collect();
    let periods: BTreeSet<Period> = leased.keys().map(|stretch| stretch.service_period).collect();
    let periods: Vec<String> = periods.iter().map(ToString::to_string).collect();
    let totals = transaction.fee_totals(&apps, &periods).await?;
    let mut totals_of: HashMap<_, Vec<&running_total::Counted>> = HashMap::new();
    for total in &totals {
        let FeeFamily { app, product, plan, service_period, .. } = &total.family;
        totals_of.entry((app, product, plan, *service_period)).or_default().push(total);
    }
    // By versions of one plan, which share its allowance.
    let mut versions_of: HashMap<_, u64> = HashMap::new();
    for stretch in leased.keys() {
        let versions = versions_of.entry(plan_of(stretch)).or_default();
        *versions = versions.saturating_add(1);
    }
    let mut tariffs = HashMap::new();
    let mut counted = BTreeMap::new();
    for (stretch, units) in &leased {
        let tariff = tariff(transaction, &mut tariffs, stretch.plan.clone()).await?;
        let has_others = versions_of.get(&plan_of(stretch)).is_some_and(|versions| *versions > 1);
        let totals = totals_of.get(&plan_of(stretch)).map_or(&[][..], Vec::as_slice);
        let mut items = Vec::with_capacity(tariff.fees.len());
        for item in &tariff.fees {
            let is_of = |one: &&&running_total::Counted| one.family.item.as_ref() == item.key();
            let mut versions: Vec<_> = totals.iter().filter(is_of).copied().collect();
            versions.sort_unstable_by_key(|one| one.version);
            let mut of_item = own(item, &versions, stretch.plan.version);
            for other in versions.iter().filter(|other| other.version > stretch.plan.version) {
                let plan = PlanRef { version: other.version, ..stretch.plan.clone() };
                let later = self::tariff(transaction, &mut tariffs, plan).await?;
                of_item.later.extend(self::later((item, &of_item), (&later, &other.units), tariff.currency));
            }
            if has_others {
                of_item.free_left = 0;
            }
            items.push(of_item);
        }
        counted.insert(stretch.clone(), Counted { tariff, items, leased: *units });
    }
    Ok(counted)
}

/// The prices of a plan version, which are read once.
async fn tariff(
    transaction: &mut Transaction,
    known: &mut HashMap<PlanRef, Arc<Tariff>>,
    plan: PlanRef,
) -> Result<Arc<Tariff>, BillingError> {
    if let Some(tariff) = known.get(&plan) {
        return Ok(tariff.clone());
    }
    let kept = transaction.plan_version(&plan).await?;
    let tariff = Arc::new(kept.ok_or_else(|| BillingError::PlanUnknown(plan.clone()))?.tariff);
    known.insert(plan, tariff.clone());
    Ok(tariff)
}

/// The plan of a stretch, whichever version, with what its allowance is for.
fn plan_of(stretch: &Stretch) -> (&AppId, &ProductName, &PlanName, Period) {
    (&stretch.app, &stretch.product, &stretch.plan.name, stretch.service_period)
}

/// What is counted of an item under a version itself: earlier versions have their turn in the free allowance before it.
fn own(item: &FeeItem, versions: &[&running_total::Counted], version: u32) -> OfItem {
    let until_it = versions.iter().filter(|one| one.version <= version);
    let freed = until_it.fold(0_u64, |sum, one| sum.saturating_add(one.units.free));
    let used = versions.iter().find(|one| one.version == version);
    OfItem {
        used: used.map(|one| one.units.clone()).unwrap_or_default(),
        free_left: item.terms().free_units.saturating_sub(freed),
        later: Vec::new(),
    }
}

/// What a later version may have to give up of the allowance; none if that is paid in another currency, from elsewhere.
fn later(
    (item, of_item): (&FeeItem, &OfItem),
    (tariff, used): (&Tariff, &Units),
    currency: Currency,
) -> Option<Later> {
    let item = tariff.fee_named(item.key()).filter(|_| tariff.currency == currency)?.clone();
    let yielding = used.free.min(of_item.free_left);
    (yielding > 0).then(|| Later { item, rounding: tariff.rounding, used: used.clone(), yielding })
}
