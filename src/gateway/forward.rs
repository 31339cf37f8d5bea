//! A permitted request to its upstream: one try, and further ones only where the upstream surely saw nothing of it, or where the
//! request changes nothing, has no body, and was sent on a connection that the upstream may just have been closing as idle.

use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::Method;

use super::destination::Destination;
use super::recording::{Call, Recording};
use super::upload::Upload;
use super::worker::Worker;
use super::{standing, upstream_token};
use crate::domain::ended::Ended;
use crate::domain::refusal::Refusal;
use crate::policy::route_table::PathParameters;
use crate::policy::snapshot::{PathPart, Rewrite, Route, Upstream};
use crate::upstream::answer_head::AnswerHead;
use crate::upstream::balance::pick;
use crate::upstream::error::UpstreamError;
use crate::upstream::exchange::Exchange;
use crate::upstream::pool::Pool;
use crate::upstream::request::{Request, RequestHead};

/// How long an endpoint is avoided after it refused a connection.
const AVOIDED_FOR: Duration = Duration::from_secs(5);
/// Connections that are tried for one request.
const MAX_TRIES: usize = 3;

/// Begins the request that the upstream sees: its method and target.
///
/// # Errors
/// [`Refusal::PathAmbiguous`] if parameters and rewrite give no path.
pub fn begin(
    route: &Route,
    method: &Method,
    (path, query): (&str, Option<&str>),
    parameters: &PathParameters<'_, '_>,
) -> Result<RequestHead, Refusal> {
    let path = match &route.rewrite {
        Rewrite::Keep => Cow::Borrowed(path),
        Rewrite::Template(template) => Cow::Owned(fill(template, parameters)),
    };
    let (mark, query) = query.map_or(("", ""), |query| ("?", query));
    RequestHead::begin(method, [&path, mark, query])
        .map_err(|_| Refusal::PathAmbiguous("The path cannot be forwarded."))
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

/// A request that an upstream may see, and which.
pub struct Permitted {
    /// The request.
    pub request: Request<Upload>,
    /// Where it may go.
    pub to: Destination,
    /// From when, in monotonic time.
    pub at: Duration,
}

/// Sends a call's request and waits for the head of the answer.
///
/// # Errors
/// A refusal of the upstream's, or the request body's own.
pub async fn send(
    worker: &Worker,
    recording: &mut Recording,
    mut request: Request<Upload>,
    (to, at): (Destination, Duration),
) -> Result<(AnswerHead, Box<Exchange<Upload>>), Refusal> {
    let view = recording.call.view.clone();
    let Some(place) = recording.call.route else { return Err(Refusal::RouteUnknown) };
    let route = &view.snapshot.routes[place];
    let upstream = &view.snapshot.upstreams[to.upstream()];
    let has_token = view.token(route).is_some();
    let (head, exchange) = loop {
        let call = &recording.call;
        if call.standing.is_to_be_asked(worker) {
            Box::pin(standing::check(worker, call)).await.map_err(Ended::before_it_was_sent)?;
        }
        let outcome = {
            let sending = pin!(try_endpoints(worker, (view.pools(&to), upstream, call), request, at));
            in_time(worker, sending, route.timeout, call).await
        };
        let (head, exchange) = outcome.map_err(|error| {
            let of_the_body = recording.call.upload.borrow_mut().refusal.take();
            of_the_body.unwrap_or_else(|| explain(&error, (upstream, route), &recording.call))
        })?;
        if !has_token || head.status.as_u16() != upstream_token::UNAUTHORIZED {
            break (head, exchange);
        }
        // It does not say so of the caller, who could do nothing about it.
        let renewing = upstream_token::renew(worker, &mut recording.call, route);
        let refused = || Refusal::UpstreamTokenRefused { upstream: upstream.name.clone() };
        request = Box::pin(renewing).await.ok_or_else(refused)?;
    };
    recording.answered(head.status.as_u16(), &head.headers);
    Ok((head, exchange))
}

/// Gives `sending` the route's time, which begins anew with each piece of the request's body: how slow a caller may be is not
/// for the upstream's time to say. A call that has to end meanwhile has that for the reason why its body was cut off.
async fn in_time<T>(
    worker: &Worker,
    mut sending: Pin<&mut impl Future<Output = Result<T, UpstreamError>>>,
    time: Duration,
    call: &Call,
) -> Result<T, UpstreamError> {
    let mut watch = None;
    poll_fn(|context| {
        if let Poll::Ready(outcome) = sending.as_mut().poll(context) {
            return Poll::Ready(outcome);
        }
        if let Poll::Ready(ended) = standing::poll_end(worker, call, context) {
            let upload = &mut call.upload.borrow_mut();
            let is_unsent = !upload.is_handed_over;
            upload.refusal = Some(if is_unsent { ended.before_it_was_sent() } else { Refusal::Ended(ended) });
            return Poll::Ready(Err(UpstreamError::Body));
        }
        let watch = watch.get_or_insert_with(|| worker.watches.watch_call());
        let mut left = time;
        if watch.is_late() {
            left = call.upload.borrow().left_of(time);
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
    (pools, upstream, call): (&[Rc<Pool>], &Upstream, &Call),
    mut request: Request<Upload>,
    mut now: Duration,
) -> Result<(AnswerHead, Box<Exchange<Upload>>), UpstreamError> {
    let mut failed: Option<Rc<Pool>> = None;
    let mut tries = 0;
    loop {
        tries += 1;
        let picked = pick(pools, failed.as_ref(), now, &mut worker.random.borrow_mut()).cloned();
        let Some(pool) = picked.or_else(|| failed.take()) else {
            return Err(UpstreamError::Unready);
        };
        let lease = match pool.idle(now) {
            Some(lease) => Ok(lease),
            // On the heap: it is seldom, and would make the future of every call larger.
            None => Box::pin(pool.connect(upstream.connect_timeout)).await,
        };
        let lease = match lease {
            Ok(lease) => lease,
            Err(error) => {
                // Connecting may have taken as long as an endpoint is avoided: the time is asked for anew.
                now = worker.shared.clock.monotonic();
                pool.avoid_until(now + AVOIDED_FOR);
                if !error.is_unconnected() || tries == MAX_TRIES || pools.len() == 1 {
                    return Err(error);
                }
                tracing::warn!(upstream = %upstream.name, %error, "an endpoint is avoided for a while");
                failed = Some(pool);
                continue;
            }
        };
        call.upload.borrow_mut().is_handed_over = true;
        let mut exchange = Box::new(Exchange::new(lease, request));
        match poll_fn(|context| exchange.poll_head(context)).await {
            Ok(head) => return Ok((head, exchange)),
            Err(error) => {
                call.upload.borrow_mut().is_handed_over = exchange.has_begun();
                match exchange.again(&error) {
                    Some(again) if tries < MAX_TRIES => request = again,
                    _ => return Err(error),
                }
            }
        }
    }
}

fn explain(error: &UpstreamError, (upstream, route): (&Upstream, &Route), call: &Call) -> Refusal {
    let app = call.identity.as_ref().map(|known| known.caller.app.id.as_str());
    let (request_id, cause) = (&call.id, std::error::Error::source(error));
    tracing::warn!(
        upstream = %upstream.name, route = %route.name, %request_id, app, %error, ?cause,
        "a call failed"
    );
    match error {
        UpstreamError::Connect { .. } | UpstreamError::ConnectTimeout { .. } => Refusal::UpstreamUnreachable,
        UpstreamError::Unready => Refusal::UpstreamUnreachable,
        UpstreamError::Broken(_)
        | UpstreamError::Closed(_)
        | UpstreamError::Interim(_)
        | UpstreamError::Body => Refusal::UpstreamBroken,
        UpstreamError::Timeout(_) => Refusal::UpstreamTimeout,
    }
}
