//! Calls by which personal data of a merchant's buyers left as it was: who read it, when, and by which scopes.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::merchant::find;
use super::parameters::{Id, Parameters};
use super::state::AdminState;
use crate::store::personal_data_read::PersonalDataRead;

/// `GET /admin/merchants/{id}/personal-data-reads`, those last that were recorded first.
pub(super) async fn list(
    State(state): State<Arc<AdminState>>,
    Id(id): Id,
    mut parameters: Parameters,
) -> Answer {
    let paging = parameters.page();
    parameters.finish()?;
    let merchant = find(&state, &id).await?;
    let reads = state.store.personal_data_reads(&merchant.id, &paging.page).await?;
    let next = reads.last().filter(|_| reads.len() >= paging.size).map(|last| last.number.to_string());
    ok(json!({ "items": reads.iter().map(show).collect::<Vec<_>>(), "next": next }))
}

fn show(read: &PersonalDataRead) -> Value {
    json!({
        "usage": read.usage,
        "at": read.at.to_string(),
        "app": read.app.as_str(),
        "credential": read.credential,
        "credential_id": read.credential_id,
        "route": read.route,
        "method": read.method,
        "status": read.status,
        "scopes": read.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(),
    })
}
