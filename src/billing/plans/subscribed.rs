//! Plans and API products that subscriptions use stay in the policies: without them the apps' calls would be refused, or
//! cost nothing.

use std::fmt;

use crate::domain::id::{PlanName, ProductName, SubscriptionId};
use crate::domain::plan::PlanRef;
use crate::domain::time::Timestamp;
use crate::policy::snapshot::Snapshot;
use crate::store::subscription::{InUse, SubscriptionFilter};
use crate::store::{Page, Store, StoreError};

/// How many of the subscriptions are named that use what is lacking.
const NAMED: u32 = 3;

/// Something that subscriptions use and the policies lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// A plan.
    Plan(PlanName),
    /// A version of a plan at which subscriptions stand.
    Version(PlanRef),
    /// An API product.
    Product(ProductName),
    /// A plan's being for an API product.
    Offer(PlanName, ProductName),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(plan) => write!(f, "plan {plan} is missing"),
            Self::Version(version) => write!(f, "plan version {version} is missing"),
            Self::Product(product) => write!(f, "API product {product} is missing"),
            Self::Offer(plan, product) => {
                write!(f, "plan {plan} is no longer for API product {product}")
            }
        }
    }
}

impl Lack {
    /// The subscriptions that use it, of those that last after `now`.
    fn users(&self, now: Timestamp) -> SubscriptionFilter {
        let (plan, version, product) = match self {
            Self::Plan(plan) => (Some(plan), None, None),
            Self::Version(PlanRef { name, version }) => (Some(name), Some(*version), None),
            Self::Product(product) => (None, None, Some(product)),
            Self::Offer(plan, product) => (Some(plan), None, Some(product)),
        };
        SubscriptionFilter {
            plan: plan.cloned(),
            version,
            product: product.cloned(),
            lasting_after: Some(now),
            ..SubscriptionFilter::default()
        }
    }

    /// The options by which they are listed.
    fn options(&self) -> String {
        match self {
            Self::Plan(plan) | Self::Version(PlanRef { name: plan, .. }) => format!("--plan {plan}"),
            Self::Product(product) => format!("--product {product}"),
            Self::Offer(plan, product) => format!("--plan {plan} --product {product}"),
        }
    }
}

/// Something that is lacking, and who uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Used {
    lack: Lack,
    /// By how many subscriptions.
    count: u64,
    /// A few of them.
    named: Vec<SubscriptionId>,
}

/// Everything that subscriptions use and a snapshot lacks, each with how many subscriptions, and some of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking(Vec<Used>);

impl std::error::Error for Lacking {}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Used { lack, count, named } in &self.0 {
            let users = if *count == 1 {
                "subscription that has not ended uses"
            } else {
                "subscriptions that have not ended use"
            };
            let ids: Vec<&str> = named.iter().map(SubscriptionId::as_str).collect();
            let more = if ids.len() as u64 == *count { "" } else { ", …" };
            let (ids, options) = (ids.join(", "), lack.options());
            writeln!(
                f,
                "{lack}, and {count} {users} it ({ids}{more}): `tollgate subscription list {options}`"
            )?;
        }
        f.write_str(
            "keep it in the policies, or first end those subscriptions (`tollgate subscription end ID`) or, if it is a version, move \
             them to another (`tollgate subscription move ID`)",
        )
    }
}

/// What subscriptions that have not ended by `now` use and `snapshot` lacks.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn lacking(
    store: &Store,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Option<Lacking>, StoreError> {
    let mut lacking: Vec<Used> = Vec::new();
    for used in store.subscribed(now).await? {
        for lack in lacks(snapshot, &used) {
            match lacking.iter_mut().find(|known| known.lack == lack) {
                Some(known) => known.count = known.count.saturating_add(used.count),
                None => lacking.push(Used { lack, count: used.count, named: Vec::new() }),
            }
        }
    }
    let few = Page::first().with_size(NAMED);
    for Used { lack, named, .. } in &mut lacking {
        let users = store.subscriptions(&lack.users(now), &few).await?;
        named.extend(users.into_iter().map(|subscription| subscription.id));
    }
    Ok((!lacking.is_empty()).then_some(Lacking(lacking)))
}

fn lacks(snapshot: &Snapshot, used: &InUse) -> Vec<Lack> {
    let InUse { plan, version, product, .. } = used;
    let found = snapshot.plans.get(plan);
    let mut lacks = Vec::new();
    match (found, version) {
        (None, _) => lacks.push(Lack::Plan(plan.clone())),
        (Some(found), Some(own)) if found.versions.iter().all(|one| one.reference.version != *own) => {
            lacks.push(Lack::Version(PlanRef { name: plan.clone(), version: *own }));
        }
        (Some(_), _) => {}
    }
    if !snapshot.products.contains_key(product) {
        lacks.push(Lack::Product(product.clone()));
    } else if found.is_some_and(|found| !found.products.contains(product)) {
        lacks.push(Lack::Offer(plan.clone(), product.clone()));
    }
    lacks
}
