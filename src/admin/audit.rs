//! Audit records: who changed what, when, from where, and what it was before.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::parameters::Parameters;
use super::state::AdminState;
use crate::domain::audit::AuditRecord;
use crate::store::audit::AuditFilter;

/// `GET /admin/audit?subject=&actor=&action=`, the newest first.
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let paging = parameters.page();
    let filter = AuditFilter {
        subject: parameters.optional("subject"),
        actor: parameters.optional("actor"),
        action: parameters.optional("action"),
    };
    parameters.finish()?;
    let records = state.store.audit_records(&filter, &paging.page).await?;
    let next = records.last().filter(|_| records.len() >= paging.size).map(|last| last.number.to_string());
    ok(json!({ "items": records.iter().map(show).collect::<Vec<_>>(), "next": next }))
}

fn show(record: &AuditRecord) -> Value {
    let json =
        |text: &Option<String>| text.as_ref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "number": record.number,
        "at": record.at.to_string(),
        "actor": record.actor,
        "credential": record.credential,
        "address": record.address,
        "request_id": record.request_id,
        "action": record.action,
        "subject": record.subject,
        "before": json(&record.before),
        "after": json(&record.after),
    })
}
