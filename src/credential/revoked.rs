//! Access tokens that were revoked one by one, as far as this node knows them: asked when a token is new to it.
//!
//! Invariant: what is not known here is not revoked, or it is not known whether all are: then the store is asked. What was
//! verified before rests on a stamp of the token's id, as on those of all else (see [`super::freshness`]).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use crate::domain::time::Timestamp;

/// Most that are known at once; beyond, the store is asked about each token that is new.
const MOST: usize = 200_000;
/// How often those that have expired are forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// What every id of an access token begins with, so that it is known among the subjects of changes.
pub(super) const TOKEN_ID_PREFIX: &str = "tok_";

/// Access tokens that were revoked one by one.
#[derive(Default)]
pub(super) struct RevokedTokens {
    /// Each with the time from which on it would have expired.
    known: RwLock<(HashMap<Box<str>, Timestamp>, Timestamp)>,
    count: AtomicUsize,
    /// One of the three below. Only the learning of all begins anew; until then one that was missed stays missed.
    knows: AtomicU8,
}

/// All are about to be learnt, and none was missed since.
const LEARNING: u8 = 0;
/// One may be missing since all were begun to be learnt.
const MISSED: u8 = 1;
/// All are known.
const ALL: u8 = 2;

impl RevokedTokens {
    /// Whether a token is revoked; `None`: ask the store.
    pub(super) fn is_revoked(&self, id: &str) -> Option<bool> {
        let is_complete = self.is_complete();
        if self.count.load(Ordering::Acquire) > 0
            && self.known.read().unwrap_or_else(PoisonError::into_inner).0.contains_key(id)
        {
            return Some(true);
        }
        is_complete.then_some(false)
    }

    /// Takes note of a token that is revoked, and would have expired then.
    pub(super) fn insert(&self, id: &str, expires_at: Timestamp) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.0.len() >= MOST && !known.0.contains_key(id) {
            self.is_missing_some();
            return;
        }
        known.0.insert(id.into(), expires_at);
        self.count.store(known.0.len(), Ordering::Release);
    }

    /// Some may be missing, until all are learnt anew.
    pub(super) fn is_missing_some(&self) {
        self.knows.store(MISSED, Ordering::Release);
    }

    /// All are about to be learnt.
    pub(super) fn begin(&self) {
        self.knows.store(LEARNING, Ordering::Release);
    }

    /// Whether all are known.
    pub(super) fn is_complete(&self) -> bool {
        self.knows.load(Ordering::Acquire) == ALL
    }

    /// All that there were when it began are known, unless one was missed meanwhile.
    pub(super) fn has_all(&self) {
        // In one step: one that is missed in between must not be taken for known.
        let _ = self.knows.compare_exchange(LEARNING, ALL, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Forgets those that have expired, now and then.
    pub(super) fn sweep(&self, now: Timestamp) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if now.since(known.1) < SWEEP_EVERY {
            return;
        }
        known.1 = now;
        known.0.retain(|_, expires_at| now < *expires_at);
        self.count.store(known.0.len(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_asked_for_until_all_are_known() {
        let (revoked, later) = (RevokedTokens::default(), Timestamp::from_seconds(9_000));
        assert_eq!(revoked.is_revoked("tok_1"), None);
        revoked.insert("tok_1", later);
        assert_eq!((revoked.is_revoked("tok_1"), revoked.is_revoked("tok_2")), (Some(true), None));
        revoked.has_all();
        assert_eq!((revoked.is_revoked("tok_1"), revoked.is_revoked("tok_2")), (Some(true), Some(false)));
        revoked.begin();
        revoked.is_missing_some();
        // Nobody says twice that all are known, but who does must not have what was missed forgotten.
        for _ in 0..2 {
            revoked.has_all();
            assert_eq!((revoked.is_revoked("tok_1"), revoked.is_revoked("tok_2")), (Some(true), None));
        }
    }

    #[test]
    fn what_has_expired_is_forgotten_and_beyond_the_bound_the_store_is_asked() {
        let (revoked, now) = (RevokedTokens::default(), Timestamp::from_seconds(9_000));
        revoked.has_all();
        for number in 0..=MOST {
            revoked.insert(&format!("tok_{number}"), now.plus(Duration::from_secs(number as u64)));
        }
        assert_eq!(revoked.is_revoked("tok_0"), Some(true));
        assert_eq!(revoked.is_revoked("tok_other"), None);
        revoked.sweep(now.plus(Duration::from_secs(100)));
        revoked.has_all();
        assert!(!revoked.is_complete(), "one was dropped, though there is room again");
        revoked.begin();
        revoked.has_all();
        assert_eq!((revoked.is_revoked("tok_0"), revoked.is_revoked("tok_101")), (Some(false), Some(true)));
    }
}
