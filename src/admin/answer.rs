//! How an answer leaves: with the request's id, never cached, problems as documents; and what made it.

use std::any::Any;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{ALLOW, CACHE_CONTROL, LOCATION};
use serde_json::Value;
use tracing::Instrument;

use super::problem::Problem;
use super::state::AdminState;
use crate::domain::random::new_id;

/// The id of a request.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

/// What a handler returns.
pub(super) type Answer = Result<Response, Problem>;

/// 200 with a JSON value.
pub(super) fn ok(value: Value) -> Answer {
    Ok(axum::Json(value).into_response())
}

/// 201 with the new thing and where it is.
pub(super) fn created(location: &str, value: Value) -> Answer {
    let location = HeaderValue::from_str(location).map_err(|_| Problem::Internal)?;
    Ok((http::StatusCode::CREATED, [(LOCATION, location)], axum::Json(value)).into_response())
}

/// 202 with how far that is which goes on, and where to ask for it.
pub(super) fn accepted(location: &str, value: Value) -> Answer {
    let location = HeaderValue::from_str(location).map_err(|_| Problem::Internal)?;
    Ok((http::StatusCode::ACCEPTED, [(LOCATION, location)], axum::Json(value)).into_response())
}

/// Gives each request an id, traces it, and finishes its answer.
pub(super) async fn finish(
    State(state): State<Arc<AdminState>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = new_id("req_", &*state.random).unwrap_or_else(|_| "req_unknown".to_owned());
    let span = tracing::info_span!(
        "admin",
        request_id = %id,
        method = %request.method(),
        path = request.uri().path()
    );
    request.extensions_mut().insert(RequestId(id.clone()));
    let started = state.clock.monotonic();
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let allow = response.headers_mut().remove(ALLOW);
        response = problem.render(&id, allow);
    }
    let took = state.clock.monotonic().saturating_sub(started);
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), ?took, "answered"));
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", id);
    }
    response
}

/// What becomes of a panic: a fault of ours, told without its text.
pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("an admin call panicked");
    Problem::Internal.into_response()
}
