//! A permitted request to its upstream: one try, and further ones only where the upstream surely saw nothing of it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version, request};
use http_body::Body;
use hyper::body::Incoming;

use super::recording::{Call, Recording};
use super::upload::{Upload, UploadOutcome};
use super::worker::Worker;
use crate::domain::refusal::Refusal;
use crate::policy::route_table::PathParameters;
use crate::policy::snapshot::{PathPart, Rewrite, Route, Upstream};
use crate::upstream::balance::pick;
use crate::upstream::pool::{Lease, Pool, UpstreamError};

/// How long an endpoint is avoided after it refused a connection.
const AVOIDED_FOR: Duration = Duration::from_secs(5);
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
    // HTTP/1.1 brings its own; of HTTP/2 it is the authority.
    if let Some(host) = host.filter(|_| !request.headers().contains_key(HOST)) {
        request.headers_mut().insert(HOST, host.clone());
    }
    if is_empty && matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    // hyper frames a body of unknown length by itself for methods that usually have one, and drops it for others.
    if request.body().size_hint().exact().is_none() {
        request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    request
}

/// Sends a call's request and waits for the head of the answer.
///
/// # Errors
/// A refusal of the upstream's, or the request body's own.
pub async fn send(
    worker: &Worker,
    recording: &mut Recording,
    request: Request<Upload>,
) -> Result<(Response<Incoming>, Lease<Upload>), Refusal> {
    let view = recording.call.view.clone();
    let Some(place) = recording.call.route else { return Err(Refusal::RouteUnknown) };
    let route = &view.snapshot.routes[place];
    let upstream = &view.snapshot.upstreams[route.upstream];
    let call = &recording.call;
    let sending = try_endpoints(worker, (view.pools(route), upstream), request, call);
    let outcome = in_time(worker, sending, route.timeout, &call.upload).await;
    let (response, lease) = outcome.map_err(|error| {
        let of_the_body = recording.call.upload.borrow_mut().refusal.take();
        of_the_body.unwrap_or_else(|| explain(&error, upstream))
    })?;
    recording.answered(response.status().as_u16(), response.headers());
    Ok((response, lease))
}

/// Gives `sending` the route's time, which begins anew with each piece of the request's body: how slow a caller may be is not
/// for the upstream's time to say.
async fn in_time<T>(
    worker: &Worker,
    sending: impl Future<Output = Result<T, UpstreamError>>,
    time: Duration,
    upload: &RefCell<UploadOutcome>,
) -> Result<T, UpstreamError> {
    let mut sending = std::pin::pin!(sending);
    let mut watch = None;
    std::future::poll_fn(|context| {
        if let Poll::Ready(outcome) = sending.as_mut().poll(context) {
            return Poll::Ready(outcome);
        }
        let watch = watch.get_or_insert_with(|| worker.watches.watch());
        let mut left = time;
        if watch.is_late() {
            left = upload.borrow().moved_at.map_or(Duration::ZERO, |at| time.saturating_sub(at.elapsed()));
            if left.is_zero() {
                return Poll::Ready(Err(UpstreamError::Timeout(time)));
            }
            watch.met();
        }
        watch.remember(context.waker());
        watch.expect(left);
        Poll::Pending
    })
    .await
}

async fn try_endpoints(
    worker: &Worker,
    (pools, upstream): (&[Rc<Pool<Upload>>], &Upstream),
    request: Request<Upload>,
    call: &Call,
) -> Result<(Response<Incoming>, Lease<Upload>), UpstreamError> {
    let mut request = request;
    let mut now = call.started;
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
            Err(error) => {
                // Connecting may have taken as long as an endpoint is avoided: the time is asked for anew.
                now = worker.shared.clock.monotonic();
                pool.avoid_until(now + AVOIDED_FOR);
                if !error.is_unsent() || tries == MAX_TRIES || pools.len() == 1 {
                    return Err(error);
                }
                tracing::warn!(upstream = %upstream.name, %error, "an endpoint is avoided for a while");
                failed = Some(pool);
                continue;
            }
        };
        let again = if lease.may_be_closing() && tries < MAX_TRIES { repeatable(&request) } else { None };
        call.upload.borrow_mut().is_handed_over = true;
        match (lease.send(request).await, again) {
            (Ok(Ok(response)), _) => return Ok((response, lease)),
            // An idle connection that the upstream had just closed: nothing was sent, so any method may go again.
            (Ok(Err(unsent)), _) if tries < MAX_TRIES => {
                call.upload.borrow_mut().is_handed_over = false;
                request = unsent.0;
            }
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
        UpstreamError::Broken(_) | UpstreamError::Closed(_) | UpstreamError::Interim(_) => {
            Refusal::UpstreamBroken
        }
        UpstreamError::Timeout(_) => Refusal::UpstreamTimeout,
    }
}
