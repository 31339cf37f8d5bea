//! Gives back what nobody uses of quotas.

use std::sync::Arc;

use super::{Doubted, Lessee, warn};
use crate::billing::quota::give_back;
use crate::domain::quota::QuotaWindow;
use crate::limit::quota_purse::QuotaPurse;
use crate::store::StoreError;

/// What became of what was to be given back.
pub(super) enum Given {
    /// The store has it, or it is not the node's any more.
    Back,
    /// The store is out of reach: it is in its purses again.
    Kept,
    /// The store did not say whether it has it.
    Unsaid(Doubted),
}

impl Lessee {
    /// Gives back what was taken out of purses, of each something, and of no more than [`crate::billing::quota::AT_ONCE`].
    pub(super) async fn give_back(&self, unused: &[(Arc<QuotaPurse>, u64)]) -> Given {
        if let Ok(given) = self.give_back_together(unused).await {
            return given;
        }
        // One of them is not as it was.
        let mut each = unused.chunks(1);
        while let Some(one) = each.next() {
            match self.give_back_together(one).await {
                Ok(Given::Back) => {}
                Ok(given @ (Given::Kept | Given::Unsaid(_))) => {
                    each.flatten().for_each(|(purse, units)| purse.put_again(*units));
                    return given;
                }
                Err(error) => warn(&error, "a part of a quota could not be given back"),
            }
        }
        Given::Back
    }

    async fn give_back_together(&self, unused: &[(Arc<QuotaPurse>, u64)]) -> Result<Given, StoreError> {
        match give_back(&self.store, &self.run, &windows(unused)).await {
            Ok(None) => Ok(Given::Back),
            Ok(Some(doubt)) => {
                warn(&doubt.error, "the store did not say whether it took back parts of quotas");
                let purses = unused.iter().map(|(purse, _)| purse.clone()).collect();
                Ok(Given::Unsaid(Doubted::Returned(doubt, purses)))
            }
            Err(error @ StoreError::Unavailable { .. }) => {
                unused.iter().for_each(|(purse, units)| purse.put_again(*units));
                warn(&error, "parts of quotas could not be given back, and are tried again");
                Ok(Given::Kept)
            }
            Err(error) => Err(error),
        }
    }
}

fn windows(unused: &[(Arc<QuotaPurse>, u64)]) -> Vec<(&QuotaWindow, u64)> {
    unused.iter().map(|(purse, units)| (purse.window(), *units)).collect()
}
