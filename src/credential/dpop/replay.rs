//! The proofs that a node has seen, so that none is taken twice while it is fresh (RFC 9449, section 11.1). Shared by the cores:
//! only calls with a proof come here, each to one of many places, which its key decides.
//!
//! Invariant: a proof that was taken is remembered until it proves nothing more, and memory has a bound. Who sends so many
//! that there is no room is refused, and with him the keys that share his place; nothing is forgotten for it.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::proof::Proven;
use crate::domain::time::Timestamp;

/// Places of keys.
const PLACES: usize = 1024;
/// Proofs of a place for which there is room whatever others do.
const SHARE: usize = 1024;
/// The same of signatures, which are good for longer than proofs, so that more have to be remembered.
const ROOMY_SHARE: usize = 4096;
/// A proof is remembered for less than so many seconds longer than it is good.
const GRAIN: i64 = 60;

/// The start of a [`super::ProofId`]: enough that no two are alike.
type Short = [u8; 16];

/// The proofs that a node has seen.
pub struct Replays {
    places: Box<[Mutex<Place>]>,
    hasher: RandomState,
    count: AtomicUsize,
    share: usize,
}

impl std::fmt::Debug for Replays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Replays({} proofs)", self.count.load(Ordering::Relaxed))
    }
}

/// Proofs of a place, by when they end: those of a minute go together, once the last of them has ended.
#[derive(Default)]
struct Place {
    generations: Vec<Generation>,
    /// All that was forgotten had ended by then.
    forgotten_at: Timestamp,
}

/// Proofs that end within a minute.
struct Generation {
    minute: i64,
    seen: HashSet<Short, foldhash::fast::RandomState>,
    /// When the last of them ends.
    ends_at: Timestamp,
}

/// What is known of a proof that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It is new, and remembered from now on.
    First,
    /// It was used before.
    Again,
    /// It may have been used, and has just been forgotten.
    Forgotten,
    /// There is no room to remember it.
    NoRoom,
}

impl Default for Replays {
    fn default() -> Self {
        Self::with_share(SHARE)
    }
}

impl Replays {
    /// With room for those that are good for some minutes.
    #[must_use]
    pub fn roomy() -> Self {
        Self::with_share(ROOMY_SHARE)
    }

    /// With room for so many of each place, and of all as much as that makes.
    pub(in crate::credential) fn with_share(share: usize) -> Self {
        let places = (0..PLACES).map(|_| Mutex::default()).collect();
        Self { places, hasher: RandomState::new(), count: AtomicUsize::new(0), share }
    }

    /// Proofs that are remembered in all; beyond, a place has its share.
    fn most(&self) -> usize {
        PLACES * self.share
    }

    /// Proofs of a place at most: one key's flood leaves room for those of others.
    fn most_of_a_place(&self) -> usize {
        self.most() / 8
    }

    /// Sees a proof at `now`.
    pub fn see(&self, proven: &Proven, now: Timestamp) -> Seen {
        let place = usize::try_from(self.hasher.hash_one(proven.key) % PLACES as u64).unwrap_or(0);
        let Some(place) = self.places.get(place) else { return Seen::NoRoom };
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten = place.forget(now);
        self.count.fetch_sub(forgotten, Ordering::Relaxed);
        let (short, ends_at) = (short(proven), proven.ends_at);
        // When one ends may be another time than before, if the policies say so by now.
        if place.generations.iter().any(|generation| generation.seen.contains(&short)) {
            return Seen::Again;
        }
        // A call that began long ago has an older time than the one by which it was forgotten.
        if ends_at <= place.forgotten_at {
            return Seen::Forgotten;
        }
        if place.len() >= self.most_of_a_place()
            || place.len() >= self.share && self.count.load(Ordering::Relaxed) >= self.most()
        {
            return Seen::NoRoom;
        }
        place.insert(short, ends_at);
        self.count.fetch_add(1, Ordering::Relaxed);
        Seen::First
    }

    /// Lets what has ended by `now` go in all places, also in those where nobody comes any more.
    pub fn sweep(&self, now: Timestamp) {
        for place in &self.places {
            let forgotten = place.lock().unwrap_or_else(PoisonError::into_inner).forget(now);
            self.count.fetch_sub(forgotten, Ordering::Relaxed);
        }
    }
}

impl Place {
    fn len(&self) -> usize {
        self.generations.iter().map(|generation| generation.seen.len()).sum()
    }

