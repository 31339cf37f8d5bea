//! The sums of a balance as a transaction sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::available::{Counted, Later, OfItem, reserved};
use crate::billing::error::BillingError;
use crate::billing::rating::Unrated;
use crate::domain::balance::{Balance, Funds, Stretch};
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
        for lease in transaction.open_leases(&balance.id).await? {
            if of.is_none_or(|period| lease.stretch.service_period == period) {
                let units = leased.entry(lease.stretch).or_default();
                *units = units.checked_add(lease.units).ok_or(Unrated::TooLarge)?;
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
    let mut counted = BTreeMap::new();
    for (stretch, units) in &leased {
        let tariff = tariff(transaction, stretch.plan.clone()).await?;
        let has_others = leased.keys().any(|other| is_other_version(other, stretch));
        let mut items = Vec::with_capacity(tariff.fees.len());
        for item in &tariff.fees {
            let mut versions =
                totals.iter().filter(|one| is_of(&one.family, stretch, item)).collect::<Vec<_>>();
            versions.sort_unstable_by_key(|one| one.version);
            let mut of_item = own(item, &versions, stretch.plan.version);
            for other in versions.iter().filter(|other| other.version > stretch.plan.version) {
                let plan = PlanRef { version: other.version, ..stretch.plan.clone() };
                let later = self::tariff(transaction, plan).await?;
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

async fn tariff(transaction: &mut Transaction, plan: PlanRef) -> Result<Arc<Tariff>, BillingError> {
    let kept = transaction.plan_version(&plan).await?;
    Ok(Arc::new(kept.ok_or(BillingError::PlanUnknown(plan))?.tariff))
}

/// Whether units are of a stretch's item, under whichever version of its plan.
fn is_of(family: &FeeFamily, stretch: &Stretch, item: &FeeItem) -> bool {
    (&family.app, &family.product, &family.plan, family.service_period, family.item.as_ref())
        == (&stretch.app, &stretch.product, &stretch.plan.name, stretch.service_period, item.key())
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

/// Whether a stretch is of another version of the same plan, which shares the free allowance.
fn is_other_version(other: &Stretch, stretch: &Stretch) -> bool {
    let PlanRef { name, version } = &stretch.plan;
    let is_alike = other.plan.name == *name && other.plan.version != *version;
    is_alike
        && (&other.app, &other.product, other.service_period)
            == (&stretch.app, &stretch.product, stretch.service_period)
}
