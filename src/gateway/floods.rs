//! Calls of an app that are refused in a flood: beyond some a second that are refused alike, the further ones are counted together,
//! and one usage record, which costs nothing, stands for all of them. So what an app has written does not grow with how often it is
//! refused, and each of its calls is in one record still.
//!
//! That record says what all of them have in common. It is written once the second is over or, if the journal takes none then, once it
//! does; or when the core ends. A core counts so many floods at once; what is beyond is recorded call by call.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::time::Duration;

use super::facts;
use super::recording::Call;
use super::worker::Worker;
use crate::domain::id::{AppId, SnapshotHash};
use crate::domain::principal::CredentialKind;
use crate::domain::scope::ScopeSet;
use crate::domain::usage::{Counted, Evidence, UsageRecord};
use crate::journal::writer::Writer;
use crate::metering::record::{Facts, encode};

/// Calls of an app that are refused alike, in a [`SPAN`] and on a core, which have usage records of their own.
const ALONE: u32 = 100;
/// The time that is looked at.
const SPAN: Duration = Duration::from_secs(1);
/// Floods that a core counts at once, some 3 MB; were there more, each would have its [`ALONE`] records in any case.
const MOST_FLOODS: usize = 4096;

/// Counts a call together with others that ended like it, if it cost nothing and they are many; tells whether it did: then that call has
/// no record of its own.
pub(super) fn is_one_of_many(
    worker: &Worker,
    call: &mut Call,
    (status, code): (u16, Option<&'static str>),
    (evidence, bytes_out): (&Evidence, u64),
    now: Duration,
) -> bool {
    let (Some(code), Evidence::Free) = (code, evidence) else { return false };
    let is_counted = facts::of(worker, call, (status, Some(code)), (evidence, bytes_out), now)
        .is_some_and(|facts| worker.floods.borrow_mut().counts(code, &facts, now));
    if is_counted {
        worker.counters.calls_together.add(1);
        drop(std::mem::take(&mut call.promised).settled(evidence));
    }
    is_counted
}

/// What a core counts.
#[derive(Debug, Default)]
pub struct Floods {
    by_app: HashMap<AppId, Vec<Flood>, foldhash::fast::RandomState>,
    /// How many there are, of all apps.
    count: usize,
    /// Whether nobody would write what is counted from now on.
    is_closed: bool,
}

/// Calls of an app that are refused alike.
#[derive(Debug)]
struct Flood {
    code: &'static str,
    status: u16,
    credential: CredentialKind,
    snapshot: SnapshotHash,
    /// When its span began.
    began: Duration,
    /// Calls of the span that have records of their own.
    alone: u32,
    /// The others.
    together: Option<Box<Together>>,
}

/// Calls that are counted together.
#[derive(Debug)]
struct Together {
    /// What they have in common.
    record: UsageRecord,
    counted: Counted,
}

impl Floods {
    /// Counts a call that was refused with a code and cost nothing. Tells whether it is counted together with others: their record, which
    /// [`Floods::hand_over`] writes, is its own.
    pub fn counts(&mut self, code: &'static str, facts: &Facts<'_>, now: Duration) -> bool {
        if self.is_closed {
            return false;
        }
        if let Some(floods) = self.by_app.get_mut(facts.app) {
            if let Some(flood) = floods.iter_mut().find(|flood| flood.is_of(code, facts)) {
                return flood.counts(facts, now);
            }
            if self.count < MOST_FLOODS {
                floods.push(Flood::begin(code, facts, now));
                self.count += 1;
            }
        } else if self.count < MOST_FLOODS {
            self.by_app.insert(facts.app.clone(), vec![Flood::begin(code, facts, now)]);
            self.count += 1;
        }
        false
    }

    /// Hands over the record of each flood whose span is over, unless the journal has yet to take what came before. Gives how many
    /// those are.
    pub fn hand_over(&mut self, journal: &mut Writer, now: Duration) -> u64 {
        let has_room = journal.has_handed_over();
        self.give(|flood| flood.is_over(now), |bytes| has_room && journal.append(bytes).is_ok())
    }

    /// Hands over the records of all of them before the core goes, whether there is room or not, and counts no more together. Gives how
    /// many those are.
    pub fn close(&mut self, journal: &mut Writer) -> u64 {
        self.is_closed = true;
        self.give(|_| true, |bytes| journal.append_at_last(bytes).is_ok())
    }

    /// Gives the records of those that are `due` to `take`, and forgets those that are due and of which nothing is left to be taken.
    fn give(&mut self, due: impl Fn(&Flood) -> bool, mut take: impl FnMut(&[u8]) -> bool) -> u64 {
        let (mut records, mut count) = (0, 0);
        self.by_app.retain(|_, floods| {
            floods.retain_mut(|flood| {
                if !due(flood) {
                    return true;
                }
                let Some(together) = &mut flood.together else { return false };
                let is_taken = take(&together.bytes());
                records += u64::from(is_taken);
                !is_taken
            });
            count += floods.len();
            !floods.is_empty()
        });
        self.count = count;
        records
    }
}

impl Flood {
    /// With a call that has a record of its own.
    fn begin(code: &'static str, facts: &Facts<'_>, now: Duration) -> Self {
        let (status, credential, snapshot) = (facts.status, facts.credential, facts.snapshot.clone());
        Self { code, status, credential, snapshot, began: now, alone: 1, together: None }
    }

    fn is_of(&self, code: &'static str, facts: &Facts<'_>) -> bool {
        self.code == code
            && self.status == facts.status
            && self.credential == facts.credential
            && self.snapshot == *facts.snapshot
    }

    fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.began) >= SPAN
    }

    /// Counts a call, and tells whether it has no record of its own. A span goes on until what was counted in it is written.
    fn counts(&mut self, facts: &Facts<'_>, now: Duration) -> bool {
        if self.together.is_none() && self.is_over(now) {
            (self.began, self.alone) = (now, 0);
        }
        if self.alone < ALONE {
            self.alone += 1;
            return false;
        }
        match &mut self.together {
            Some(together) => together.add(facts),
            None => self.together = Some(Box::new(Together::begin(facts))),
        }
        true
    }
}

