//! What is new in a batch of a journal: records to be kept and rated, and what someone must look at instead.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::distinct::distinct;
use super::repeats::Repeats;
use crate::billing::error::BillingError;
use crate::billing::proof::leaf::Leaf;
use crate::billing::proof::merkle::Room;
use crate::billing::rating::Billable;
use crate::domain::id::{AppId, NodeId};
use crate::domain::time::Timestamp;
use crate::domain::usage::{Evidence, UsageRecord};
use crate::metering::drain::Drained;
use crate::metering::omission::Omission;
use crate::metering::record::encode;
use crate::policy::journal_terms::{Clocks, RecordTimes};
use crate::store::journal_position::JournalCounts;
use crate::store::usage_batch::{Recorded, TakenPlace};
use crate::store::usage_exception::{ExceptionKind, UsageException};

/// Why times of records are not believed, by the ids of these.
pub(super) type Doubts = HashMap<Uuid, String>;

/// Calls of a batch that are still to be rated, and what someone must look at.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Those that are to be rated.
    pub(super) believed: Vec<Billable>,
    /// Exceptions of those whose time is not believed, and of those of which the evidence could not be read, too.
    pub(super) doubted: Vec<UsageException>,
    /// What else someone must look at, of the whole batch.
    pub(super) exceptions: Vec<UsageException>,
}

/// What is new in a batch.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// Usage records, to be kept: those of each app together, by time. So what one is rated, posted and numbered by is at hand for the
    /// next.
    pub(super) records: Vec<Recorded>,
    /// What else stands in the journal, in order.
    others: Vec<Drained>,
    /// The place before all of it.
    pub(super) after: u64,
    /// The last place within it that is missing.
    missing: Option<u64>,
    /// Whether two of the records have one id.
    pub(super) has_twice: bool,
    /// What could not be read, or was recorded before.
    exceptions: Vec<UsageException>,
    /// The head of the journal's chain where it ends, if that is known.
    pub(super) head: Option<[u8; 32]>,
    /// Which records are of calls that may come again, or came again.
    pub(super) repeats: Repeats,
    /// What becomes of the places of the journal that it is of, those that were passed over left out.
    pub(super) counts: JournalCounts,
}

impl Incoming {
    /// Sorts a batch, wherever the books stand.
    pub(super) fn sort(batch: Vec<Drained>) -> Self {
        let mut incoming = Self { records: Vec::with_capacity(batch.len()), ..Self::default() };
        incoming.after = batch.first().map_or(0, |drained| span(drained).0.saturating_sub(1));
        let (mut reached, mut room) = (incoming.after, Room::default());
        for drained in batch {
            let (first, last) = span(&drained);
            if first > reached.saturating_add(1) {
                incoming.missing = Some(first.saturating_sub(1));
            }
            if last <= reached && !matches!(drained, Drained::Head(..)) {
                continue;
            }
            match drained {
                Drained::Usage(sequence, usage) => {
                    let leaf = Leaf::of(&usage, sequence).hash(&mut room);
                    incoming.records.push(Recorded { sequence, usage, leaf });
                }
                Drained::Lost(first, last) => {
                    incoming.others.push(Drained::Lost(first.max(reached.saturating_add(1)), last));
                }
                other @ (Drained::Unreadable(..) | Drained::Omitted(..) | Drained::Head(..)) => {
                    incoming.others.push(other);
                }
            }
            reached = last;
        }
        let mut seen: HashSet<Uuid, foldhash::fast::RandomState> =
            HashSet::with_capacity_and_hasher(incoming.records.len(), foldhash::fast::RandomState::default());
        incoming.has_twice = !incoming.records.iter().all(|recorded| seen.insert(recorded.usage.id));
        incoming.put_together();
        incoming
    }

    /// Passes over what is recorded already, up to a position.
    ///
    /// # Errors
    /// [`BillingError::Gap`] if something is missing between what is recorded and the batch, or within it.
    pub(super) fn begin_behind(
        &mut self,
        position: u64,
        node: &NodeId,
        now: Timestamp,
    ) -> Result<(), BillingError> {
        let missing = [Some(self.after), self.missing].into_iter().flatten().find(|place| *place > position);
        if let Some(first) = missing {
            return Err(BillingError::Gap { recorded: position, first });
        }
        if self.after < position {
            self.records.retain(|recorded| recorded.sequence > position);
        }
        self.counts.recorded = self.records.len() as u64;
        for drained in std::mem::take(&mut self.others) {
            if span(&drained).1 > position || matches!(drained, Drained::Head(..)) {
                self.take(drained, node, position, now);
            }
        }
        Ok(())
    }

