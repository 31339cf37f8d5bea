//! A request's life as one straight function: each stage's output is the next one's input, so the wrong order does
//! not compile. Whatever the outcome, the call ends in one count and, for a known app, one usage record.

use std::net::IpAddr;
use std::rc::Rc;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Method, Request, Response, StatusCode, request};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::admit::{Admission, admit};
use super::answer::Answer;
use super::authorize::{Circumstances, authorize};
use super::fields::{self, ConnectionFields};
use super::recording::{self, Call, End, Recording, Target};
use super::upload::{Upload, UploadBounds, UploadOutcome};
use super::worker::Worker;
use super::{forward, head, request_id, respond};
use crate::credential::presented;
use crate::domain::refusal::Refusal;
use crate::metering::capture::Capture;
use crate::policy::route_table::{Lookup, PathParameters};
use crate::policy::snapshot::Route;
use crate::upstream::pool::Lease;

/// The connection that a request came on.
#[derive(Debug)]
pub struct Peer {
    /// The client's address.
    pub address: IpAddr,
    /// What it adds to each request.
    pub fields: ConnectionFields,
}

/// Serves a request.
pub async fn serve(worker: Rc<Worker>, peer: Rc<Peer>, request: Request<Incoming>) -> Response<Answer> {
    let shared = &worker.shared;
    let at = shared.clock.now();
    let id = worker.ids.next(at);
    let request_id = request_id::header_value(&id);
    let mut call = Call {
        id,
        at,
        started: shared.clock.monotonic(),
        method: request.method().clone(),
        view: worker.view(),
        route: None,
        identity: None,
        subscribed: None,
        upload: Rc::default(),
        target: None,
    };
    let mut admission = None;
    match stages(&worker, &peer, &mut call, &mut admission, (&request_id, request)).await {
        Ok(Outcome::Own(response)) => response,
        Ok(Outcome::Upstream(answer, lease)) => {
            relay(worker, call, admission, (&request_id, answer, lease)).await
        }
        Err(refusal) => refuse(&worker, &call, &refusal, (&request_id, admission.as_ref())),
    }
}

/// What came of the stages.
enum Outcome {
    /// An answer of the gateway's own endpoints.
    Own(Response<Answer>),
    /// The upstream's answer, of which only the head has come.
    Upstream(Response<Incoming>, Lease<Upload>),
}

async fn stages(
    worker: &Rc<Worker>,
    peer: &Peer,
    call: &mut Call,
    admission: &mut Option<Admission>,
    (request_id, request): (&HeaderValue, Request<Incoming>),
) -> Result<Outcome, Refusal> {
    let (mut parts, body) = request.into_parts();
    let shared = &worker.shared;
    let checked = head::check(&parts, shared.bounds.head_bytes)?;
    if shared.control.serves(&checked.path) {
        drop(checked);
        let answer = shared.control.call(parts, body, &peer.fields, request_id).await?;
        return Ok(Outcome::Own(own(worker, call, request_id, answer)));
    }

    let view = call.view.clone();
    let (route, parameters) = find_route(&view.snapshot, &parts.method, &checked)?;
    call.route = Some(route.index);
    call.identity = shared.directory.identify(presented::find(&parts.headers)?, call.at).await?;
    let circumstances = Circumstances {
        parts: &parts,
        head: &checked,
        parameters: &parameters,
        address: peer.address,
        now: call.at,
    };
    let permit = authorize(&view.snapshot, route, call.identity.as_ref(), &circumstances)?;
    call.subscribed = permit.subscribed_by_name();
    *admission = count(worker, (peer, call, route), &permit, admission)?;
    check_room(worker, call, route, &body)?;

    let target = forward::target(route, &parts, &checked.path, &parameters)?;
    call.target = metered_target(route, &checked, &parts, &parameters);
    drop(checked);
    let upload = upload(worker, call, route, body);
    let upstream = &view.snapshot.upstreams[route.upstream];
    let request = to_upstream(worker, peer, call, (route, request_id), (&mut parts, target, upload));
    let (answer, lease) =
        forward::send(worker, (view.pools(route), upstream, route), request, (&call.upload, call.started))
            .await?;
    Ok(Outcome::Upstream(answer, lease))
}

fn find_route<'s, 'p>(
    snapshot: &'s crate::policy::snapshot::Snapshot,
    method: &Method,
    head: &'p head::Head<'_>,
) -> Result<(&'s Route, PathParameters<'s, 'p>), Refusal> {
    match snapshot.table.find(&head.host, method, &head.path) {
        Lookup::Found(place, parameters) => Ok((&snapshot.routes[place], parameters)),
        Lookup::MethodNotAllowed(allow) => Err(Refusal::MethodNotAllowed { allow }),
        Lookup::NotFound => Err(Refusal::RouteUnknown),
    }
}

fn count(
    worker: &Worker,
    (peer, call, route): (&Peer, &Call, &Route),
    permit: &super::authorize::Permit<'_>,
    told: &mut Option<Admission>,
) -> Result<Option<Admission>, Refusal> {
    let cells = &mut worker.cells.borrow_mut();
    admit(cells, route, permit, call.identity.as_ref(), (peer.address, call.started)).map_err(
        |(refusal, admission)| {
            *told = Some(admission);
            refusal
        },
    )
}

/// Refuses before the upstream sees anything: a body that is too long, or a record that could not be kept.
fn check_room(worker: &Worker, call: &Call, route: &Route, body: &Incoming) -> Result<(), Refusal> {
    if body.size_hint().lower() > route.max_body {
        return Err(Refusal::BodyTooLarge { limit: route.max_body });
    }
    if recording::is_durable(call) && !worker.journal.borrow().is_ready() {
        return Err(Refusal::Unavailable("Usage cannot be recorded durably"));
    }
    Ok(())
}

