//! What is told where there is no endpoint, or none for the method: a problem document (RFC 9457).

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::observed::request_id;
use super::refused::Refused;
use crate::domain::fault::Fault;

/// There is no such endpoint.
pub async fn no_such_path(headers: HeaderMap) -> Response {
    problem(&headers, StatusCode::NOT_FOUND, ("no_such_path", "There is no such path"))
}

/// The endpoint has other methods; the router says which in `Allow`.
pub async fn method_not_allowed(headers: HeaderMap) -> Response {
    problem(
        &headers,
        StatusCode::METHOD_NOT_ALLOWED,
        ("method_not_allowed", "The path does not have this method"),
    )
}

/// A problem document (RFC 9457).
fn problem(headers: &HeaderMap, status: StatusCode, (code, title): (&'static str, &'static str)) -> Response {
    let document = json!({
        "type": format!("urn:tollgate:problem:{code}"),
        "title": title,
        "status": status.as_u16(),
        "detail": "See /.well-known/oauth-authorization-server for the endpoints.",
        "code": code,
        // Who can do something about it, as in every refusal by this port.
        "fault": Fault::Caller.name(),
        "request_id": request_id(headers),
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Refused::mistake(code, title).with((status, headers, document.to_string()).into_response())
}
