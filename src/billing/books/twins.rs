//! Sales of several apps under one id. What may be of any app's sale is counted of the only one that there is; if another comes later,
//! someone must look: which it was of must not hang on which came first.

use std::collections::HashSet;

use super::environments;
use super::waiting::MAX_AT_ONCE;
use crate::billing::error::BillingError;
use crate::billing::rating::totals::{Totals, sale_key};
use crate::billing::rating::{Billable, Unrated};
use crate::domain::id::AppId;
use crate::domain::sale::SaleKey;
use crate::domain::transaction::TransactionKind;
use crate::store;

/// Those of `calls` that made a sale whose id another app's sale has, of which something was counted in an earlier batch that might
/// have been of any app's.
pub(super) async fn late_twins<'c>(
    transaction: &mut store::Transaction,
    totals: &mut Totals,
    calls: &'c [Billable],
) -> Result<Vec<(&'c Billable, Unrated)>, BillingError> {
    let mut twins = Vec::new();
    let mut apps: HashSet<AppId> = HashSet::new();
    for call in calls {
        let Some(sale) = &call.transaction else { continue };
        if sale.kind != TransactionKind::Sale {
            continue;
        }
        let key = sale_key(call, sale);
        let is_its_own = totals.sale(&key).is_some_and(|known| known.usage == Some(call.usage));
        if is_its_own && totals.apps_with(&key).nth(1).is_some() {
            apps.extend(totals.apps_with(&key).cloned());
            twins.push((call, key));
        }
    }
    environments::load(transaction, totals, apps).await?;
    twins.retain(|(_, key)| totals.is_of_several(key));
    let ids: Vec<String> = twins.iter().map(|(_, key)| key.id.clone()).collect();
    let mut counted = HashSet::new();
    for ids in ids.chunks(MAX_AT_ONCE) {
        counted.extend(transaction.sales_of_any_app(ids).await?);
    }
    twins.retain(|(_, key)| counted.contains(&(key.id.clone(), key.currency.to_string())));
    let asked = |(call, key): (&'c Billable, SaleKey)| {
        (call, Unrated::SaleShared { sale: key.id, currency: key.currency })
    };
    Ok(twins.into_iter().map(asked).collect())
}
