//! Which API keys there are, whether they work or not: so a guess is told from a key that was made on another node without asking
//! the store. Of each, a fourth of its hash; a guess that has the same fourth costs a look-up.
//!
//! Invariant: what is not in here was not made before the time up to which all are known.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::domain::api_key::KeyHash;
use crate::domain::id::KeyId;
use crate::limit::uniform::Uniform;

/// How long it is waited for news of the keys that were made: many times as long as they take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Of so many it is known that their hashes were asked for.
const MOST_ASKED_FOR: usize = 10_000;

/// Which API keys there are.
pub(super) struct ExistingKeys {
    parts: Mutex<Parts>,
    most: usize,
    /// Those that were asked for when it was heard of them: they are not asked for again.
    asked_for: Mutex<HashSet<KeyId>>,
    known: watch::Sender<Known>,
    /// Told by whoever waits for news.
    wanted: Notify,
}

/// The last eight bytes of their hashes.
type Parts = HashSet<u64, BuildHasherDefault<Uniform>>;

/// Which of them are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Some may be missing, until all are learnt anew.
    Some,
    /// All are about to be learnt, and none was missed since.
    Learning,
    /// All that were made up to then, in monotonic time.
    All(Duration),
    /// There are more than there is room for.
    TooMany,
}

impl ExistingKeys {
    /// Room for so many.
    pub(super) fn new(most: usize) -> Self {
        Self {
            parts: Mutex::default(),
            most,
            asked_for: Mutex::default(),
            known: watch::Sender::new(Known::Some),
            wanted: Notify::new(),
        }
    }

    /// Takes note of a key that was made.
    pub(super) fn insert(&self, hash: &KeyHash) {
        let mut parts = lock(&self.parts);
        if self.are_too_many() {
            return;
        }
        if parts.len() < self.most || parts.contains(&part(hash)) {
            parts.insert(part(hash));
        } else {
            *parts = Parts::default();
            self.known.send_replace(Known::TooMany);
        }
    }

    /// The same, of one whose hash was asked for.
    pub(super) fn insert_asked_for(&self, id: KeyId, hash: &KeyHash) {
        self.insert(hash);
        let mut asked_for = lock(&self.asked_for);
        if asked_for.len() >= MOST_ASKED_FOR {
            asked_for.clear();
        }
        asked_for.insert(id);
    }

    /// Whether a key's hash was asked for of late.
    pub(super) fn was_asked_for(&self, id: &KeyId) -> bool {
        lock(&self.asked_for).contains(id)
    }

    /// Whether there are more than there is room for.
    pub(super) fn are_too_many(&self) -> bool {
        *self.known.borrow() == Known::TooMany
    }

    /// Some may be missing.
    pub(super) fn is_missing_some(&self) {
        self.turn(|known| (known != Known::TooMany).then_some(Known::Some));
    }

    /// Whether all are known.
    pub(super) fn are_known(&self) -> bool {
        matches!(*self.known.borrow(), Known::All(_))
    }

    /// Waits until some may be missing.
    pub(super) async fn missing_some(&self) {
        // The sender is this one's own.
        let _ = self.known.subscribe().wait_for(|known| *known == Known::Some).await;
    }

    /// All are about to be learnt.
    pub(super) fn begin(&self) {
        self.turn(|known| (known == Known::Some).then_some(Known::Learning));
    }

    /// All are known that were made up to `at`, unless one was missed since they were begun to be learnt.
    pub(super) fn has_all(&self, at: Duration) {
        self.turn(|known| (known == Known::Learning).then_some(Known::All(at)));
    }

    /// Those that were made up to `at` have been told.
    pub(super) fn heard(&self, at: Duration) {
        self.turn(|known| match known {
            Known::All(before) => Some(Known::All(before.max(at))),
            Known::Some | Known::Learning | Known::TooMany => None,
        });
    }

    /// Waits until somebody waits for news of the keys that were made.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Whether there certainly was no key of that hash at `at`; waits until that is known.
    pub(super) async fn lack(&self, hash: &KeyHash, at: Duration) -> bool {
        if self.has(hash) || !self.are_known() {
            return false;
        }
        let is_told = |known: &Known| !matches!(known, Known::All(until) if *until < at);
        let mut news = self.known.subscribe();
        if !is_told(&news.borrow()) {
            self.wanted.notify_one();
        }
        let is_known = match timeout(PATIENCE, news.wait_for(is_told)).await {
            Ok(Ok(known)) => matches!(*known, Known::All(_)),
            Ok(Err(_)) | Err(_) => false,
        };
        is_known && !self.has(hash)
    }

    fn has(&self, hash: &KeyHash) -> bool {
        lock(&self.parts).contains(&part(hash))
    }

    fn turn(&self, next: impl FnOnce(Known) -> Option<Known>) {
        self.known.send_if_modified(|known| match next(*known) {
            Some(next) => std::mem::replace(known, next) != next,
            None => false,
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn part(hash: &KeyHash) -> u64 {
    hash.0.last_chunk().map_or(0, |last| u64::from_le_bytes(*last))
}
