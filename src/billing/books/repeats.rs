//! Calls that their upstreams answered as they had answered them before: each is billed once, whichever node served it, and whenever it
//! was recorded.
//!
//! Which calls are the same call again, a digest in their records says; which of them was billed, the store does. The first that is
//! recorded is the one: which came first matters to nobody.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::domain::usage::{Evidence, Idempotency, UsageRecord};
use crate::store::billed_call::{BilledCall, Digest};
use crate::store::usage_batch::Recorded;

/// What a batch has of calls that may come again, or came again.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// Those that are billed.
    pub(super) billed: Vec<BilledCall>,
    /// Those that are not, each with the one that is.
    pub(super) free: Vec<(Uuid, Uuid)>,
}

/// The digests of records that would be billed, each once.
pub(super) fn digests(records: &[Recorded]) -> Vec<Digest> {
    let mut digests: Vec<Digest> =
        records.iter().filter_map(|recorded| Some(asked(&recorded.usage)?.digest)).collect();
    digests.sort_unstable();
    digests.dedup();
    digests
}

impl Repeats {
    /// Has records cost nothing that are the same call as one that is `known` to be billed, or that stands before them. Those that were
    /// found free before stay so, unless they are gone.
    pub(super) fn set_free(&mut self, records: &mut [Recorded], known: Vec<BilledCall>) {
        if !self.free.is_empty() {
            let left: HashSet<Uuid> = records.iter().map(|recorded| recorded.usage.id).collect();
            self.free.retain(|(again, _)| left.contains(again));
        }
        let mut known: HashMap<Digest, BilledCall> =
            known.into_iter().map(|billed| (billed.digest, billed)).collect();
        let mut new: HashMap<Digest, BilledCall> = HashMap::new();
        for Recorded { usage, .. } in records {
            let Some(Idempotency { digest, kept_for }) = asked(usage) else { continue };
            let is_first = |first: &BilledCall| {
                let (early, late) = (first.at.min(usage.at), first.at.max(usage.at));
                first.usage != usage.id && late.since(early) < kept_for
            };
            if let Some(first) = known.get(&digest).copied().filter(is_first) {
                self.free.push((usage.id, first.usage));
                usage.evidence = Evidence::Free;
            } else if matches!(usage.evidence, Evidence::Billable { .. }) {
                let billed = BilledCall { digest, usage: usage.id, at: usage.at };
                known.insert(digest, billed);
                new.insert(digest, billed);
            }
        }
        self.billed = new.into_values().collect();
    }
}

/// What tells whether a record is of the same call as another; `None` if it costs nothing anyway.
fn asked(usage: &UsageRecord) -> Option<Idempotency> {
    match usage.evidence {
        Evidence::Free => None,
        Evidence::Billable { .. } | Evidence::Exception { .. } => usage.idempotency,
    }
}
