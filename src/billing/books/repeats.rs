//! Calls that their upstreams answered as they had answered them before: each is billed once, whichever node served it, and whenever it
//! was recorded.
//!
//! Which calls are the same call again, a digest in their records says; which of them was billed, the store does. The first that is
//! recorded is the one: which came first matters to nobody. But what the policies say of an upstream is believed only as far as the
//! evidence goes: one that names another transaction or other units was done again, and is billed as a call of its own. Of an answer
//! that nobody saw nothing can be compared: it was the same call, if there is only one that it can have been.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::billing::proof::leaf::Leaf;
use crate::billing::proof::merkle::Room;
use crate::domain::time::Timestamp;
use crate::domain::usage::{Evidence, Idempotency, Transaction, UsageRecord};
use crate::store::exception_resolution::{Resolution, ResolutionOutcome};
use crate::store::repeatable_call::{self, Digest, RepeatableCall, Worth};
use crate::store::usage_batch::Recorded;

/// Most calls of one key that others are compared with, in a batch and before it: whoever sends one key again and again pays.
const MOST_COMPARED: usize = 2 * repeatable_call::MOST_KNOWN;

/// What a batch has of calls that may come again, or came again; the latter each with the call that is billed for it, or was before.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// Those that may come again.
    pub(super) kept: Vec<RepeatableCall>,
    /// Those that are not billed.
    pub(super) free: Vec<(Uuid, Uuid)>,
    /// Those of earlier batches that are not, and were exceptions until now.
    pub(super) answered: Vec<(Uuid, Uuid)>,
    /// Those that are billed, too, for they are other transactions.
    pub(super) done_again: Vec<(Uuid, Uuid)>,
}

/// The digests of records that would be billed, each once.
pub(super) fn digests(records: &[Recorded]) -> Vec<Digest> {
    let mut digests: Vec<Digest> =
        records.iter().filter_map(|recorded| Some(asked(&recorded.usage)?.digest)).collect();
    digests.sort_unstable();
    digests.dedup();
    digests
}

/// What a call is compared by: its units and its transaction. It stays as it is: the store has it.
pub(super) fn worth(units: u64, transaction: Option<&Transaction>) -> Worth {
    let written = |one: &Transaction| {
        // Of all that is left there is no amount, which is not the same as one of nothing.
        let amount = one.minor().map(|_| one.amount.to_string());
        json!([units, one.kind.name(), one.id, one.of, amount, one.amount.currency.code()])
    };
    Worth::Billed(transaction.map_or_else(|| json!([units]), written).to_string())
}

/// A record that may be of a call that came again.
struct Asked<'r> {
    usage: &'r UsageRecord,
    digest: Digest,
    kept_for: Duration,
}

impl Asked<'_> {
    /// Those of the same calls that were billed while the upstream knows them, the last of them first.
    fn billed<'c>(&self, calls: &'c [RepeatableCall]) -> Vec<&'c RepeatableCall> {
        let is_billed = |call: &&RepeatableCall| call.worth != Worth::Unseen && self.is_known_with(call);
        let mut billed: Vec<&RepeatableCall> = calls.iter().filter(is_billed).collect();
        billed.sort_unstable_by_key(|call| std::cmp::Reverse((call.at, call.usage)));
        billed
    }

    /// The ids of those of the same calls that are exceptions, and that the upstream answered as it did this one.
    fn unseen(&self, calls: &[RepeatableCall]) -> Vec<Uuid> {
        let is_unseen = |call: &&RepeatableCall| call.worth == Worth::Unseen && self.is_known_with(call);
        calls.iter().filter(is_unseen).map(|call| call.usage).collect()
    }

    /// Whether another call came while the upstream knew this one, or the other way round.
    fn is_known_with(&self, other: &RepeatableCall) -> bool {
        let (early, late) = (other.at.min(self.usage.at), other.at.max(self.usage.at));
        other.usage != self.usage.id && late.since(early) < self.kept_for
    }

    fn call(&self, worth: Worth) -> RepeatableCall {
        let known_until = self.usage.at.plus(self.kept_for);
        RepeatableCall { digest: self.digest, usage: self.usage.id, at: self.usage.at, known_until, worth }
    }
}

impl Repeats {
    /// Has records cost nothing that are the same call as one that is `known`, or stands in the batch, and is billed. Those that were
    /// found free before stay so, unless they are gone.
    pub(super) fn set_free(&mut self, records: &mut [Recorded], known: Vec<RepeatableCall>) {
        if !self.free.is_empty() {
            let left: HashSet<Uuid> = records.iter().map(|recorded| recorded.usage.id).collect();
            self.free.retain(|(again, _)| left.contains(again));
        }
        self.kept.clear();
        self.answered.clear();
        self.done_again.clear();
        // In the order in which the journal has them, as they are recorded.
        let mut records: Vec<&mut Recorded> =
            records.iter_mut().filter(|recorded| recorded.usage.idempotency.is_some()).collect();
        records.sort_unstable_by_key(|recorded| recorded.sequence);
        let mut calls: HashMap<Digest, Vec<RepeatableCall>> = HashMap::new();
        for call in known {
            calls.entry(call.digest).or_default().push(call);
        }
        // What was seen first: it says what became of the rest.
        for recorded in &mut records {
            self.look_at_seen(recorded, &mut calls);
        }
        for recorded in &mut records {
            self.look_at_unseen(recorded, &calls);
        }
    }

