//! The sums of a balance as a transaction sees them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::available::{Counted, Later, OfItem, Whose, reserved};
use crate::billing::error::BillingError;
use crate::billing::rating::Unrated;
use crate::domain::balance::{Balance, Funds, Part, Stretch};
use crate::domain::id::{AppId, PlanName, ProductName};
use crate::domain::money::Currency;
use crate::domain::plan::PlanRef;
use crate::domain::running_total::{self, FeeFamily, Units};
use crate::domain::tariff::{FeeItem, Tariff};
use crate::domain::time::Period;
use crate::store::Transaction;

/// Whose units are counted together: those of an app and API product under a plan version, in a service period.
type Use = (AppId, ProductName, PlanRef, Period);

/// Units by the part of the plan version.
type ByPart = BTreeMap<Option<Part>, u64>;

/// The sums of a balance, and what is counted of each use of which units are leased.
pub(super) struct Reserved {
    pub(super) funds: Funds,
    counted: BTreeMap<Use, Counted>,
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
        let open = transaction.open_leases(&balance.id).await?.into_iter();
        let open = open.map(|lease| (lease.stretch, lease.units));
        // What someone has to decide about may have to be paid, too.
        let disputed = transaction.open_disputes(&balance.id).await?.into_iter();
        let disputed = disputed.map(|of| (of.stretch, of.units));
        let wanted = wanted.map(|wanted| (wanted.clone(), 0)).into_iter();
        let mut leased: BTreeMap<Use, ByPart> = BTreeMap::new();
        for (stretch, more) in open.chain(disputed).chain(wanted) {
            if of.is_none_or(|period| stretch.service_period == period) {
                let part = stretch.part.clone();
                let units = leased.entry(use_of(stretch)).or_default().entry(part).or_default();
                *units = units.checked_add(more).ok_or(Unrated::TooLarge)?;
            }
        }
        let whose = if balance.owner.capped().is_some() { Whose::Some } else { Whose::All };
        let counted = count(transaction, leased, whose).await?;
        let funds = Funds {
            paid_in: transaction.paid_in(&balance.id).await?,
            spent: transaction.spent(&balance.id, of).await?,
            reserved: reserved(counted.values()).map_err(Unrated::from)?,
        };
        Ok(Self { funds, counted })
    }

    /// What is counted of what the units of a stretch are.
    pub(super) fn counted(&self, stretch: &Stretch) -> Option<&Counted> {
        self.counted.get(&use_of(stretch.clone()))
    }
}

fn use_of(Stretch { app, product, plan, service_period, .. }: Stretch) -> Use {
    (app, product, plan, service_period)
}

/// What is counted of uses of which so many units are leased.
async fn count(
    transaction: &mut Transaction,
    leased: BTreeMap<Use, ByPart>,
    whose: Whose,
) -> Result<BTreeMap<Use, Counted>, BillingError> {
    let apps: BTreeSet<&str> = leased.keys().map(|(app, ..)| app.as_str()).collect();
    let apps: Vec<String> = apps.into_iter().map(str::to_owned).collect();
    let periods: BTreeSet<Period> = leased.keys().map(|(.., period)| *period).collect();
    let periods: Vec<String> = periods.iter().map(ToString::to_string).collect();
    let totals = transaction.fee_totals(&apps, &periods).await?;
    let mut totals_of: HashMap<_, Vec<&running_total::Counted>> = HashMap::new();
    for total in &totals {
        let FeeFamily { app, product, plan, service_period, .. } = &total.family;
        totals_of.entry((app, product, plan, *service_period)).or_default().push(total);
    }
    let mut tariffs = HashMap::new();
    let mut counted = BTreeMap::new();
    for (of, parts) in &leased {
        let tariff = tariff(transaction, &mut tariffs, of.2.clone()).await?;
        let totals = totals_of.get(&plan_of(of)).map_or(&[][..], Vec::as_slice);
        let mut items = Vec::with_capacity(tariff.fees.len());
        for item in &tariff.fees {
            let is_of = |one: &&&running_total::Counted| one.family.item.as_ref() == item.key();
            let mut versions: Vec<_> = totals.iter().filter(is_of).copied().collect();
            versions.sort_unstable_by_key(|one| one.version);
            let mut of_item = own(item, &versions, of.2.version);
            for other in versions.iter().filter(|other| other.version > of.2.version) {
                let plan = PlanRef { version: other.version, ..of.2.clone() };
                let later = self::tariff(transaction, &mut tariffs, plan).await?;
                of_item.later.extend(self::later((item, &of_item), (&later, &other.units), tariff.currency));
            }
            if is_shared(item, of, &leased) {
                of_item.free_left = 0;
            }
            items.push(of_item);
        }
        let mut sum = Counted { tariff, items, whose };
        for (part, units) in parts {
            sum = sum.with(part.as_ref(), *units).map_err(Unrated::from)?;
        }
        counted.insert(of.clone(), sum);
    }
    Ok(counted)
}

/// Whether units of an item's name are leased, or asked for, under another version of the plan too, which shares its allowance.
fn is_shared(item: &FeeItem, of: &Use, leased: &BTreeMap<Use, ByPart>) -> bool {
    let (app, product, plan, period) = of.clone();
    // Uses stand by version within their plan.
    let first = (app, product, PlanRef { version: 0, ..plan }, period);
    let of_plan = leased
        .range(first..)
        .take_while(|(other, _)| (&other.0, &other.1, &other.2.name) == (&of.0, &of.1, &of.2.name));
    let others = of_plan.filter(|(other, _)| other.3 == of.3 && other.2 != of.2);
    let takes_free = |part: &Option<Part>| {
        part.as_ref().is_none_or(|part| part.item == item.terms().name && part.promotion.is_none())
    };
    others.flat_map(|(_, parts)| parts.keys()).any(takes_free)
}

/// The prices of a plan version, which are read once.
///
/// # Errors
/// [`BillingError::PlanUnknown`], [`BillingError::Store`].
pub(super) async fn tariff(
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

/// The plan of a use, whichever version, with what its allowance is for.
fn plan_of((app, product, plan, period): &Use) -> (&AppId, &ProductName, &PlanName, Period) {
    (app, product, &plan.name, *period)
}

/// What is counted of an item under a version itself: earlier versions have their turn in the free allowance before it.
fn own(item: &FeeItem, versions: &[&running_total::Counted], version: u32) -> OfItem {
    let until_it = versions.iter().filter(|one| one.version <= version);
    let freed = until_it.fold(0_u64, |sum, one| sum.saturating_add(one.units.free));
    let used = versions.iter().find(|one| one.version == version);
    OfItem {
        used: used.map(|one| one.units.clone()).unwrap_or_default(),
        free_left: item.terms().free_units.saturating_sub(freed),
        ..OfItem::default()
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
