//! Uses of API keys, signature keys and client certificates that are to be written down, off the path of any call: cores hand them
//! over in batches now and then, and a node writes them together.
//!
//! A use is noted once an hour, on each core at most. Bounded: a core keeps what there is no room for, and a core that can
//! keep no more notes the use with a later call.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::app_certificate::CERTIFICATE_PREFIX;
use crate::domain::id::{CertificateId, KeyId, SignatureKeyId};
use crate::domain::last_use::KEY_EVERY;
use crate::domain::signature_key::SIGNATURE_KEY_PREFIX;
use crate::domain::time::Timestamp;

/// Most uses that wait.
const CAPACITY: usize = 200_000;
/// Most uses that a core keeps until it hands them over.
pub const MOST_OF_A_CORE: usize = 8_192;

/// A use of the credential of that id in the hour that begins then.
pub type KeyUse = (Arc<str>, Timestamp);

/// The hour of a use.
#[must_use]
pub fn hour(now: Timestamp) -> Timestamp {
    now.rounded_down(KEY_EVERY)
}

/// Uses that are to be written down, each of what was used once.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Of API keys.
    pub keys: Vec<(KeyId, Timestamp)>,
    /// Of signature keys.
    pub signature_keys: Vec<(SignatureKeyId, Timestamp)>,
    /// Of client certificates.
    pub certificates: Vec<(CertificateId, Timestamp)>,
}

impl Taken {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.signature_keys.is_empty() && self.certificates.is_empty()
    }
}

/// Uses that wait to be written down.
#[derive(Debug, Default)]
pub struct KeyUses(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    batches: Vec<Vec<KeyUse>>,
    count: usize,
    /// What could not be written down.
    again: Vec<KeyUse>,
}

impl KeyUses {
    /// Takes a core's uses over, if there is room for them.
    pub fn take_over(&self, uses: &mut Vec<KeyUse>) {
        let mut waiting = self.waiting();
        let count = waiting.count.saturating_add(uses.len());
        if count <= CAPACITY {
            waiting.count = count;
            waiting.batches.push(std::mem::take(uses));
        }
    }

    /// What waits, each credential once with its last hour; it no longer does.
    #[must_use]
    pub fn take(&self) -> Taken {
        let Waiting { batches, again, .. } = std::mem::take(&mut *self.waiting());
        let mut last = BTreeMap::new();
        for (id, hour) in batches.into_iter().flatten().chain(again) {
            let known = last.entry(id).or_insert(hour);
            *known = hour.max(*known);
        }
        let mut taken = Taken::default();
        for (id, hour) in last {
            if id.starts_with(CERTIFICATE_PREFIX) {
                taken.certificates.extend(CertificateId::new(&id).ok().map(|id| (id, hour)));
            } else if id.starts_with(SIGNATURE_KEY_PREFIX) {
                taken.signature_keys.extend(SignatureKeyId::new(&id).ok().map(|id| (id, hour)));
            } else {
                taken.keys.extend(KeyId::new(&id).ok().map(|id| (id, hour)));
            }
        }
        taken
    }

    /// Has uses wait again that could not be written down.
    pub fn put_back(&self, Taken { keys, signature_keys, certificates }: Taken) {
        let mut waiting = self.waiting();
        waiting.again.extend(as_taken(keys).chain(as_taken(signature_keys)).chain(as_taken(certificates)));
        waiting.count =
            waiting.batches.iter().map(Vec::len).sum::<usize>().saturating_add(waiting.again.len());
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Uses as they came.
fn as_taken<I: Display>(uses: Vec<(I, Timestamp)>) -> impl Iterator<Item = KeyUse> {
    uses.into_iter().map(|(id, hour)| (Arc::from(id.to_string()), hour))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_seconds(hours * 3600)
    }

    fn uses(keys: impl Iterator<Item = usize>, hours: i64) -> Vec<KeyUse> {
        keys.map(|key| (Arc::from(format!("key_{key}")), at(hours))).collect()
    }

    #[test]
    fn uses_wait_once_each_with_the_last_hour_and_what_was_not_written_waits_again() {
        let waiting = KeyUses::default();
        for (keys, hours) in [(1..3, 5), (2..4, 4), (3..5, 6)] {
            let mut of_core = uses(keys, hours);
            waiting.take_over(&mut of_core);
            assert!(of_core.is_empty());
        }
        let expected: Vec<_> = [(1, 5), (2, 5), (3, 6), (4, 6)]
            .map(|(key, hours)| (KeyId::new(&format!("key_{key}")).unwrap(), at(hours)))
            .into();
        let taken = waiting.take();
        assert_eq!((&taken.keys, waiting.take()), (&expected, Taken::default()));
        waiting.put_back(taken);
        waiting.take_over(&mut uses(1..2, 4));
        waiting.take_over(&mut uses(4..5, 7));
        let others = || vec![(Arc::from("crt_1"), at(9)), (Arc::from("sgk_1"), at(8))];
        waiting.take_over(&mut others());
        let taken = waiting.take();
        let last = &taken.keys;
        assert_eq!((last[0].1, last[3].1, last.len()), (at(5), at(7), 4));
        assert_eq!(taken.certificates, [("crt_1".parse().unwrap(), at(9))]);
        assert_eq!(taken.signature_keys, [("sgk_1".parse().unwrap(), at(8))]);
        waiting.put_back(taken.clone());
        assert_eq!(waiting.take(), taken);
    }

    #[test]
    fn beyond_the_bound_a_core_keeps_what_it_has() {
        let waiting = KeyUses::default();
        let keys = (0..CAPACITY - 10).map(|key| (KeyId::new(&format!("key_{key}")).unwrap(), at(1)));
        waiting.put_back(Taken { keys: keys.collect(), ..Taken::default() });
        let mut of_core = uses(0..11, 2);
        waiting.take_over(&mut of_core);
        assert_eq!(of_core.len(), 11);
        of_core.pop();
        waiting.take_over(&mut of_core);
        assert!(of_core.is_empty());
        assert_eq!(waiting.take().keys.len(), CAPACITY - 10);
        waiting.take_over(&mut uses(0..11, 2));
        assert_eq!(waiting.take().keys.len(), 11, "there is room again");
    }

    #[test]
    fn a_use_is_noted_by_its_hour() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(hour(time("2026-11-24T08:59:59.999999Z")), time("2026-11-24T08:00:00Z"));
        assert_eq!(hour(time("2026-11-24T09:00:00Z")), time("2026-11-24T09:00:00Z"));
    }
}
