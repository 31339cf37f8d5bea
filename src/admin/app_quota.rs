//! What nodes have leased of an app's quotas, in the windows that run.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::app::find;
use super::page::whole;
use super::parameters::{Id, Parameters};
use super::state::AdminState;
use crate::billing::quota::used;
use crate::domain::id::{LimitName, PlanName};
use crate::domain::quota::QuotaWindow;
use crate::store::quota_lease::QuotaLeased;

/// `GET /admin/apps/{id}/quotas?plan=&quota=`: windows of which nothing was leased are not among them. What nodes have leased and not
/// used is theirs. Asked about a quota of a plan, it tells of that alone, and how many of it are used at least: that is counted anew.
pub(super) async fn list(
    State(state): State<Arc<AdminState>>,
    Id(id): Id,
    mut parameters: Parameters,
) -> Answer {
    let asked = asked(&mut parameters);
    parameters.finish()?;
    let app = find(&state, &id).await?;
    let leased = state.store.quotas_of_app(&app.id, state.clock.now()).await?;
    let Some((name, quota)) = asked else { return ok(whole(&leased, shown)) };
    let policies = state.policies.load();
    let plan = policies.plans.get(&name);
    let is_it = |one: &QuotaLeased| one.window.plan == name && one.window.quota == quota;
    let mut told = Vec::new();
    for one in leased.into_iter().filter(is_it).collect::<Vec<_>>() {
        let is_under = |version| one.window.counts_calls_under(plan, version);
        let mut shown = shown(&one);
        shown["used"] = json!(used(&state.store, &one.window, is_under).await?);
        told.push(shown);
    }
    ok(whole(&told, Value::clone))
}

/// The quota that is asked about, if one is, by its plan.
fn asked(parameters: &mut Parameters) -> Option<(PlanName, LimitName)> {
    let (plan, quota) = (parameters.optional::<PlanName>("plan"), parameters.optional::<LimitName>("quota"));
    if plan.is_some() != quota.is_some() {
        parameters.wrong("quota", "is to be given with plan, or neither of them".to_owned());
    }
    plan.zip(quota)
}

fn shown(QuotaLeased { window, leased }: &QuotaLeased) -> Value {
    let QuotaWindow { plan, quota, of, from, until, .. } = window;
    json!({
        "plan": plan.as_str(),
        "quota": quota.as_str(),
        "counts": of.name(),
        "from": from.to_string(),
        "until": until.to_string(),
        "leased": leased,
    })
}
