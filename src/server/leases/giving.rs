//! Gives units of purses back that nobody uses.

use std::sync::Arc;

use crate::billing::balance::leases::{GivenBack, Returned, give_back};
use crate::billing::error::BillingError;
use crate::domain::balance::Run;
use crate::limit::balance_purse::BalancePurse;
use crate::store::{Store, StoreError};

/// Purses of which something is given back in one transaction.
const GIVEN_AT_ONCE: usize = 64;

pub(super) fn returned(taken: &[(Arc<BalancePurse>, u64)]) -> Vec<Returned> {
    taken.iter().map(|(purse, units)| (purse.stretch().clone(), *units)).collect()
}

/// Gives units of purses back. What the store does not take stays in its purse; if it does not say whether it has them, they are not
/// used again.
pub(super) async fn give_back_all(store: Store, run: Run, surplus: Vec<(Arc<BalancePurse>, u64)>) {
    for some in surplus.chunks(GIVEN_AT_ONCE) {
        match give_back(&store, &run, &returned(some)).await {
            Ok(given) => tell(given),
            Err(BillingError::Store(error @ StoreError::Unavailable { .. })) => {
                some.iter().for_each(|(purse, units)| purse.put_again(*units));
                warn(&error.into(), "units of balances could not be given back, and are tried again");
            }
            // Somebody has given up what the node had leased of some.
            Err(_) => give_back_each(&store, &run, some).await,
        }
    }
}

async fn give_back_each(store: &Store, run: &Run, surplus: &[(Arc<BalancePurse>, u64)]) {
    for one in surplus {
        match give_back(store, run, &returned(std::slice::from_ref(one))).await {
            Ok(given) => tell(given),
            Err(error @ BillingError::Store(StoreError::Unavailable { .. })) => {
                one.0.put_again(one.1);
                warn(&error, "units of a balance could not be given back, and are tried again");
            }
            Err(error) => warn(&error, "units of a balance are not this node's to give back"),
        }
    }
}

fn tell(given: GivenBack) {
    if let GivenBack::Unsaid(error) = given {
        warn(
            &error.into(),
            "the store did not say whether units of balances are given back: it is seen later",
        );
    }
}

pub(super) fn warn(error: &BillingError, what: &'static str) {
    let source = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(%error, source, "{what}");
}
