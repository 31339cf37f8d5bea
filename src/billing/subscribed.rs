//! Plans and API products that subscriptions use stay in the policies: without them the apps' calls would be refused, or
//! cost nothing.

use std::fmt;

use crate::domain::id::{PlanName, ProductName};
use crate::domain::time::Timestamp;
use crate::policy::snapshot::Snapshot;
use crate::store::subscription::InUse;
use crate::store::{Store, StoreError};

/// Something that subscriptions use and the policies lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// A plan.
    Plan(PlanName),
    /// An API product.
    Product(ProductName),
    /// A plan's being for an API product.
    Offer(PlanName, ProductName),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(plan) => write!(f, "plan {plan} is missing"),
            Self::Product(product) => write!(f, "API product {product} is missing"),
            Self::Offer(plan, product) => {
                write!(f, "plan {plan} is no longer for API product {product}")
            }
        }
    }
}

/// Everything that subscriptions use and a snapshot lacks, each with how many subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking(Vec<(Lack, u64)>);

impl std::error::Error for Lacking {}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (lack, count) in &self.0 {
            let users = if *count == 1 {
                "subscription that has not ended uses"
            } else {
                "subscriptions that have not ended use"
            };
            writeln!(f, "{lack}, and {count} {users} it")?;
        }
        f.write_str(
            "keep it in the policies, or end those subscriptions first: see `tollgate subscription list`",
        )
    }
}

/// What subscriptions that have not ended by `now` use and `snapshot` lacks.
///
/// # Errors
/// [`StoreError`].
pub async fn lacking(
    store: &Store,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Option<Lacking>, StoreError> {
    let mut lacking: Vec<(Lack, u64)> = Vec::new();
    for used in store.subscribed(now).await? {
        for lack in lacks(snapshot, &used) {
            match lacking.iter_mut().find(|(known, _)| *known == lack) {
                Some((_, count)) => *count = count.saturating_add(used.count),
                None => lacking.push((lack, used.count)),
            }
        }
    }
    Ok((!lacking.is_empty()).then_some(Lacking(lacking)))
}

fn lacks(snapshot: &Snapshot, used: &InUse) -> Vec<Lack> {
    let InUse { plan, product, .. } = used;
    let found = snapshot.plans.get(plan);
    let mut lacks = Vec::new();
    if found.is_none() {
        lacks.push(Lack::Plan(plan.clone()));
    }
    if !snapshot.products.contains_key(product) {
        lacks.push(Lack::Product(product.clone()));
    } else if found.is_some_and(|found| !found.products.contains(product)) {
        lacks.push(Lack::Offer(plan.clone(), product.clone()));
    }
    lacks
}
