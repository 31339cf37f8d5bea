//! A call from its arrival to its conclusion: whatever becomes of it, it is counted once and, if an app made it, is in exactly one
//! usage record: its own, or that of a flood. One that is dropped before it was concluded is a call whose caller left.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use uuid::Uuid;

use super::hold::Promised;
use super::losses::lost;
use super::seen::Seen;
use super::standing::Standing;
use super::upload::UploadOutcome;
use super::view::View;
use super::worker::{SCRATCH, Worker};
use super::{facts, floods, masked, worth};
use crate::credential::directory::Identity;
use crate::domain::ended::Ended;
use crate::domain::id::ProductName;
use crate::domain::plan::PlanRef;
use crate::domain::refusal::Refusal;
use crate::domain::time::{Moment, Timestamp};
use crate::domain::usage::Evidence;
use crate::journal::error::JournalError;
use crate::journal::reservation::Reservation;
use crate::journal::writer::{Committed, Writer};
use crate::limit::balance_purse::BalanceHold;
use crate::metering::record::{self, Facts};
use crate::policy::snapshot::{Durability, Meter, Route};

/// The status in records and counters of a call whose caller left before an answer had begun; nobody was sent it.
const CALLER_LEFT: u16 = 499;
/// The code in records and counters of an answer of which some had left when the rest could not be masked.
pub(super) const CUT: &str = "answer_cut";

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All of it was sent on.
    Whole,
    /// The upstream broke off within it.
    UpstreamBroke,
    /// The caller left before its end.
    CallerLeft,
    /// It could not be masked, when some of it had been sent on.
    Cut,
    /// It cannot be masked, and was not read to its end.
    Unread,
    /// The caller was cut off from it: what it was let through by was revoked or suspended.
    Revoked,
    /// The platform stopped it: what serves it was switched off, or nobody could say whether its credential still holds.
    Stopped,
}

/// What is known of a call.
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
    /// Who calls, once it has proved itself.
    pub identity: Option<Arc<Identity>>,
    /// The API product and plan version that it is under, once known.
    pub subscribed: Option<(ProductName, PlanRef)>,
    /// What became of the request's body.
    pub upload: Rc<RefCell<UploadOutcome>>,
    /// What the meter's expressions read of the request, if they read any.
    pub target: Option<Target>,
    /// The request body's `Content-Encoding`, if the meter reads the body.
    pub request_coding: Option<String>,
    /// What was promised for it.
    pub promised: Promised,
    /// The access token that the upstream was sent, if it asks for one.
    pub token: Option<Box<super::upstream_token::Sent>>,
    /// Whether it may go on.
    pub standing: Standing,
}

/// The request's target as the meter's expressions read it.
pub struct Target {
    /// The normal path.
    pub path: String,
    /// The path's parameters.
    pub params: Vec<(String, String)>,
    /// What the meter asks for of the query, or why it is not clear what that is.
    pub query: Result<String, String>,
}

impl Call {
    /// The route, once found.
    #[must_use]
    pub fn route(&self) -> Option<&Route> {
        self.route.map(|place| &*self.view.snapshot.routes[place])
    }

    /// When it arrived.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment { now: self.at, monotonic: self.started }
    }

    /// Whether its answer must wait for its record.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.identity.is_some() && self.route().is_some_and(|route| route.durability == Durability::Durable)
    }

    /// The meter, if what it measures will be somebody's to pay.
    #[must_use]
    pub fn meter(&self) -> Option<&Meter> {
        let route = self.route().filter(|_| self.identity.is_some() && self.subscribed.is_some())?;
        route.meter.as_ref()
    }
}

/// How far a call has come.
enum Stage {
    /// There is no answer yet.
    Arrived,
    /// The upstream's answer has begun.
    Answered(Seen),
    /// The upstream's answer is over, and none of it is for the caller.
    Withheld { evidence: Evidence, bytes: u64 },
    /// It is counted, and its record is the journal's.
    Concluded,
}

/// A call that is not concluded yet.
pub struct Recording {
    /// What is known of it.
    pub call: Call,
    worker: Rc<Worker>,
    stage: Stage,
}

impl Recording {
    /// Begins with a call's arrival.
    #[must_use]
    pub fn begin(worker: Rc<Worker>, method: Method) -> Self {
        let at = worker.shared.clock.now();
        let call = Call {
            id: worker.ids.next(at),
            at,
            started: worker.shared.clock.monotonic(),
            method,
            view: worker.view(),
            route: None,
            identity: None,
            subscribed: None,
            upload: Rc::default(),
            target: None,
            request_coding: None,
            promised: Promised::default(),
            token: None,
            standing: Standing::begin(&worker),
        };
        Self { call, worker, stage: Stage::Arrived }
    }

