//! What is left of the quotas of an app's plans.

use serde_json::{Value, json};

use super::limits::versions;
use crate::billing::quota::LeftOfQuotas;
use crate::credential::directory::Identity;
use crate::domain::plan::Quantity;
use crate::domain::quota::{Quota, QuotaWindow};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::policy::snapshot::Snapshot;

/// Adds `quotas` to the answer to `/me/limits`, if the app's plans have any.
///
/// # Errors
/// [`Refusal::Unavailable`].
pub(super) async fn add(
    told: &mut Value,
    (left, snapshot): (&LeftOfQuotas, &Snapshot),
    identity: &Identity,
    now: Timestamp,
) -> Result<(), Refusal> {
    let (app, zone) = (&identity.caller.app.id, &snapshot.platform.zone);
    let mut shown = Vec::new();
    let mut windows: Vec<QuotaWindow> = Vec::new();
    for version in versions(snapshot, identity, now) {
        for quota in &version.quotas {
            windows.push(quota.window((app, &version.reference.name), now, zone));
            shown.push((version.reference.to_string(), quota));
        }
    }
    if windows.is_empty() {
        return Ok(());
    }
    let left = left.of(app, &windows, now).await.map_err(|error| {
        tracing::warn!(%error, %app, "what is left of an app's quotas cannot be told");
        Refusal::Unavailable("The store is out of reach")
    })?;
    let all = shown.into_iter().zip(windows).zip(left);
    told["quotas"] = all.map(|(((plan, quota), window), left)| entry(&plan, quota, &window, left)).collect();
    Ok(())
}

fn entry(plan: &str, quota: &Quota, window: &QuotaWindow, left: u64) -> Value {
    let mut shown = json!({
        "plan": plan,
        "quota": quota.name.as_str(),
        "counts": quota.of.name(),
        "per": quota.every.name(),
        "remaining": left,
        "from": window.from.to_string(),
        "until": window.until.to_string(),
    });
    match quota.of {
        Quantity::Calls => shown["requests"] = json!(quota.most),
        Quantity::Units => shown["units"] = json!(quota.most),
    }
    shown
}
