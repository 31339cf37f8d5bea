//! The sums of a balance as a transaction sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::available::{Counted, reserved};
use crate::billing::error::BillingError;
use crate::billing::rating::Unrated;
use crate::domain::balance::{Balance, Funds, Stretch};
use crate::domain::plan::PlanRef;
use crate::domain::running_total::FeeKey;
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
    let totals = transaction.unit_totals(&apps, &periods).await?;
    let mut counted = BTreeMap::new();
    for (stretch, units) in &leased {
        let key = key(stretch);
        let kept = transaction.plan_version(&stretch.plan).await?;
        let tariff = Arc::new(kept.ok_or_else(|| BillingError::PlanUnknown(stretch.plan.clone()))?.tariff);
        let is_same_allowance = |other: &FeeKey| other.allowance() == key.allowance();
        let freed = totals.iter().filter(|(other, _)| is_same_allowance(other)).map(|(_, units)| units.free);
        let freed = freed.fold(0, u64::saturating_add);
        let has_others = leased.keys().any(|other| is_other_version(other, stretch));
        let allowance = tariff.fee.as_ref().map_or(0, |fee| fee.free_units);
        let free_left = if has_others { 0 } else { allowance.saturating_sub(freed) };
        let used = totals.get(&key).copied().unwrap_or_default();
        counted.insert(stretch.clone(), Counted { tariff, used, free_left, leased: *units });
    }
    Ok(counted)
}

fn key(Stretch { app, product, plan, service_period, .. }: &Stretch) -> FeeKey {
    let (app, product, plan) = (app.clone(), product.clone(), plan.clone());
    FeeKey { app, product, plan, service_period: *service_period }
}

/// Whether a stretch is of another version of the same plan, which shares the free allowance.
fn is_other_version(other: &Stretch, stretch: &Stretch) -> bool {
    let PlanRef { name, version } = &stretch.plan;
    let is_alike = other.plan.name == *name && other.plan.version != *version;
    is_alike
        && (&other.app, &other.product, other.service_period)
            == (&stretch.app, &stretch.product, stretch.service_period)
}
