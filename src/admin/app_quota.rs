//! What nodes have leased of an app's quotas, in the windows that run.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::app::find;
use super::page::whole;
use super::parameters::{Id, Parameters};
use super::state::AdminState;
use crate::domain::quota::QuotaWindow;
use crate::store::quota_lease::QuotaLeased;

/// `GET /admin/apps/{id}/quotas`: windows of which nothing was leased are not among them. What nodes have leased and not used is theirs.
pub(super) async fn list(State(state): State<Arc<AdminState>>, Id(id): Id, parameters: Parameters) -> Answer {
    parameters.finish()?;
    let app = find(&state, &id).await?;
    let leased = state.store.quotas_of_app(&app.id, state.clock.now()).await?;
    ok(whole(&leased, shown))
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