impl Together {
    fn begin(facts: &Facts<'_>) -> Self {
        let record = UsageRecord {
            id: facts.id,
            at: facts.at,
            node: facts.node.clone(),
            snapshot: facts.snapshot.clone(),
            app: facts.app.clone(),
            partner: facts.partner.clone(),
            credential: facts.credential,
            credential_id: facts.credential_id.to_owned(),
            merchant: facts.merchant.cloned(),
            grant: facts.grant.cloned(),
            route: facts.route.cloned(),
            subscribed: facts.subscribed.cloned(),
            method: facts.method.to_owned(),
            status: facts.status,
            latency: facts.latency,
            bytes_in: facts.bytes_in,
            bytes_out: facts.bytes_out,
            refusal: facts.refusal.map(str::to_owned),
            disclosed: ScopeSet::none(),
            idempotency: None,
            held: 0,
            counted: None,
            held_of_cap: 0,
            evidence: Evidence::Free,
        };
        Self { record, counted: Counted { calls: NonZeroU64::MIN, until: facts.at } }
    }

    /// Counts one more. What is not the same of it is left out; of latencies the longest is kept.
    fn add(&mut self, facts: &Facts<'_>) {
        let Self { record, counted } = self;
        counted.calls = counted.calls.saturating_add(1);
        // Clocks may go back.
        counted.until = counted.until.max(facts.at);
        record.latency = record.latency.max(facts.latency);
        record.bytes_in = record.bytes_in.saturating_add(facts.bytes_in);
        record.bytes_out = record.bytes_out.saturating_add(facts.bytes_out);
        leave_out_other(&mut record.merchant, facts.merchant);
        leave_out_other(&mut record.grant, facts.grant);
        leave_out_other(&mut record.route, facts.route);
        leave_out_other(&mut record.subscribed, facts.subscribed);
        if record.credential_id != facts.credential_id {
            record.credential_id.clear();
        }
        if record.method != facts.method {
            record.method.clear();
        }
    }

    fn bytes(&mut self) -> Vec<u8> {
        self.record.counted = Some(self.counted);
        encode(&self.record)
    }
}

/// Forgets what a call has not the same of.
fn leave_out_other<T: PartialEq>(common: &mut Option<T>, of_call: Option<&T>) {
    if common.as_ref() != of_call {
        *common = None;
    }
}

#[cfg(test)]
mod tests;
