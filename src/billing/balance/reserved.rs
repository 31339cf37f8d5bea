//! The sums of a balance as a transaction sees them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::available::{Counted, reserved};
use crate::billing::error::BillingError;
use crate::billing::rating::Unrated;
use crate::domain::balance::{Balance, Funds, Stretch};
use crate::domain::plan::{PlanRef, Tariff};
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
    let totals = transaction.unit_totals(&apps, &periods).await?;
    let mut freed: HashMap<_, u64> = HashMap::new();
    for (key, units) in &totals {
        let freed = freed.entry(key.allowance()).or_default();
        *freed = freed.saturating_add(units.free);
    }
    // By versions of one plan, which share its allowance.
    let mut versions: HashMap<_, u64> = HashMap::new();
    let mut tariffs: HashMap<&PlanRef, Arc<Tariff>> = HashMap::new();
    let keys: Vec<FeeKey> = leased.keys().map(key).collect();
    for (key, stretch) in keys.iter().zip(leased.keys()) {
        let versions = versions.entry(key.allowance()).or_default();
        *versions = versions.saturating_add(1);
        if !tariffs.contains_key(&stretch.plan) {
            let kept = transaction.plan_version(&stretch.plan).await?;
            let kept = kept.ok_or_else(|| BillingError::PlanUnknown(stretch.plan.clone()))?;
            tariffs.insert(&stretch.plan, Arc::new(kept.tariff));
        }
    }
    let mut counted = BTreeMap::new();
    for (key, (stretch, units)) in keys.iter().zip(&leased) {
        let Some(tariff) = tariffs.get(&stretch.plan).cloned() else { continue };
        let allowance = tariff.fee.as_ref().map_or(0, |fee| fee.free_units);
        let is_alone = versions.get(&key.allowance()) == Some(&1);
        let freed = freed.get(&key.allowance()).copied().unwrap_or(0);
        let free_left = if is_alone { allowance.saturating_sub(freed) } else { 0 };
        let used = totals.get(key).copied().unwrap_or_default();
        counted.insert(stretch.clone(), Counted { tariff, used, free_left, leased: *units });
    }
    Ok(counted)
}

fn key(Stretch { app, product, plan, service_period, .. }: &Stretch) -> FeeKey {
    let (app, product, plan) = (app.clone(), product.clone(), plan.clone());
    FeeKey { app, product, plan, service_period: *service_period }
}
