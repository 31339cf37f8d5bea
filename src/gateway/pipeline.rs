//! A request's life as one straight function: each stage's output is the next one's input, so the wrong order does
//! not compile. Whatever the outcome, the call ends in one count and, once an app has proved itself, one usage record.

use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, request};
use http_body::Body;
use hyper::body::Incoming;

use super::admit::{self, Admission, admit};
use super::answer::Answer;
use super::authorize::{Circumstances, Permit, authorize};
use super::caller_address::CallerAddress;
use super::fields::{self, Told};
use super::forward::Permitted;
use super::identify::{self, Asking, Proven};
use super::me::{self, Question};
use super::peer::Peer;
use super::raw_head::Unseen;
use super::recording::{Call, Recording};
use super::signed_parameters::{self, Looked};
use super::witness::Nobody;
use super::worker::Worker;
use super::{
    document, durable, forward, head, hold, kept_body, masked, metered_target, request_body, request_id,
    respond, unread, upload, upstream_token,
};
use crate::credential::message_signature::Body as SignedBody;
use crate::credential::refused::Refused;
use crate::domain::id::AppId;
use crate::domain::plan::PlanVersion;
use crate::domain::refusal::Refusal;
use crate::policy::route_table::{Lookup, PathParameters};
use crate::policy::snapshot::{Route, Snapshot};
use crate::upstream::answer_head::AnswerHead;
use crate::upstream::request::RequestHead;

/// Serves a request.
pub async fn serve(
    worker: Rc<Worker>,
    peer: Rc<Peer>,
    request: Request<Incoming>,
    unseen: Unseen,
) -> Response<Answer> {
    let mut recording = Recording::begin(worker.clone(), request.method().clone());
    let request_id = request_id::header_value(&recording.call.id);
    let mut told = Telling { request_id, admission: None, shares_host: false, app: None };
    let (parts, body) = request.into_parts();
    let peer = peer.caller(&parts.headers);
    let mut body = Some(body);
    let arrived = Arrived { parts: &parts, body: &mut body, unseen };
    let outcome = stages(&worker, &peer, &mut recording.call, &mut told, arrived).await;
    // What is seldom awaited is on the heap: it would make the future of every call larger, which is moved more than once.
    match outcome {
        Ok(Outcome::Own(answer)) => {
            let mut answer = own(recording, told, answer);
            if let Some(body) = body {
                unread::dispose(&worker, &peer, (&parts, body), answer.headers_mut());
            }
            answer
        }
        Ok(Outcome::Permitted(permitted)) if recording.call.is_durable() => {
            Box::pin(durable::forward(worker, recording, permitted, told)).await
        }
        Ok(Outcome::Permitted(Permitted { request, to, at })) => {
            match forward::send(&worker, &mut recording, request, (to, at)).await {
                Ok(answered) if recording.call.route().is_some_and(|route| route.mask.is_some()) => {
                    Box::pin(masked::answer(recording, told, answered)).await
                }
                Ok((head, exchange)) => told.answer(head, Answer::relay(exchange, recording)),
                Err(refusal) => told.refuse_under_way(recording, &refusal),
            }
        }
        Err(refusal) => {
            let mut answer = told.refuse(recording, &refusal);
            worker.shared.challenges.add(answer.headers_mut(), &refusal, &parts.headers);
            if let Some(body) = body {
                unread::dispose(&worker, &peer, (&parts, body), answer.headers_mut());
            }
            answer
        }
    }
}

/// A request as it arrived.
struct Arrived<'r> {
    parts: &'r request::Parts,
    /// Taken by who reads it.
    body: &'r mut Option<Incoming>,
    unseen: Unseen,
}

/// What came of the stages before the upstream.
enum Outcome {
    /// An answer of the gateway's own endpoints.
    Own(Response<Bytes>),
    /// A request that the upstream may see.
    Permitted(Permitted),
}

