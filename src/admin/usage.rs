//! Usage records as they were recorded. Nothing here changes them.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::exceptions::resolved;
use super::parameters::{Id, Parameters};
use super::problem::Problem;
use super::rated::{charges, pending_share, postings};
use super::state::AdminState;
use crate::billing::books::exceptions::transaction_to_json;
use crate::domain::id::AppId;
use crate::domain::time::{Period, Timestamp};
use crate::store::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
use crate::store::usage::{UsageCursor, UsageRow};

/// `GET /admin/usage?app=&period=` or `&from=&to=`, newest first. A record may be of many calls that were refused alike (`calls`).
pub(super) async fn list(State(state): State<Arc<AdminState>>, mut parameters: Parameters) -> Answer {
    let app = parameters.optional::<AppId>("app");
    let span = span(&state, &mut parameters);
    let after = parameters.optional::<UsageCursor>("after");
    let limit = limit(&mut parameters);
    parameters.finish()?;
    if let Some(app) = &app {
        state.store.app(app).await?.ok_or(Problem::NotFound("app"))?;
    }
    let rows = state.store.usage(app.as_ref(), span, after.as_ref(), limit).await?;
    let is_full = rows.len() >= limit as usize;
    let next = rows.last().filter(|_| is_full).and_then(UsageRow::cursor).map(|cursor| cursor.to_string());
    ok(json!({ "items": rows.iter().map(shown).collect::<Vec<_>>(), "next": next }))
}

/// The time that is asked about: a period, or from one time to another; without either, the period that runs.
fn span(state: &AdminState, parameters: &mut Parameters) -> (Timestamp, Timestamp) {
    let (now, policies) = (state.clock.now(), state.policies.load());
    let zone = &policies.platform.zone;
    let period = parameters.optional::<Period>("period");
    let (from, to) = (parameters.optional::<Timestamp>("from"), parameters.optional::<Timestamp>("to"));
    if period.is_some() && (from.is_some() || to.is_some()) {
        parameters.wrong("period", "give either period, or from and to".to_owned());
    }
    let period = period.unwrap_or_else(|| Period::of(now, zone));
    (from.unwrap_or_else(|| period.start(zone)), to.unwrap_or_else(|| period.end(zone)))
}

fn limit(parameters: &mut Parameters) -> u32 {
    let limit = parameters.optional::<u32>("limit").unwrap_or(DEFAULT_PAGE_SIZE);
    if !(1..=MAX_PAGE_SIZE).contains(&limit) {
        parameters.wrong("limit", format!("must be 1 to {MAX_PAGE_SIZE}"));
    }
    limit.clamp(1, MAX_PAGE_SIZE)
}

/// `GET /admin/usage/{id}`: with its charges, what the ledger posts because of it, what is pending of the share of its sale, the record that was billed for the same call if it
/// came again, and, if it was an exception that someone resolved, how.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Id(id): Id) -> Answer {
    let row = state.store.usage_record(&id).await?;
    let mut answer = shown(&row.ok_or(Problem::NotFound("usage record"))?);
    answer["charges"] = charges(&state.store, &id).await?.into();
    answer["postings"] = postings(&state.store, &id).await?.into();
    answer["pending_share"] = pending_share(&state, &id).await?;
    answer["repeat_of"] = state.store.billed_before(&id).await?.into();
    answer["resolution"] =
        state.store.resolution(&format!("usage:{id}")).await?.as_ref().map(resolved).into();
    ok(answer)
}

fn shown(row: &UsageRow) -> Value {
    json!({
        "id": row.id,
        "at": row.at.to_string(),
        "app": row.app.as_str(),
        "credential": row.credential,
        "credential_id": said(&row.credential_id),
        "merchant": row.merchant,
        "grant": row.grant,
        "policies": row.snapshot,
        "route": row.route,
        "product": row.subscribed.as_ref().map(|(product, _)| product.as_str()),
        "plan": row.subscribed.as_ref().map(|(_, plan)| plan.to_string()),
        "method": said(&row.method),
        "status": row.status,
        "latency_us": u64::try_from(row.latency.as_micros()).unwrap_or(u64::MAX),
        "refusal": row.refusal,
        "outcome": row.outcome,
        "units": row.units,
        "transaction": row.transaction.as_ref().map(transaction_to_json),
        "reason": row.reason,
        "calls": row.calls,
        "until": row.until.map(|until| until.to_string()),
    })
}

/// A text that is left out of a record of many calls if it was not the same of all.
fn said(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
