//! What is kept of a call until its answer has ended: then it is counted and, for a known app, becomes exactly one
//! usage record.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use uuid::Uuid;

use super::upload::UploadOutcome;
use super::view::View;
use super::worker::Worker;
use crate::credential::directory::Identity;
use crate::domain::id::ProductName;
use crate::domain::plan::PlanRef;
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;
use crate::domain::usage::{Evidence, UsageRecord};
use crate::journal::error::JournalError;
use crate::journal::writer::Committed;
use crate::metering::capture::Capture;
use crate::metering::evidence::{self, CallFacts};
use crate::metering::record;
use crate::policy::snapshot::{Durability, Route};

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All of it was sent on.
    Whole,
    /// The upstream broke off within it.
    UpstreamBroke,
    /// The caller left before its end.
    CallerLeft,
}

/// A call from its arrival on.
pub struct Call {
    /// Its id.
    pub id: Uuid,
    /// When it arrived.
    pub at: Timestamp,
    /// When it arrived, in monotonic time.
    pub started: Duration,
    /// Its method.
    pub method: Method,
    /// The snapshot that it pinned.
    pub view: Rc<View>,
    /// Its route's place, once found.
    pub route: Option<usize>,
    /// Who calls, once known.
    pub identity: Option<Arc<Identity>>,
    /// The API product and plan version that it is under, once known.
    pub subscribed: Option<(ProductName, PlanRef)>,
    /// What became of the request's body.
    pub upload: Rc<RefCell<UploadOutcome>>,
    /// What the meter's expressions read of the request, if they read any.
    pub target: Option<Target>,
}

/// The request's target as the meter's expressions read it.
pub struct Target {
    /// The normal path.
    pub path: String,
    /// The path's parameters.
    pub params: Vec<(String, String)>,
    /// The query.
    pub query: String,
}

impl Call {
    /// The route, once found.
    #[must_use]
    pub fn route(&self) -> Option<&Route> {
        self.route.map(|place| &*self.view.snapshot.routes[place])
    }
}

/// A call whose answer is on its way.
pub struct Recording {
    worker: Rc<Worker>,
    call: Call,
    status: u16,
    response: Capture,
    bytes_out: u64,
}

impl Recording {
    /// Begins when the upstream's answer has begun.
    #[must_use]
    pub fn new(worker: Rc<Worker>, call: Call, status: u16) -> Self {
        let response = match call.route().and_then(|route| route.meter.as_ref()) {
            Some(meter) if meter.bodies.response && call.identity.is_some() => {
                Capture::up_to(meter.max_capture)
            }
            _ => Capture::nothing(),
        };
        Self { worker, call, status, response, bytes_out: 0 }
    }

    /// How much of the answer the meter captures.
    #[must_use]
    pub fn max_capture(&self) -> usize {
        self.call.route().and_then(|route| route.meter.as_ref()).map_or(0, |meter| meter.max_capture)
    }

    /// Sees bytes of the answer go by.
    pub fn saw(&mut self, data: &[u8]) {
        self.bytes_out = self.bytes_out.saturating_add(data.len() as u64);
        self.response.push(data);
    }

    /// Ends the call; gives the monotonic time. The record is on disk within the journal's flush interval.
    pub fn finish(self, end: End) -> Duration {
        let now = self.worker.shared.clock.monotonic();
        let evidence = self.evidence(end);
        conclude(&self.worker, &self.call, (self.status, None), (evidence, self.bytes_out), now);
        now
    }

    /// Ends the call durably: the result resolves when its record is on disk. `None` if there is none to write.
    ///
    /// # Errors
    /// [`JournalError`] if the journal does not take it.
    pub fn finish_durably(self, end: End) -> Result<Option<Committed>, JournalError> {
        let now = self.worker.shared.clock.monotonic();
        let evidence = self.evidence(end);
        count(&self.worker, &self.call, self.status, now);
        let facts = (self.status, None);
        let Some(bytes) = encode(&self.worker, &self.call, facts, (evidence, self.bytes_out), now) else {
            return Ok(None);
        };
        self.worker.journal.borrow_mut().append_durable(&bytes).map(Some)
    }

