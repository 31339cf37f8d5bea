//! Calls by which personal data left as it was: who read it, when, for whom, and by which scopes.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::parameters::{Id, Paging, Parameters};
use super::state::AdminState;
use super::{app, merchant};
use crate::store::personal_data_read::{PersonalDataRead, ReadsOf};

/// `GET /admin/merchants/{id}/personal-data-reads`, those last that were recorded first.
pub(super) async fn of_merchant(
    State(state): State<Arc<AdminState>>,
    Id(id): Id,
    mut parameters: Parameters,
) -> Answer {
    let paging = parameters.numbered_page();
    parameters.finish()?;
    let merchant = merchant::find(&state, &id).await?;
    list(&state, ReadsOf::Merchant(&merchant.id), &paging).await
}

/// `GET /admin/apps/{id}/personal-data-reads`, those too that it made for no merchant.
pub(super) async fn of_app(
    State(state): State<Arc<AdminState>>,
    Id(id): Id,
    mut parameters: Parameters,
) -> Answer {
    let paging = parameters.numbered_page();
    parameters.finish()?;
    let app = app::find(&state, &id).await?;
    list(&state, ReadsOf::App(&app.id), &paging).await
}

async fn list(state: &AdminState, of: ReadsOf<'_>, paging: &Paging) -> Answer {
    let reads = state.store.personal_data_reads(of, &paging.page).await?;
    let next = reads.last().filter(|_| reads.len() >= paging.size).map(|last| last.number.to_string());
    ok(json!({ "items": reads.iter().map(show).collect::<Vec<_>>(), "next": next }))
}

fn show(read: &PersonalDataRead) -> Value {
    json!({
        "usage": read.usage,
        "at": read.at.to_string(),
        "app": read.app.as_str(),
        "merchant": read.merchant.as_ref().map(|id| id.as_str()),
        "credential": read.credential,
        "credential_id": read.credential_id,
        "route": read.route,
        "method": read.method,
        "status": read.status,
        "scopes": read.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(),
    })
}
