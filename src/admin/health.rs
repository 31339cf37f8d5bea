//! What machines ask: is the process alive, should it get calls, what does it measure. Open on the admin port.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use super::answer::Answer;
use super::problem::Problem;
use super::state::AdminState;

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
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, media_type)], (state.metrics)()).into_response()
}