    /// The core that serves it.
    #[must_use]
    pub fn worker(&self) -> Rc<Worker> {
        self.worker.clone()
    }

    /// The upstream's answer has begun.
    pub fn answered(&mut self, status: u16, headers: &HeaderMap) {
        self.stage = Stage::Answered(Seen::begin(self.call.meter(), status, headers));
    }

    /// Sees bytes of the answer go by.
    pub fn saw(&mut self, data: &[u8]) {
        if let Stage::Answered(seen) = &mut self.stage {
            seen.push(data);
        }
    }

    /// The call is concluded before the rest of the answer comes, of which the meter sees nothing then.
    pub fn saw_enough(&mut self) {
        if let Stage::Answered(seen) = &mut self.stage {
            seen.capture.give_up();
        }
    }

    /// Whether the upstream's answer has begun and has no byte of a body so far.
    pub fn saw_nothing(&self) -> bool {
        matches!(self.stage, Stage::Answered(Seen { bytes: 0, .. }))
    }

    /// The upstream's answer ended so, and none of it is for the caller, who is to be refused.
    pub fn withheld(&mut self, end: End) {
        let (_, evidence, bytes) = self.worth(end);
        self.stage = Stage::Withheld { evidence, bytes };
    }

    /// Concludes a call whose answer ended, unless it was concluded before; gives the monotonic time. The record is on disk within
    /// the journal's flush interval.
    pub fn finish(mut self, end: End) -> Duration {
        self.conclude(end)
    }

    /// Concludes a durable call, of which the caller is told `refusal`, or else the upstream's answer. The result resolves when the
    /// record is on disk; a call of nobody known has none. [`Recording::told`] counts what the caller is told in the end.
    ///
    /// # Errors
    /// [`JournalError`], if the journal does not take it.
    pub fn finish_durably(
        &mut self,
        end: End,
        refusal: Option<Told>,
    ) -> Result<Option<Committed>, JournalError> {
        let (status, evidence, bytes_out) = self.worth(end);
        self.stage = Stage::Concluded;
        let now = self.worker.shared.clock.monotonic();
        let (status, code) = refusal.map_or((status, None), |told| (told.status, Some(told.code)));
        let take = |journal: &mut Writer, bytes: &[u8], room| match room {
            Some(room) => journal.append_durable_reserved(bytes, room),
            None => journal.append_durable(bytes),
        };
        let bytes_left = if code.is_none() { bytes_out } else { 0 };
        record(&self.worker, &mut self.call, (status, code), (&evidence, bytes_out, bytes_left), now, take)
            .inspect_err(|error| lost(&self.worker, &self.call, error))
    }

    /// Counts a durable call by the status that its caller is told.
    pub fn told(&self, status: u16) {
        count(&self.worker, &self.call, status, self.worker.shared.clock.monotonic());
    }

    /// Concludes a call that one of the gateway's own endpoints answered: those are counted only.
    pub fn served(mut self, status: u16) {
        self.stage = Stage::Concluded;
        count(&self.worker, &self.call, status, self.worker.shared.clock.monotonic());
    }

    /// Concludes a call that the gateway refused.
    pub fn refused(mut self, refusal: &Refusal, status: u16) {
        let (evidence, bytes) = match std::mem::replace(&mut self.stage, Stage::Concluded) {
            Stage::Withheld { evidence, bytes } => (evidence, bytes),
            Stage::Arrived | Stage::Answered(_) | Stage::Concluded if refusal.may_have_acted() => {
                (worth::unseen(&self.call), 0)
            }
            Stage::Arrived | Stage::Answered(_) | Stage::Concluded => (Evidence::Free, 0),
        };
        self.worker.counters.refused(refusal.code());
        write(&self.worker, &mut self.call, (status, Some(refusal.code())), (evidence, bytes, 0));
    }

    /// Concludes a call that ends within its answer, of which the caller has a part. One that was concluded before is what its
    /// record says, and counted.
    pub fn cut(mut self, ended: &Ended) {
        self.worker.counters.refused(ended.code());
        tracing::debug!(request_id = %self.call.id, code = ended.code(), "an answer is cut short");
        if matches!(self.stage, Stage::Concluded) {
            return;
        }
        let (status, evidence, bytes) = self.worth(ended.into());
        self.stage = Stage::Concluded;
        // Its head has left in any case.
        write(&self.worker, &mut self.call, (status, Some(ended.code())), (evidence, bytes, bytes.max(1)));
    }