    fn insert(&mut self, short: Short, ends_at: Timestamp) {
        let minute = ends_at.as_seconds().div_euclid(GRAIN);
        let known = self.generations.iter_mut().find(|generation| generation.minute == minute);
        if let Some(generation) = known {
            generation.seen.insert(short);
            generation.ends_at = generation.ends_at.max(ends_at);
        } else {
            let seen = HashSet::from_iter([short]);
            self.generations.push(Generation { minute, seen, ends_at });
        }
    }

    /// Lets what has ended go; gives how many proofs that were.
    fn forget(&mut self, now: Timestamp) -> usize {
        let before = self.len();
        self.generations.retain(|generation| now < generation.ends_at);
        let forgotten = before - self.len();
        if forgotten > 0 {
            self.forgotten_at = self.forgotten_at.max(now);
        }
        forgotten
    }
}

fn short(proven: &Proven) -> Short {
    let mut short = Short::default();
    short.iter_mut().zip(proven.id.0).for_each(|(to, from)| *to = from);
    short
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::ProofId;
    use super::*;
    use crate::domain::confirmation::Thumbprint;

    const START: Timestamp = Timestamp::from_micros(1_790_000_000_500_000);

    fn proof(key: u8, number: u64, made_at: Timestamp) -> Proven {
        let mut id = [key; 32];
        id[..8].copy_from_slice(&number.to_le_bytes());
        let ends_at = made_at.plus(Duration::from_secs(60));
        Proven { key: Thumbprint([key; 32]), id: ProofId(id), ends_at }
    }

    #[test]
    fn a_proof_is_taken_once_while_it_is_fresh_and_forgotten_later() {
        let replays = Replays::default();
        let later = |seconds| START.plus(Duration::from_secs(seconds));
        for second in 0..1000 {
            let proof = proof(1, second, later(second));
            assert_eq!(replays.see(&proof, later(second)), Seen::First);
            let past = 55.min(second);
            for age in [0, past] {
                let before = self::proof(1, second - age, later(second - age));
                assert_eq!(replays.see(&before, later(second)), Seen::Again, "{second} {age}");
            }
        }
        assert!(replays.count.load(Ordering::Relaxed) <= 120, "{replays:?}");
        assert_eq!(replays.see(&proof(2, 1, later(999)), later(999)), Seen::First);
    }

    #[test]
    fn a_call_that_took_long_does_not_bring_back_what_was_forgotten_meanwhile() {
        let replays = Replays::default();
        let used = proof(1, 1, START);
        assert_eq!(replays.see(&used, START), Seen::First);
        replays.sweep(used.ends_at);
        assert_eq!(replays.count.load(Ordering::Relaxed), 0);
        let before = used.ends_at.minus(Duration::from_micros(1));
        assert_eq!(replays.see(&used, before), Seen::Forgotten);
    }

    #[test]
    fn what_many_keys_left_behind_is_swept_though_none_of_them_comes_again() {
        let replays = Replays::default();
        for number in 0..2_000_u64 {
            let mut proof = proof(1, number, START);
            proof.key.0[..8].copy_from_slice(&number.to_le_bytes());
            assert_eq!(replays.see(&proof, START), Seen::First);
        }
        replays.sweep(START.plus(Duration::from_secs(59)));
        assert_eq!(replays.count.load(Ordering::Relaxed), 2_000);
        replays.sweep(START.plus(Duration::from_secs(60)));
        assert_eq!(replays.count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn who_floods_is_refused_and_others_are_not() {
        let replays = Replays::default();
        let flooded = (0..).find(|number| replays.see(&proof(1, *number, START), START) == Seen::NoRoom);
        assert_eq!(flooded, Some(replays.most_of_a_place() as u64));
        assert_eq!(replays.see(&proof(1, 0, START), START), Seen::Again);
        let others =
            (2..=200).filter(|key| replays.see(&proof(*key, 0, START), START) == Seen::First).count();
        assert!(others >= 190, "{others}");
        assert!(replays.count.load(Ordering::Relaxed) < replays.most() / 4);
        let later = START.plus(Duration::from_secs(120));
        assert_eq!(replays.see(&proof(1, 0, later), later), Seen::First);
    }

    /// The figures of the README: of signatures that are good for so long, so many a second for ever.
    #[test]
    fn a_key_can_sign_as_often_as_is_told() {
        for (good_for, of_a_key, of_all) in [(600, 790, 6_300), (300, 1_450, 11_600)] {
            let (replays, remembered_for) = (Replays::roomy(), good_for + GRAIN as usize);
            assert!(replays.most_of_a_place() >= of_a_key * remembered_for, "{good_for}");
            assert!(replays.most() >= of_all * remembered_for, "{good_for}");
        }
    }
}
