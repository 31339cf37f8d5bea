//! What sales with tiers come to together, as it was before the calls that add to it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::batch::Books;
use super::environments::{load, load_environments};
use super::recorded_call::is_event;
use crate::billing::error::BillingError;
use crate::billing::rating::{Billable, family_of};
use crate::domain::id::AppId;
use crate::domain::running_total::TierFamily;
use crate::domain::tiers::{Across, Tiers};

/// Loads it for the sales that `calls` are, or are of, if it is not known. Of sales that come with them it is found by these.
pub(super) async fn load_tiers(books: &mut Books<'_>, calls: &[Billable]) -> Result<(), BillingError> {
    load_places(books, calls).await?;
    let mut unknown: HashMap<TierFamily, Arc<Tiers>> = HashMap::new();
    for call in calls {
        let Some(family) = family(books, call).await? else { continue };
        if books.totals.knows_tiers(&family) || unknown.contains_key(&family) {
            continue;
        }
        let tariff = books.tariff(&family.plan).await?;
        let share = tariff.as_ref().and_then(|tariff| tariff.share.as_ref());
        if let Some(tiers) = share.and_then(|share| share.tiers_of(&family.item)) {
            unknown.insert(family, tiers.clone());
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let mut known: HashMap<_, _> = books.transaction.tier_totals(unknown.keys()).await?.into_iter().collect();
    for (family, tiers) in unknown {
        let sum = known.remove(&family).unwrap_or_default();
        books.totals.load_tiers(family, tiers, sum);
    }
    Ok(())
}

/// Loads where the apps are whose sales are summed up with those of others.
async fn load_places(books: &mut Books<'_>, calls: &[Billable]) -> Result<(), BillingError> {
    let mut apps: HashSet<AppId> = HashSet::new();
    for call in calls.iter().filter(|call| call.transaction.as_ref().is_some_and(|one| !is_event(one))) {
        let tariff = books.tariff(&call.plan).await?;
        let share = tariff.as_ref().and_then(|tariff| tariff.share.as_ref());
        let mut tiers = share.into_iter().flat_map(|share| &share.items).filter_map(|item| item.rate.tiers());
        if tiers.any(|tiers| tiers.terms().across == Across::Partner) {
            apps.insert(call.app.clone());
        }
    }
    load(books.transaction, &mut books.totals, apps).await
}

/// With which sales the one of a call is summed up.
async fn family(books: &mut Books<'_>, call: &Billable) -> Result<Option<TierFamily>, BillingError> {
    let Some(transaction) = &call.transaction else { return Ok(None) };
    if is_event(transaction) {
        load_environments(books.transaction, &mut books.totals, std::slice::from_ref(call)).await?;
        let sale = books.totals.sale_of(call, transaction).ok();
        return Ok(sale.and_then(|(_, sale)| sale.family.clone()));
    }
    let Some(tariff) = books.tariff(&call.plan).await? else { return Ok(None) };
    let month = books.calendar.booking(call.at).service_period;
    Ok(family_of(&books.totals, call, &tariff, month))
}
