//! How the body of a call begins on its way to the upstream: within the route's bounds, and what the meter reads of it kept.

use http::request;
use hyper::body::Incoming;

use super::body_kind::{self, Charset};
use super::fields;
use super::fingerprint::Fingerprint;
use super::form::Form;
use super::peer::Peer;
use super::recording::Call;
use super::upload::{Upload, UploadBounds};
use super::worker::Worker;
use crate::domain::alike;
use crate::metering::capture::Capture;
use crate::policy::body_reading::BodyReading;
use crate::policy::snapshot::{Meter, Route};

/// The body of a call, as it comes.
pub(super) fn of(
    (worker, peer): (&Worker, &Peer),
    call: &mut Call,
    route: &Route,
    (parts, query, body): (&request::Parts, Option<&str>, Option<Incoming>),
) -> Upload {
    begin(call, parts, query);
    let Some(body) = body else { return Upload::Empty };
    let bounds = &worker.shared.bounds;
    let bounds = UploadBounds { max: route.max_body, time: bounds.body_time, progress: bounds.body_progress };
    Upload::new((body, parts.version), bounds, call.upload.clone(), peer.raw_head.clone())
}

/// The body of a call whose form was read before, and goes on at once.
pub(super) fn of_form(
    call: &mut Call,
    (parts, query): (&request::Parts, Option<&str>),
    form: Form,
) -> Upload {
    begin(call, parts, query);
    let mut outcome = call.upload.borrow_mut();
    outcome.is_cut = form.is_cut;
    let form = form.into_bytes();
    outcome.bytes = form.len() as u64;
    outcome.see(&form);
    if form.is_empty() { Upload::Empty } else { Upload::Whole(Box::new(form)) }
}

/// Has what the meter reads of the body kept, and a call known that may come again. The query is the one that goes on.
fn begin(call: &mut Call, parts: &request::Parts, query: Option<&str>) {
    let is_looked_at = |meter: &&Meter| meter.bodies.request.is_any() || meter.idempotent_for.is_some();
    let Some(meter) = call.meter().filter(is_looked_at) else { return };
    let fingerprint = Fingerprint::begin(call, meter, (parts, query.unwrap_or_default()));
    let (mut capture, mut coding) = (Capture::nothing(), None);
    if meter.bodies.request.is_any() {
        coding = fields::coding(&parts.headers);
        let mistaken = body_kind::mistaken(&parts.headers, &meter.bodies.request);
        capture = match mistaken.or_else(|| in_query(meter, query.unwrap_or_default())) {
            Some(why) => Capture::of_mistaken(why),
            None => Capture::of(&meter.bodies.request, meter.max_capture, coding.as_deref()),
        };
        if body_kind::charset(&parts.headers) == Charset::AlikeInAscii {
            capture = capture.of_ascii_alone();
        }
    }
    let mut upload = call.upload.borrow_mut();
    (upload.capture, upload.fingerprint) = (capture, fingerprint);
    drop(upload);
    call.request_coding = coding;
}

/// Why an upstream that reads query and form as one may find in the query what is asked for of the form, if it may.
fn in_query(meter: &Meter, query: &str) -> Option<&'static str> {
    let is_form = matches!(meter.bodies.request, BodyReading::Form(_)) && !query.is_empty();
    let asked = &meter.asked;
    let is_of_form = |name: String| asked.form.like(&name).is_some() && !asked.query.has(&name);
    (is_form && alike::names(query).any(is_of_form))
        .then_some("its query has a name that is read of the form")
}