    /// Looks at a record whose evidence was read.
    fn look_at_seen(&mut self, recorded: &mut Recorded, calls: &mut HashMap<Digest, Vec<RepeatableCall>>) {
        let usage = &*recorded.usage;
        let Evidence::Billable { units, transaction } = &usage.evidence else { return };
        let Some(asked) = asked(usage) else { return };
        let worth = worth(*units, transaction.as_ref());
        let calls = calls.entry(asked.digest).or_default();
        let billed = asked.billed(calls);
        let same = billed.iter().find(|call| call.worth == worth || call.worth == Worth::Any);
        let same = same.map(|call| call.usage);
        // What was billed for it, if that is known.
        let answer = match billed.as_slice() {
            [] => Some(usage.id),
            [first, others @ ..] if others.iter().all(|other| other.worth == first.worth) => same,
            _ => None,
        };
        let other = billed.first().map(|call| call.usage);
        if let Some(answer) = answer {
            let unseen = asked.unseen(calls);
            calls.retain(|call| !unseen.contains(&call.usage));
            self.answered.extend(unseen.into_iter().map(|unseen| (unseen, answer)));
        }
        if let Some(first) = same {
            self.free.push((usage.id, first));
            set_free(recorded);
            return;
        }
        self.done_again.extend(other.map(|other| (usage.id, other)));
        let call = asked.call(worth);
        self.kept.push(call.clone());
        if calls.len() >= MOST_COMPARED {
            forget_oldest(calls);
        }
        calls.push(call);
    }

    /// Looks at a record whose evidence could not be read.
    fn look_at_unseen(&mut self, recorded: &mut Recorded, calls: &HashMap<Digest, Vec<RepeatableCall>>) {
        let usage = &*recorded.usage;
        let Evidence::Exception { .. } = &usage.evidence else { return };
        let Some(asked) = asked(usage) else { return };
        let billed = calls.get(&asked.digest).map(|calls| asked.billed(calls)).unwrap_or_default();
        match billed.as_slice() {
            // Which of several transactions it was, or none of them, is not for the books to guess.
            [first, others @ ..] if others.iter().all(|other| other.worth == first.worth) => {
                self.free.push((usage.id, first.usage));
                set_free(recorded);
            }
            _ => self.kept.push(asked.call(Worth::Unseen)),
        }
    }

    /// A call that is billed now, and those of the same call that were exceptions until now.
    pub(super) fn answered_by(usage: Uuid, unseen: Vec<Uuid>) -> Self {
        let answered = unseen.into_iter().map(|unseen| (unseen, usage)).collect();
        Self { answered, ..Self::default() }
    }

    /// How exceptions are resolved that were the same calls as some that are billed now.
    pub(super) fn resolutions(&self, now: Timestamp) -> Vec<Resolution> {
        let resolution = |(unseen, first): &(Uuid, Uuid)| Resolution {
            exception: format!("usage:{unseen}"),
            outcome: ResolutionOutcome::Waived,
            at: now,
            resolver: "tollgate".to_owned(),
            reason: format!("the same call came again with its Idempotency-Key, and is billed as {first}"),
            evidence: None,
        };
        self.answered.iter().map(resolution).collect()
    }
}

/// Has a record cost nothing; what proves it says so, too.
fn set_free(recorded: &mut Recorded) {
    recorded.usage.evidence = Evidence::Free;
    recorded.leaf = Leaf::of(&recorded.usage, recorded.sequence).hash(&mut Room::default());
}

/// Compares no more with the oldest call that was billed.
fn forget_oldest(calls: &mut Vec<RepeatableCall>) {
    let billed = calls.iter().enumerate().filter(|(_, call)| call.worth != Worth::Unseen);
    if let Some((oldest, _)) = billed.min_by_key(|(_, call)| (call.at, call.usage)) {
        calls.swap_remove(oldest);
    }
}

/// What tells whether a record is of the same call as another; `None` if it costs nothing anyway.
fn asked(usage: &UsageRecord) -> Option<Asked<'_>> {
    let Idempotency { digest, kept_for } = match usage.evidence {
        Evidence::Free => None,
        Evidence::Billable { .. } | Evidence::Exception { .. } => usage.idempotency,
    }?;
    Some(Asked { usage, digest, kept_for })
}
