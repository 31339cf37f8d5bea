//! Gives back what nobody uses of quotas.

use std::sync::Arc;

use super::warn;
use crate::billing::quota::{AT_ONCE, give_back};
use crate::domain::balance::Run;
use crate::domain::quota::QuotaWindow;
use crate::limit::quota_purse::QuotaPurse;
use crate::store::{Store, StoreError};

/// Gives back what was taken out of purses, each above zero. What the store does not take while it is out of reach goes back into its
/// purse.
pub(super) async fn give_back_all(store: Store, run: Run, unused: Vec<(Arc<QuotaPurse>, u64)>) {
    for some in unused.chunks(AT_ONCE) {
        if let Err(error) = give_back(&store, &run, &windows(some)).await {
            refused(&store, &run, (some, error)).await;
        }
    }
}

async fn refused(store: &Store, run: &Run, (unused, error): (&[(Arc<QuotaPurse>, u64)], StoreError)) {
    if matches!(error, StoreError::Unavailable { .. }) {
        unused.iter().for_each(|(purse, units)| purse.put_again(*units));
        return warn(&error, "parts of quotas could not be given back, and are tried again");
    }
    // One of them is not as it was.
    for one in unused.chunks(1) {
        match give_back(store, run, &windows(one)).await {
            Ok(()) => {}
            Err(error) => {
                if matches!(error, StoreError::Unavailable { .. }) {
                    one.iter().for_each(|(purse, units)| purse.put_again(*units));
                }
                warn(&error, "a part of a quota could not be given back");
            }
        }
    }
}

fn windows(unused: &[(Arc<QuotaPurse>, u64)]) -> Vec<(&QuotaWindow, u64)> {
    unused.iter().map(|(purse, units)| (purse.window(), *units)).collect()
}