async fn stages(
    worker: &Rc<Worker>,
    peer: &Peer,
    call: &mut Call,
    told: &mut Telling,
    Arrived { parts, body, unseen }: Arrived<'_>,
) -> Result<Outcome, Refusal> {
    let shared = &worker.shared;
    let checked = head::check(parts, unseen, shared.bounds.head_bytes)?;
    if shared.control.serves(&checked.path)
        && let Some(body) = body.take()
    {
        let answer =
            Box::pin(shared.control.call(parts.clone(), body, &peer.fields, &told.request_id)).await?;
        return Ok(Outcome::Own(answer));
    }

    let view = call.view.clone();
    if let Some(question) = Question::of(&checked.path)? {
        let (snapshot, moment) = (&view.snapshot, call.moment());
        let asking = Asking { parts, head: &checked, snapshot, hosts: &[], peer, moment };
        let answering = me::answer(worker, question, (asking, signed_body(body.as_ref())), told);
        return Ok(Outcome::Own(Box::pin(answering).await?));
    }
    let (route, parameters) = find_route(&view.snapshot, &parts.method, &checked)?;
    call.route = Some(route.index);
    let address = CallerAddress::of(&mut Nobody, route, peer.address)?;
    let mut asking = Asking {
        parts,
        head: &checked,
        snapshot: &view.snapshot,
        hosts: &route.hosts,
        peer,
        moment: call.moment(),
    };
    let signed_body = signed_body(body.as_ref());
    let mut looked: Option<Box<Looked>> = None;
    if let Some(style) = route.signature {
        let looking = Box::pin(signed_parameters::look(worker, (style, route.max_body), asking, body));
        let found = looking.await.map_err(|refused| told.of(refused))?;
        asking.moment = found.came_at.unwrap_or(asking.moment);
        looked = Some(Box::new(found));
    }
    let Proven { identity, digest } = match identify::known(worker, &asking) {
        Some(proven) => proven,
        None => {
            let looking_up = Box::pin(identify::look_up(worker, asking, signed_body));
            looking_up.await.map_err(|refused| told.of(refused))?
        }
    };
    let identity = identity.or_else(|| looked.as_mut()?.identity.take());
    let identity = match identity.or_else(|| identify::known_by_connection(worker, &asking)) {
        None if peer.certificate().is_some() => {
            let looking_up = Box::pin(identify::by_connection(worker, &asking));
            looking_up.await.map_err(|refused| told.of(refused))?
        }
        identity => identity,
    };
    if let Some(identity) = &identity {
        identify::confirm(worker, identity, &asking).map_err(|refused| told.of(refused))?;
        call.standing.rests_on(identity, &peer.fields.door);
    }
    told.shares_host = checked.host == shared.host;
    call.identity = identity;
    if let Some(switch) = view.switched_off(route.index, &shared.kill_switches) {
        return Err(Refusal::SwitchedOff(switch));
    }
    let (form, query) = looked
        .as_deref_mut()
        .map_or((None, None), |looked| (Some(&mut looked.form), looked.query.as_deref()));
    let query = query.or(parts.uri.query());
    let circumstances = Circumstances {
        parts,
        head: &checked,
        query: query.unwrap_or_default(),
        body: signed_body,
        parameters: &parameters,
        address,
        now: asking.moment.now,
    };
    let mut permit = authorize(&view.snapshot, route, call.identity.as_ref(), &circumstances)
        .map_err(|refusal| peer.explain(refusal))?;
    call.subscribed = permit.subscribed_by_name();
    if permit.subscribed.is_none() {
        // On a route that is open to anyone, who has no subscription to it is nobody, whatever else it may do.
        call.identity = None;
    }
    check_length(route, body.as_ref())?;
    let purses = hold::refuse_known(worker, call, (&permit, &circumstances))?;
    // Who calls too fast takes no units of a balance.
    told.admission = count(worker, (peer, call, route), (&permit, &circumstances), &mut told.admission)?;
    let counted = permit.subscribed.as_ref().map(|(_, version)| *version);
    // A body that may take its time keeps nothing of the journal.
    let is_kept = permit.body.is_some();
    if !is_kept {
        let asked = (&permit, &circumstances);
        let promised = hold::promise(worker, call, asked, purses, &mut told.admission).await;
        promised.inspect_err(|refusal| give_back(worker, call, counted, (refusal, &mut *told)))?;
    }

    let mut upload = match form.and_then(Option::take) {
        Some(form) => request_body::of_form(call, (parts, query), form),
        None => request_body::of((worker, peer), call, route, (parts, query, body.take())),
    };
    if let Some(digest) = digest {
        upload.check(*digest)?;
    }
    if is_kept {
        let reading = kept_body::read(worker, call, (route, permit), (asking, &circumstances), upload);
        (permit, upload) = Box::pin(reading).await.map_err(|refused| told.of(refused))?;
        let asked = (&permit, &circumstances);
        // Time has passed since it was asked first.
        let promised = match hold::refuse_known(worker, call, asked) {
            Ok(purses) => hold::promise(worker, call, asked, purses, &mut told.admission).await,
            Err(refusal) => Err(refusal),
        };
        promised.inspect_err(|refusal| give_back(worker, call, counted, (refusal, &mut *told)))?;
    }
    call.target = metered_target::of(call.meter(), &checked, query, &parameters);
    let head = forward::begin(route, &parts.method, (&checked.path, query), &parameters)?;
    let mut head = fields((worker, peer), call, (route, &told.request_id), (parts, &checked), head);
    let at = kept_body::goes_on_at(worker, call, &upload);
    if view.token(route).is_some() {
        Box::pin(upstream_token::add(worker, call, route, (&mut head, &upload, at))).await?;
    }
    let request = head.end(&parts.method, upload);
    Ok(Outcome::Permitted(Permitted { request, to: permit.to, at }))
}

