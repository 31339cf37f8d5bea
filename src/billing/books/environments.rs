//! Where apps are that make sales or speak of those of any app: what a sandbox's provider says is never of a live sale, and sales of the
//! sandbox are never summed up with live ones.

use std::collections::HashSet;

use super::distinct::texts;
use crate::billing::error::BillingError;
use crate::billing::rating::Billable;
use crate::billing::rating::totals::Totals;
use crate::domain::id::AppId;
use crate::domain::transaction::Reach;
use crate::store;

/// Loads it for those of `calls` that may be of any app's sale, and for the apps that have made one of that id, as far as it is not known.
pub(super) async fn load_environments(
    transaction: &mut store::Transaction,
    totals: &mut Totals,
    calls: &[Billable],
) -> Result<(), BillingError> {
    let mut apps: HashSet<AppId> = HashSet::new();
    for call in calls {
        let Some(event) = call.transaction.as_ref().filter(|one| one.details.reach == Reach::AnyApp) else {
            continue;
        };
        apps.extend(totals.with_id(event.sale()).iter().map(|(_, app)| app).chain([&call.app]).cloned());
    }
    load(transaction, totals, apps).await
}

/// Loads it for apps, as far as it is not known.
pub(super) async fn load(
    transaction: &mut store::Transaction,
    totals: &mut Totals,
    mut apps: HashSet<AppId>,
) -> Result<(), BillingError> {
    apps.retain(|app| !totals.knows_environment(app));
    if apps.is_empty() {
        return Ok(());
    }
    let mut known = transaction.environments(&texts(apps.iter().collect())).await?;
    for app in apps {
        let environment = known.remove(app.as_str());
        totals.load_environment(app, environment);
    }
    Ok(())
}