    fn take(&mut self, drained: Drained, node: &NodeId, position: u64, now: Timestamp) {
        match drained {
            Drained::Usage(sequence, usage) => {
                self.counts.recorded += 1;
                let leaf = Leaf::of(&usage, sequence).hash(&mut Room::default());
                self.records.push(Recorded { sequence, usage, leaf });
            }
            Drained::Unreadable(sequence, payload, reason) => {
                self.counts.excepted += 1;
                let unread = unread(node, (sequence, sequence), reason, now);
                self.exceptions.push(UsageException { payload: Some(payload), ..unread });
            }
            Drained::Lost(first, last) => {
                let first = first.max(position.saturating_add(1));
                self.counts.excepted += last.saturating_sub(first).saturating_add(1);
                let reason =
                    "these records of the journal are lost: to rot, or somebody gave them up".to_owned();
                self.exceptions.push(unread(node, (first, last), reason, now));
            }
            Drained::Omitted(sequence, omission) => {
                self.counts.omissions += 1;
                self.counts.omitted = self.counts.omitted.saturating_add(omission.calls);
                self.exceptions.push(omitted(node, sequence, &omission, now));
            }
            Drained::Head(_, head) => self.head = Some(head),
        }
    }

    fn put_together(&mut self) {
        let apps = distinct(self.records.iter().map(|recorded| &recorded.usage.app));
        let places: HashMap<AppId, usize, foldhash::fast::RandomState> =
            apps.into_iter().cloned().zip(0..).collect();
        self.records.sort_by_cached_key(|Recorded { usage, .. }| {
            (places.get(&usage.app).copied(), usage.at, usage.id)
        });
    }

    /// Its billable calls but for those that are `rated`, as told by the places of their records; those apart whose time is not believed.
    /// Nobody need be asked about the time of one that costs nothing; of one whose worth is not known yet, whoever is asked for that
    /// charges for it as of then, which is `now`.
    pub(super) fn calls(&self, doubts: &Doubts, now: Timestamp, rated: &[bool]) -> Calls {
        let mut calls = Calls { exceptions: self.exceptions.clone(), ..Calls::default() };
        for (place, Recorded { usage, .. }) in self.records.iter().enumerate() {
            if rated.get(place).is_some_and(|is_rated| *is_rated) {
                continue;
            }
            // In the period of today, where it is seen.
            let doubted = |why| of_call(usage, (now, now), ExceptionKind::Time, why);
            match (Billable::of(usage), &usage.evidence, doubts.get(&usage.id)) {
                (Some(call), _, None) => calls.believed.push(call),
                (Some(_), _, Some(doubt)) => calls.doubted.push(doubted(doubt.clone())),
                (None, Evidence::Exception { reason }, Some(doubt)) => {
                    calls.doubted.push(doubted(format!("{reason}; and {doubt}")));
                }
                (None, _, _) => calls.exceptions.extend(exception_of(usage, now)),
            }
        }
        calls
    }

    /// Why times of its records are not believed, and the latest that is, of a call that is billable or not. They are asked in their
    /// order: one that is believed speaks for those that follow it, as in a backlog of weeks.
    pub(super) fn doubts(&self, times: &RecordTimes, mut clocks: Clocks) -> (Doubts, Option<Timestamp>) {
        let of_all = || self.records.iter().map(|recorded| recorded.usage.at);
        let Some((oldest, newest)) = of_all().min().zip(of_all().max()) else { return Default::default() };
        if times.believe_all((oldest, newest), clocks) {
            return (Doubts::new(), Some(newest));
        }
        let mut asked: Vec<(Timestamp, Uuid)> =
            self.records.iter().map(|Recorded { usage, .. }| (usage.at, usage.id)).collect();
        asked.sort_unstable();
        let (mut doubts, mut latest) = (Doubts::new(), None);
        for (at, id) in asked {
            match times.doubt(at, clocks) {
                Some(doubt) => {
                    doubts.insert(id, doubt);
                }
                None => {
                    latest = Some(at);
                    clocks.latest = clocks.latest.max(latest);
                }
            }
        }
        (doubts, latest)
    }