fn find_route<'s, 'p>(
    snapshot: &'s Snapshot,
    method: &Method,
    head: &'p head::Head<'_>,
) -> Result<(&'s Route, PathParameters<'s, 'p>), Refusal> {
    match snapshot.table.find(&head.host, method, &head.path) {
        Lookup::Found(place, parameters) => Ok((&snapshot.routes[place], parameters)),
        Lookup::MethodNotAllowed(allow) => Err(Refusal::MethodNotAllowed { allow }),
        Lookup::NotFound => Err(Refusal::RouteUnknown),
    }
}

/// Whether the signature of a request is to cover a body.
fn signed_body(body: Option<&Incoming>) -> SignedBody {
    if body.is_none_or(upload::is_empty) { SignedBody::Absent } else { SignedBody::Present }
}

/// Counts the call. One that would be refused is asked for again by the time that it is now: other calls may have been
/// counted at a later time than this one arrived.
fn count(
    worker: &Worker,
    (peer, call, route): (&Peer, &mut Call, &Route),
    (permit, circumstances): (&Permit<'_>, &Circumstances<'_>),
    told: &mut Option<Admission>,
) -> Result<Option<Admission>, Refusal> {
    let cells = &mut worker.cells.borrow_mut();
    let (identity, units, arrived) = (call.identity.as_ref(), &mut call.promised.units, call.started);
    let mut ask = |now| admit(cells, (route, permit), identity, (circumstances, peer.address, now), units);
    ask(arrived).or_else(|_| ask(worker.shared.clock.monotonic())).map_err(|(refusal, admission)| {
        *told = Some(admission);
        refusal
    })
}

/// Gives back what a call was counted for under that plan version: it is refused behind its limits. It is told what is left of them now, if
/// it was no quota that refused it, which has told what it says.
fn give_back(
    worker: &Worker,
    call: &mut Call,
    counted: Option<&PlanVersion>,
    (refusal, told): (&Refusal, &mut Telling),
) {
    call.promised.units = None;
    if let (Some(version), Some(identity)) = (counted, &call.identity)
        && let Some(route) = call.route()
    {
        let caller = (&identity.caller.app.id, &route.name);
        let now = worker.shared.clock.monotonic();
        let left = admit::give_back(&mut worker.cells.borrow_mut(), version, caller, now);
        if !matches!(refusal, Refusal::BeyondPlan(_)) {
            told.admission = left;
        }
    }
}

/// Refuses a body that is too long before any of it is read.
fn check_length(route: &Route, body: Option<&Incoming>) -> Result<(), Refusal> {
    match body.is_some_and(|body| body.size_hint().lower() > route.max_body) {
        true => Err(Refusal::BodyTooLarge { limit: route.max_body }),
        false => Ok(()),
    }
}

