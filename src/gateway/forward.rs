//! A permitted request to its upstream: one try, and further ones only where the upstream surely saw nothing of it.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version, request};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::upload::{Upload, UploadOutcome};
use super::worker::Worker;
use crate::domain::refusal::Refusal;
use crate::policy::route_table::PathParameters;
use crate::policy::snapshot::{PathPart, Rewrite, Route, Upstream};
use crate::upstream::balance::pick;
use crate::upstream::pool::{Lease, Pool, UpstreamError};

/// How long an endpoint is avoided after it refused a connection.
const AVOIDED_FOR: Duration = Duration::from_secs(2);
/// Connections that are tried for one request.
const MAX_TRIES: usize = 3;

/// What the upstream sees of a request's target.
///
/// # Errors
/// [`Refusal::PathAmbiguous`] if parameters and rewrite give no path.
pub fn target(
    route: &Route,
    parts: &request::Parts,
    path: &str,
    parameters: &PathParameters<'_, '_>,
) -> Result<PathAndQuery, Refusal> {
    let sent = parts.uri.path_and_query();
    let upstream_path = match &route.rewrite {
        Rewrite::Keep => Cow::Borrowed(path),
        Rewrite::Template(template) => Cow::Owned(fill(template, parameters)),
    };
    // A target that stays as it came is passed on without a copy.
    if let Some(sent) = sent
        && sent.path() == upstream_path
    {
        return Ok(sent.clone());
    }
    let text = match parts.uri.query() {
        Some(query) => format!("{upstream_path}?{query}"),
        None => upstream_path.into_owned(),
    };
    PathAndQuery::try_from(text).map_err(|_| Refusal::PathAmbiguous("The path cannot be forwarded."))
}

fn fill(template: &[PathPart], parameters: &PathParameters<'_, '_>) -> String {
    let mut path = String::with_capacity(64);
    for part in template {
        match part {
            PathPart::Literal(text) => path.push_str(text),
            PathPart::Parameter(name) => path.push_str(parameters.get(name).unwrap_or_default()),
        }
    }
    path
}

/// Frames a request afresh. `headers` have been cleaned and hold what the gateway adds.
#[must_use]
pub fn frame(
    method: &Method,
    target: PathAndQuery,
    host: Option<&HeaderValue>,
    headers: HeaderMap,
    body: Upload,
) -> Request<Upload> {
    let is_empty = matches!(body, Upload::Empty);
    let mut request = Request::new(body);
    *request.method_mut() = method.clone();
    *request.uri_mut() = Uri::from(target);
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = headers;
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host.clone());
    }
    if is_empty && matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    request
}

/// Sends a request and waits for the head of the answer.
///
/// # Errors
/// A refusal of the upstream's, or the request body's own.
pub async fn send(
    worker: &Worker,
    (pools, upstream, route): (&[Rc<Pool<Upload>>], &Upstream, &Route),
    request: Request<Upload>,
    (upload, now): (&std::cell::RefCell<UploadOutcome>, Duration),
) -> Result<(Response<Incoming>, Lease<Upload>), Refusal> {
    let sending = try_endpoints(worker, pools, upstream, request, now);
    match timeout(route.timeout, sending).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            Err(upload.borrow_mut().refusal.take().unwrap_or_else(|| explain(&error, upstream)))
        }
        Err(_) => {
            let error = UpstreamError::Timeout(route.timeout);
            Err(upload.borrow_mut().refusal.take().unwrap_or_else(|| explain(&error, upstream)))
        }
    }
}

async fn try_endpoints(
    worker: &Worker,
    pools: &[Rc<Pool<Upload>>],
    upstream: &Upstream,
    request: Request<Upload>,
    now: Duration,
) -> Result<(Response<Incoming>, Lease<Upload>), UpstreamError> {
    let mut request = request;
    let mut failed: Option<Rc<Pool<Upload>>> = None;
    let mut tries = 0;
    loop {
        tries += 1;
        let picked = pick(pools, failed.as_ref(), now, &mut worker.random.borrow_mut()).cloned();
        let Some(pool) = picked.or_else(|| failed.take()) else {
            return Err(UpstreamError::Unready);
        };
        let mut lease = match pool.connection(upstream.connect_timeout, now).await {
            Ok(lease) => lease,
            Err(error) if error.is_unsent() && tries < MAX_TRIES && pools.len() > 1 => {
                tracing::warn!(upstream = %upstream.name, %error, "an endpoint is avoided for a while");
                pool.avoid_until(now + AVOIDED_FOR);
                failed = Some(pool);
                continue;
            }
            Err(error) => {
                pool.avoid_until(now + AVOIDED_FOR);
                return Err(error);
            }
        };
        let again = if lease.may_be_closing() && tries < MAX_TRIES { repeatable(&request) } else { None };
        match (lease.send(request).await, again) {
            (Ok(Ok(response)), _) => return Ok((response, lease)),
            // An idle connection that the upstream had just closed: nothing was sent, so any method may go again.
            (Ok(Err(unsent)), _) if tries < MAX_TRIES => request = unsent.0,
            (Err(UpstreamError::Closed(_)), Some(again)) => request = again,
            (Ok(Err(_)), _) => return Err(UpstreamError::Unready),
            (Err(error), _) => return Err(error),
        }
    }
}

/// A copy of a request that may be sent twice: idempotent (RFC 9110, section 9.2.2) and without a body.
fn repeatable(request: &Request<Upload>) -> Option<Request<Upload>> {
    if !request.method().is_idempotent() || !matches!(request.body(), Upload::Empty) {
        return None;
    }
    let mut copy = Request::new(Upload::Empty);
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    Some(copy)
}

fn explain(error: &UpstreamError, upstream: &Upstream) -> Refusal {
    tracing::warn!(upstream = %upstream.name, %error, cause = ?std::error::Error::source(error), "a call failed");
    match error {
        UpstreamError::Connect { .. } | UpstreamError::ConnectTimeout { .. } => Refusal::UpstreamUnreachable,
        UpstreamError::Unready => Refusal::UpstreamUnreachable,
        UpstreamError::Broken(_) | UpstreamError::Closed(_) => Refusal::UpstreamBroken,
        UpstreamError::Timeout(_) => Refusal::UpstreamTimeout,
    }
}