    fn evidence(&self, end: End) -> Evidence {
        let meter = self.call.route().and_then(|route| route.meter.as_ref());
        let (Some(meter), Some(identity)) = (meter, &self.call.identity) else { return Evidence::Free };
        if self.call.subscribed.is_none() {
            return Evidence::Free;
        }
        if end != End::Whole && meter.bodies.response && (200..300).contains(&self.status) {
            let reason = match end {
                End::CallerLeft => "the caller left before the answer's end",
                End::UpstreamBroke | End::Whole => "the upstream broke off within its answer",
            };
            return Evidence::Exception { reason: reason.to_owned() };
        }
        if end == End::UpstreamBroke {
            return Evidence::Free;
        }
        let empty = Target { path: String::new(), params: Vec::new(), query: String::new() };
        let target = self.call.target.as_ref().unwrap_or(&empty);
        let upload = self.call.upload.borrow();
        evidence::read(
            meter,
            &CallFacts {
                method: self.call.method.as_str(),
                path: &target.path,
                params: &target.params,
                query: &target.query,
                status: self.status,
                principal: &Principal::App(identity.caller.clone()),
                request: &upload.capture,
                request_coding: None,
                response: &self.response,
                response_coding: None,
            },
        )
    }
}

/// Whether a call's answer must wait for its record.
#[must_use]
pub fn is_durable(call: &Call) -> bool {
    call.identity.is_some() && call.route().is_some_and(|route| route.durability == Durability::Durable)
}

/// Counts a call that one of the gateway's own endpoints answered.
pub fn served(worker: &Worker, call: &Call, status: u16) {
    count(worker, call, status, worker.shared.clock.monotonic());
}

/// Ends a call that the gateway refused with `code`.
pub fn refused(worker: &Worker, call: &Call, status: u16, code: &'static str) {
    let now = worker.shared.clock.monotonic();
    worker.counters.refused(code);
    conclude(worker, call, (status, Some(code)), (Evidence::Free, 0), now);
}

fn conclude(
    worker: &Worker,
    call: &Call,
    (status, refusal): (u16, Option<&'static str>),
    worth: (Evidence, u64),
    now: Duration,
) {
    count(worker, call, status, now);
    let Some(bytes) = encode(worker, call, (status, refusal), worth, now) else { return };
    if let Err(error) = worker.journal.borrow_mut().append(&bytes) {
        worker.counters.lost_records.add(1);
        tracing::error!(%error, request_id = %call.id, "a usage record was not taken by the journal");
    }
}

fn count(worker: &Worker, call: &Call, status: u16, now: Duration) {
    let latency = now.saturating_sub(call.started);
    match call.route() {
        Some(route) => call.view.counters(route, &worker.counters).answered(status, latency),
        None => worker.counters.unrouted.answered(status, latency),
    }
}

/// The usage record's bytes; `None` for a call of nobody known.
fn encode(
    worker: &Worker,
    call: &Call,
    (status, refusal): (u16, Option<&'static str>),
    (evidence, bytes_out): (Evidence, u64),
    now: Duration,
) -> Option<Vec<u8>> {
    let caller = &call.identity.as_ref()?.caller;
    worker.counters.usage_records.add(1);
    if matches!(evidence, Evidence::Exception { .. }) {
        worker.counters.exceptions.add(1);
    }
    let record = UsageRecord {
        id: call.id,
        at: call.at,
        node: worker.shared.node.clone(),
        snapshot: call.view.snapshot.hash.clone(),
        app: caller.app.id.clone(),
        partner: caller.app.partner.clone(),
        credential: caller.credential,
        credential_id: caller.credential_id.to_string(),
        merchant: caller.merchant.clone(),
        grant: caller.grant.clone(),
        route: call.route().map(|route| route.name.clone()),
        subscribed: call.subscribed.clone(),
        method: call.method.as_str().to_owned(),
        status,
        latency: now.saturating_sub(call.started),
        bytes_in: call.upload.borrow().bytes,
        bytes_out,
        refusal: refusal.map(str::to_owned),
        evidence,
    };
    record::encode(&record, Vec::with_capacity(320))
        .inspect_err(|error| tracing::error!(%error, "a usage record cannot be encoded"))
        .ok()
}