/// Writes the fields that the upstream sees.
fn fields(
    (worker, peer): (&Worker, &Peer),
    call: &Call,
    (route, request_id): (&Route, &HeaderValue),
    (parts, checked): (&request::Parts, &head::Head<'_>),
    mut head: RequestHead,
) -> RequestHead {
    let is_masked = !masked::rules(call).is_empty();
    let told = Told {
        authority: checked.authority,
        connection: &peer.fields,
        request_id,
        traceparent: &worker.ids.traceparent(&call.id),
        identity: call.identity.as_ref().map(|identity| &identity.fields),
        set: &route.set_headers,
        is_answer_read: is_masked || call.meter().is_some_and(|meter| meter.bodies.response.is_any()),
        is_unconditional: is_masked && parts.method.is_safe(),
        is_masked,
        is_signed: checked.shown.is_signed,
        is_body_cut: call.upload.borrow().is_cut,
    };
    fields::write_request(&mut head, &parts.headers, parts.version, &told);
    head
}

/// An answer of the gateway's own endpoints.
fn own(recording: Recording, told: Telling, answer: Response<Bytes>) -> Response<Answer> {
    let mut answer = answer.map(|bytes| Answer::Own((!bytes.is_empty()).then_some(bytes)));
    respond::add_request_id(answer.headers_mut(), &told.request_id);
    if let Some(admission) = told.admission {
        respond::add_limit(answer.headers_mut(), admission);
    }
    recording.served(answer.status().as_u16());
    answer
}

/// What every answer to a call tells beside itself.
pub(super) struct Telling {
    /// The request's id.
    pub(super) request_id: HeaderValue,
    /// What the tightest limit said.
    pub(super) admission: Option<Admission>,
    /// Whether a browser may have been led here, to the host where merchants log in.
    pub(super) shares_host: bool,
    /// The app that a call without a usage record has to do with, if that is known: the one that asks about itself, or whose
    /// credential was refused, which nobody proved to be.
    pub(super) app: Option<AppId>,
}

impl Telling {
    /// The refusal of a credential, whose it was being noted.
    pub(super) fn of(&mut self, Refused { refusal, app }: Refused) -> Refusal {
        self.app = app;
        refusal
    }

    /// Refuses a call and concludes it.
    pub(super) fn refuse(self, recording: Recording, refusal: &Refusal) -> Response<Answer> {
        let response = respond::refuse(refusal, &self.request_id, self.admission);
        // The only trace of a call that no usage record is of, such as one without a good credential.
        let (call, request_id) = (&recording.call, self.request_id.to_str().unwrap_or_default());
        let caller = call.identity.as_ref().map(|identity| &identity.caller.app.id);
        tracing::debug!(
            request_id,
            app = caller.or(self.app.as_ref()).map(AppId::as_str),
            route = call.route().map(|route| route.name.as_str()),
            method = call.method.as_str(),
            code = refusal.code(),
            detail = %refusal.detail(),
            "a call is refused"
        );
        recording.refused(refusal, response.status().as_u16());
        response
    }

    /// Refuses a call that was on its way to the upstream. What is wrong with its credential can only be what was signed of its body.
    pub(super) fn refuse_under_way(self, recording: Recording, refusal: &Refusal) -> Response<Answer> {
        let worker = recording.worker();
        let mut answer = self.refuse(recording, refusal);
        worker.shared.challenges.add(answer.headers_mut(), refusal, &HeaderMap::new());
        answer
    }

    /// The upstream's answer as the caller gets it.
    pub(super) fn answer(self, head: AnswerHead, body: Answer) -> Response<Answer> {
        let mut response = Response::new(body);
        *response.status_mut() = head.status;
        let headers = response.headers_mut();
        *headers = head.headers;
        fields::drop_own_set_cookies(headers);
        if self.shares_host {
            document::keep_apart(headers);
        }
        respond::add_request_id(headers, &self.request_id);
        if let Some(admission) = self.admission {
            respond::add_limit(headers, admission);
        }
        response
    }
}