    /// Takes out records that the books have already. One from the very same place has been rated: the position was moved
    /// back. One from elsewhere is rated once, and someone must look; so if the place holds another record.
    pub(super) fn set_aside(&mut self, node: &NodeId, taken: &[TakenPlace], now: Timestamp) {
        self.records.sort_unstable_by_key(|recorded| recorded.sequence);
        let of_id: HashMap<Uuid, &TakenPlace> = taken.iter().map(|place| (place.id, place)).collect();
        let of_place: HashMap<u64, Uuid> = taken
            .iter()
            .filter(|place| place.node == *node)
            .map(|place| (place.sequence, place.id))
            .collect();
        let mut seen: HashSet<Uuid, foldhash::fast::RandomState> =
            HashSet::with_capacity_and_hasher(self.records.len(), foldhash::fast::RandomState::default());
        let (exceptions, counts) = (&mut self.exceptions, &mut self.counts);
        self.records.retain(|record| {
            let (id, sequence) = (record.usage.id, record.sequence);
            let is_here = |place: &&TakenPlace| place.node == *node && place.sequence == sequence;
            if of_id.get(&id).is_some_and(is_here) {
                return false;
            }
            let reason = if of_id.contains_key(&id) || !seen.insert(id) {
                format!("usage record {id} was recorded before")
            } else if let Some(other) = of_place.get(&sequence) {
                format!("usage record {id}: another one, {other}, was recorded from the same place")
            } else {
                return true;
            };
            let payload = Some(encode(&record.usage));
            let unread = unread(node, (sequence, sequence), reason, now);
            counts.recorded = counts.recorded.saturating_sub(1);
            counts.excepted += 1;
            exceptions.push(UsageException { payload, ..unread });
            false
        });
        self.put_together();
    }
}

/// The first and last place of the journal that it stands for.
fn span(drained: &Drained) -> (u64, u64) {
    match drained {
        Drained::Usage(sequence, _)
        | Drained::Unreadable(sequence, ..)
        | Drained::Omitted(sequence, _)
        | Drained::Head(sequence, _) => (*sequence, *sequence),
        Drained::Lost(first, last) => (*first, *last),
    }
}

fn unread(node: &NodeId, (first, last): (u64, u64), reason: String, at: Timestamp) -> UsageException {
    UsageException {
        id: format!("journal:{node}:{first}-{last}"),
        kind: ExceptionKind::Journal,
        at,
        noted_at: at,
        usage: None,
        app: None,
        sale: None,
        reason,
        payload: None,
    }
}

fn omitted(node: &NodeId, sequence: u64, omission: &Omission, now: Timestamp) -> UsageException {
    let Omission { app, calls, from, until } = omission;
    UsageException {
        id: format!("omitted:{node}:{sequence}"),
        kind: ExceptionKind::Omitted,
        at: *from,
        noted_at: now,
        usage: None,
        app: app.as_ref().map(ToString::to_string),
        sale: None,
        reason: format!(
            "{calls} calls from {from} to {until} were served, and the journal could take no record of them: its disk hung or was full"
        ),
        payload: None,
    }
}

/// A call whose worth is not known, or that was under no plan although it is worth something.
fn exception_of(usage: &UsageRecord, now: Timestamp) -> Option<UsageException> {
    let (kind, reason) = match (&usage.evidence, &usage.subscribed) {
        (Evidence::Exception { reason }, _) => (ExceptionKind::Evidence, reason.clone()),
        (Evidence::Billable { .. }, None) => {
            (ExceptionKind::Plan, "the call was billable and under no plan".to_owned())
        }
        (Evidence::Billable { .. }, Some(_)) | (Evidence::Free, _) => return None,
    };
    Some(of_call(usage, (usage.at, now), kind, reason))
}

fn of_call(
    usage: &UsageRecord,
    (at, now): (Timestamp, Timestamp),
    kind: ExceptionKind,
    reason: String,
) -> UsageException {
    UsageException {
        id: format!("usage:{}", usage.id),
        kind,
        at,
        noted_at: now,
        usage: Some(usage.id.to_string()),
        app: Some(usage.app.to_string()),
        sale: None,
        reason,
        payload: None,
    }
}
