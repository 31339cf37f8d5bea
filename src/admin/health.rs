//! What machines ask: is the process alive, should it get calls, what does it measure. Open on the admin port.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use super::answer::Answer;
use super::problem::Problem;
use super::state::AdminState;
use crate::billing::balance::alerts::PERCENTS;

/// How long the page waits for the count of open exceptions; beyond: it shows the one before.
const COUNT_TIME: Duration = Duration::from_secs(1);

/// `GET /healthz`: the process answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the node should get calls.
pub(super) async fn readyz(State(state): State<Arc<AdminState>>) -> Answer {
    if let Err(reason) = (state.readiness)() {
        tracing::warn!(reason, "not ready");
        return Err(Problem::Unavailable("The node"));
    }
    state.store.ping().await?;
    Ok("ready\n".into_response())
}

/// `GET /metrics`: OpenMetrics text.
pub(super) async fn metrics(State(state): State<Arc<AdminState>>) -> Response {
    // A store that is away must not take the other figures away too.
    let now = state.clock.now();
    let counted = tokio::time::timeout(COUNT_TIME, state.store.open_exceptions_by_kind(now)).await;
    if let Ok(Ok(counted)) = counted {
        state.open_exceptions.note(&counted, now);
    }
    let unsettled = state.store.unsettled_sale_count(now);
    if let Ok(Ok(count)) = tokio::time::timeout(COUNT_TIME, unsettled).await {
        state.unsettled_sales.store(count, Ordering::Relaxed);
    }
    for (percent, known) in PERCENTS.iter().zip(&*state.balance_alerts) {
        let told = state.store.balance_alert_count(*percent);
        if let Ok(Ok(count)) = tokio::time::timeout(COUNT_TIME, told).await {
            known.store(count, Ordering::Relaxed);
        }
    }
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, media_type)], (state.metrics)()).into_response()
}