    fn conclude(&mut self, end: End) -> Duration {
        if matches!(self.stage, Stage::Concluded) {
            return self.worker.shared.clock.monotonic();
        }
        let (status, evidence, bytes_out) = self.worth(end);
        // An upstream may answer with the same number.
        let code = match std::mem::replace(&mut self.stage, Stage::Concluded) {
            Stage::Answered(_) if end == End::Cut => Some(CUT),
            Stage::Answered(_) => None,
            Stage::Arrived | Stage::Withheld { .. } | Stage::Concluded => Some("caller_left"),
        };
        write(&self.worker, &mut self.call, (status, code), (evidence, bytes_out, bytes_out))
    }

    /// Status, worth and length of an answer that ended so.
    fn worth(&self, end: End) -> (u16, Evidence, u64) {
        match &self.stage {
            Stage::Arrived | Stage::Concluded if end == End::CallerLeft => {
                (CALLER_LEFT, worth::left(&self.call), 0)
            }
            Stage::Arrived | Stage::Concluded => (CALLER_LEFT, worth::unseen(&self.call), 0),
            Stage::Withheld { evidence, bytes } => (CALLER_LEFT, evidence.clone(), *bytes),
            Stage::Answered(seen) => (seen.status, worth::of_answer(&self.call, seen, end), seen.bytes),
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::Concluded) {
            let is_stopping = self.worker.watches.is_stopping();
            self.conclude(if is_stopping { End::Stopped } else { End::CallerLeft });
        }
    }
}

/// What a caller is told instead of the upstream's answer.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// The status.
    pub status: u16,
    /// The refusal's code.
    pub code: &'static str,
}

/// Counts a call and, if an app made it, hands its record to the journal, but for one that is in the record of a flood.
fn write(
    worker: &Worker,
    call: &mut Call,
    told: (u16, Option<&'static str>),
    (evidence, bytes_out, bytes_left): (Evidence, u64, u64),
) -> Duration {
    let now = worker.shared.clock.monotonic();
    count(worker, call, told.0, now);
    if bytes_left == 0 && floods::is_one_of_many(worker, call, told, (&evidence, bytes_out), now) {
        return now;
    }
    let take = |journal: &mut Writer, bytes: &[u8], room| match room {
        Some(room) => journal.append_reserved(bytes, room),
        None => journal.append(bytes),
    };
    if let Err(error) = record(worker, call, told, (&evidence, bytes_out, bytes_left), now, take) {
        lost(worker, call, &error);
    }
    now
}

fn count(worker: &Worker, call: &Call, status: u16, now: Duration) {
    let latency = now.saturating_sub(call.started);
    match call.route() {
        Some(route) => call.view.counters(route, &worker.counters).answered(status, latency),
        None => worker.counters.unrouted.answered(status, latency),
    }
}

/// Writes the usage record and hands it to `take`. Of the bytes that the upstream sent, so many left.
fn record<T>(
    worker: &Worker,
    call: &mut Call,
    (status, refusal): (u16, Option<&'static str>),
    (evidence, bytes_out, bytes_left): (&Evidence, u64, u64),
    now: Duration,
    take: impl FnOnce(&mut Writer, &[u8], Option<Reservation>) -> Result<T, JournalError>,
) -> Result<Option<T>, JournalError> {
    let Promised { room, hold, cap, .. } = std::mem::take(&mut call.promised).settled(evidence);
    let worth = (evidence, bytes_out);
    let Some(facts) = facts::of(worker, call, (status, refusal), worth, now) else { return Ok(None) };
    worker.counters.usage_records.add(1);
    if matches!(evidence, Evidence::Exception { .. }) {
        worker.counters.exceptions.add(1);
    }
    let disclosed = masked::disclosed(call, bytes_left, refusal);
    let idempotency = if *evidence == Evidence::Free { None } else { call.upload.borrow_mut().idempotency() };
    let held = |hold: &Option<BalanceHold>| hold.as_ref().map_or(0, BalanceHold::units);
    let (held, held_of_cap) = (held(&hold), held(&cap));
    let facts = Facts { disclosed: &disclosed, idempotency, held, held_of_cap, ..facts };
    let scratch = &mut worker.scratch.borrow_mut();
    let taken = take(&mut worker.journal.borrow_mut(), record::write(&facts, scratch), room)?;
    scratch.shrink_to(SCRATCH);
    hold.into_iter().chain(cap).for_each(BalanceHold::spend);
    Ok(Some(taken))
}
