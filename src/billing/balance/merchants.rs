//! For which merchants calls were made: their records say so, those of the batch or those that are kept.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use crate::billing::error::BillingError;
use crate::domain::id::MerchantId;
use crate::store::usage_batch::Recorded;
use crate::store::{StoreError, Transaction};

/// The merchants of calls by their usage records, of which `records` are not kept yet; those that are for none are left out.
///
/// # Errors
/// [`BillingError::Store`].
pub(super) async fn merchants(
    transaction: &mut Transaction,
    usages: impl Iterator<Item = Uuid>,
    records: &[Recorded],
) -> Result<HashMap<Uuid, MerchantId>, BillingError> {
    let new: HashMap<Uuid, Option<&MerchantId>> =
        records.iter().map(|recorded| (recorded.usage.id, recorded.usage.merchant.as_ref())).collect();
    let (mut merchants, mut kept) = (HashMap::new(), BTreeSet::new());
    for usage in usages {
        match new.get(&usage) {
            Some(Some(merchant)) => {
                merchants.insert(usage, (*merchant).clone());
            }
            Some(None) => {}
            None => {
                kept.insert(usage);
            }
        }
    }
    let kept: Vec<String> = kept.iter().map(Uuid::to_string).collect();
    for row in transaction.usage_records(&kept).await? {
        let Some(merchant) = row.merchant else { continue };
        let usage = row.id.parse().map_err(|_| StoreError::Corrupt { what: "usage.id".to_owned() })?;
        let merchant =
            merchant.parse().map_err(|_| StoreError::Corrupt { what: "usage.merchant".to_owned() })?;
        merchants.insert(usage, merchant);
    }
    Ok(merchants)
}