/// What the meter's expressions may read of the target; nothing is copied for a meter without expressions.
fn metered_target(
    route: &Route,
    head: &head::Head<'_>,
    parts: &request::Parts,
    parameters: &PathParameters<'_, '_>,
) -> Option<Target> {
    let meter = route.meter.as_ref()?;
    if meter.when.is_none() && meter.units.is_none() && meter.transaction.is_none() {
        return None;
    }
    Some(Target {
        path: head.path.clone().into_owned(),
        params: parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
    })
}

fn upload(worker: &Worker, call: &Call, route: &Route, body: Incoming) -> Upload {
    let bounds = &worker.shared.bounds;
    let capture = match &route.meter {
        Some(meter) if meter.bodies.request && call.identity.is_some() => Capture::up_to(meter.max_capture),
        _ => Capture::nothing(),
    };
    *call.upload.borrow_mut() = UploadOutcome { capture, ..UploadOutcome::default() };
    let bounds = UploadBounds { max: route.max_body, time: bounds.body_time, progress: bounds.body_progress };
    Upload::new(body, bounds, call.upload.clone())
}

fn to_upstream(
    worker: &Worker,
    peer: &Peer,
    call: &Call,
    (route, request_id): (&Route, &HeaderValue),
    (parts, target, upload): (&mut request::Parts, http::uri::PathAndQuery, Upload),
) -> Request<Upload> {
    let mut headers = std::mem::take(&mut parts.headers);
    let host = headers.get(HOST).cloned().or_else(|| {
        parts.uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
    });
    fields::clean_request(&mut headers, parts.version);
    let identity = call.identity.as_ref().map(|identity| &identity.fields);
    let traceparent = worker.ids.traceparent(&call.id);
    fields::set_request(&mut headers, &peer.fields, host.clone(), request_id, traceparent, identity);
    for (name, value) in &route.set_headers {
        headers.insert(name, value.clone());
    }
    forward::frame(&parts.method, target, host.as_ref(), headers, upload)
}

/// Sends the upstream's answer on; on a durable route only once its usage record is on disk.
async fn relay(
    worker: Rc<Worker>,
    call: Call,
    admission: Option<Admission>,
    (request_id, answer, lease): (&HeaderValue, Response<Incoming>, Lease<Upload>),
) -> Response<Answer> {
    let (mut parts, incoming) = answer.into_parts();
    let has_body = call.method != Method::HEAD && parts.status != StatusCode::NOT_MODIFIED;
    fields::clean_response(&mut parts.headers, has_body);
    parts.version = http::Version::HTTP_11;
    respond::add_request_id(&mut parts.headers, request_id);
    if let Some(admission) = &admission {
        respond::add_limit(&mut parts.headers, admission);
    }
    let silence = worker.shared.bounds.upstream_silence;
    let is_durable = recording::is_durable(&call);
    let recording = Recording::new(worker.clone(), call, parts.status.as_u16());
    if !is_durable {
        return Response::from_parts(parts, Answer::relay(incoming, lease, recording, silence));
    }
    match hold(&worker, recording, incoming, lease).await {
        Ok(body) => Response::from_parts(parts, body),
        Err(refusal) => respond::refuse(&refusal, request_id, admission.as_ref()),
    }
}

/// Holds an answer back until its usage record is on disk. Of a body beyond what the meter captures the rest
/// follows as it comes, after a record that is an exception.
async fn hold(
    worker: &Rc<Worker>,
    mut recording: Recording,
    mut incoming: Incoming,
    lease: Lease<Upload>,
) -> Result<Answer, Refusal> {
    let max = recording.max_capture();
    let mut held = Vec::new();
    let mut is_whole = false;
    let end = loop {
        match incoming.frame().await {
            None => {
                is_whole = true;
                break End::Whole;
            }
            Some(Err(_)) => break End::UpstreamBroke,
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                recording.saw(&data);
                held.extend_from_slice(&data);
                if held.len() > max {
                    break End::Whole;
                }
            }
        }
    };
    let is_whole = is_whole || (end == End::Whole && incoming.is_end_stream());
    let unrecorded =
        |_| Refusal::Unavailable("The call took effect, but its usage could not be recorded yet");
    if let Some(committed) = recording.finish_durably(end).map_err(unrecorded)? {
        committed
            .await
            .map_err(|_| unrecorded(crate::journal::error::JournalError::Closed))?
            .map_err(unrecorded)?;
    }
    match end {
        End::UpstreamBroke | End::CallerLeft => Err(Refusal::UpstreamBroken),
        End::Whole if is_whole => {
            lease.give_back(worker.shared.clock.monotonic());
            Ok(Answer::Own((!held.is_empty()).then(|| Bytes::from(held))))
        }
        End::Whole => {
            let silence = worker.shared.bounds.upstream_silence;
            Ok(Answer::relay_rest(incoming, Bytes::from(held), lease, silence))
        }
    }
}

/// An answer of the gateway's own endpoints.
fn own(worker: &Worker, call: &Call, request_id: &HeaderValue, answer: Response<Bytes>) -> Response<Answer> {
    let mut answer = answer.map(|bytes| Answer::Own((!bytes.is_empty()).then_some(bytes)));
    respond::add_request_id(answer.headers_mut(), request_id);
    recording::served(worker, call, answer.status().as_u16());
    answer
}

fn refuse(
    worker: &Worker,
    call: &Call,
    refusal: &Refusal,
    (request_id, admission): (&HeaderValue, Option<&Admission>),
) -> Response<Answer> {
    let response = respond::refuse(refusal, request_id, admission);
    recording::refused(worker, call, response.status().as_u16(), refusal.code());
    response
}
