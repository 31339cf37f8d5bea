//! States of limits by key: all of the process in a map of shards, and each core's own view of those that it used lately, so that a
//! steady caller costs no lock. What a state no longer remembers is the same as none.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::uniform::Uniform;

/// What a state is found by: a keyed hash of its key, so that no names are kept for it. That two keys of one process have the
/// same is as likely as that a key is guessed.
pub(super) type Digest = u128;
type Shard<S> = HashMap<Digest, Arc<S>, BuildHasherDefault<Uniform>>;

/// The state of one limit for one key.
pub(super) trait State: Default {
    /// Until when it remembers something, in nanoseconds of monotonic time.
    fn remembers_until(&self) -> u64;
}

const SHARDS: usize = 64;
/// A shard that has room for so many times what it holds gives memory back.
const TOO_LARGE: usize = 4;

/// All states of the process.
#[derive(Debug)]
pub(super) struct Keyed<S> {
    shards: Vec<Mutex<Shard<S>>>,
    capacity_per_shard: usize,
}

impl<S: State> Keyed<S> {
    /// Room for about `capacity` states.
    pub(super) fn new(capacity: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, capacity_per_shard: capacity.div_ceil(SHARDS).max(1) }
    }

    /// The state of a key. In a full shard a few are looked at: those that are spent at `now` are dropped, or else the one that would
    /// be spent first. So memory stays bounded, a new key costs the same however many there are, and few requests are forgiven. A
    /// state that somebody holds stays: the limit would count twice.
    pub(super) fn find(&self, digest: Digest, now: Duration) -> Arc<S> {
        let mut shard = lock(self.shard(digest));
        if let Some(state) = shard.get(&digest) {
            return state.clone();
        }
        if shard.len() >= self.capacity_per_shard {
            make_room(&mut shard, now);
        }
        shard.entry(digest).or_default().clone()
    }

    /// The state of a key, if there is one.
    pub(super) fn known(&self, digest: Digest) -> Option<Arc<S>> {
        lock(self.shard(digest)).get(&digest).cloned()
    }

    /// Drops every state that is spent at `now` and that nobody holds.
    pub(super) fn sweep(&self, now: Duration) {
        for shard in &self.shards {
            drop_spent(&mut lock(shard), now);
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// The upper bits are the number of a shard, the lower ones a place in it.
    fn shard(&self, digest: Digest) -> &Mutex<Shard<S>> {
        let index = usize::try_from((digest >> 64) % SHARDS as u128).unwrap_or(0);
        &self.shards[index]
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_spent(state: &impl State, now: Duration) -> bool {
    u128::from(state.remembers_until()) <= now.as_nanos()
}

/// States that are looked at to make room for one.
const LOOKED_AT: usize = 16;

fn make_room<S: State>(shard: &mut Shard<S>, now: Duration) {
    let mut looked_at: Vec<(Digest, u64)> = shard
        .iter()
        .filter(|(_, state)| Arc::strong_count(state) == 1)
        .take(LOOKED_AT)
        .map(|(digest, state)| (*digest, state.remembers_until()))
        .collect();
    looked_at.sort_unstable_by_key(|(_, until)| *until);
    for (place, (digest, until)) in looked_at.iter().enumerate() {
        if place == 0 || u128::from(*until) <= now.as_nanos() {
            shard.remove(digest);
        }
    }
}

fn drop_spent<S: State>(shard: &mut Shard<S>, now: Duration) {
    shard.retain(|_, state| Arc::strong_count(state) > 1 || !is_spent(&**state, now));
    if shard.capacity() / TOO_LARGE > shard.len() {
        shard.shrink_to(2 * shard.len());
    }
}

/// States of a [`Place`].
const WAYS: usize = 4;

/// A core's own view of the states that it used lately. A state has one of four entries in a place of its own; what needs the entry
/// next takes it. So nothing is ever cleared at once, however many keys there are.
#[derive(Debug)]
pub(super) struct AtHand<S> {
    places: Box<[Option<Box<Place<S>>>]>,
}

#[derive(Debug)]
struct Place<S> {
    entries: [Option<(Digest, Arc<S>)>; WAYS],
    next: usize,
}

impl<S> Default for Place<S> {
    fn default() -> Self {
        Self { entries: [const { None }; WAYS], next: 0 }
    }
}

impl<S: State> AtHand<S> {
    /// A view that remembers up to `capacity` states.
    pub(super) fn new(capacity: usize) -> Self {
        Self { places: (0..capacity.div_ceil(WAYS).max(1)).map(|_| None).collect() }
    }

    /// The state of a key.
    pub(super) fn find(&mut self, all: &Keyed<S>, digest: Digest, now: Duration) -> Arc<S> {
        // The lower half alone: to divide all of it is a function of its own.
        let index = usize::try_from(digest as u64 % self.places.len() as u64).unwrap_or(0);
        let place = self.places[index].get_or_insert_default();
        let known = place.entries.iter().flatten().find(|(known, _)| *known == digest);
        if let Some((_, state)) = known {
            return state.clone();
        }
        let state = all.find(digest, now);
        place.entries[place.next % WAYS] = Some((digest, state.clone()));
        place.next = place.next.wrapping_add(1);
        state
    }

    /// Forgets the states that are spent at `now`, so that the shared map can drop them.
    pub(super) fn sweep(&mut self, now: Duration) {
        for place in &mut self.places {
            let Some(entries) = place.as_mut().map(|place| &mut place.entries) else { continue };
            for entry in entries
                .iter_mut()
                .filter(|entry| entry.as_ref().is_some_and(|(_, state)| is_spent(&**state, now)))
            {
                *entry = None;
            }
            if entries.iter().all(Option::is_none) {
                *place = None;
            }
        }
    }

    /// How many are at hand.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.places.iter().flatten().flat_map(|place| &place.entries).flatten().count()
    }
}
