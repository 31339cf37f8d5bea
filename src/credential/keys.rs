//! What is remembered of API keys: two hundred bytes for each, so that all keys of a large platform fit in memory. An
//! identity is made of it when a core first meets the key.
//!
//! What many keys have in common, such as scopes and plans, is kept once (`terms.rs`). Beyond the bound, keys that were
//! not used lately are forgotten.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;

use super::freshness::{Stamp, Stamps};
use super::identity::{Identity, field};
use super::terms::{KnownTerms, Terms};
use crate::domain::api_key::KeyHash;
use crate::domain::id::{AppId, KeyId, PartnerId, PlanName, ProductName};
use crate::domain::narrowing::Narrowing;
use crate::domain::principal::{AppFacts, Caller, CredentialKind, Subscribed};
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;
use crate::limit::uniform::Uniform;

/// So many that each is small: what a table outgrows is of use to another.
const SHARDS: usize = 4096;
/// Subjects that a key rests on: itself, its app, its partner.
pub(super) const SUBJECTS: usize = 3;
/// Bytes of a subscription's times.
const TIMES: usize = 16;
/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

/// A key and its app as they were loaded, of an app that may call.
#[derive(Debug, Clone)]
pub struct KnownKey {
    /// The key's public id.
    pub id: KeyId,
    /// The scopes that it permits.
    pub scopes: ScopeSet,
    /// To what else it is narrowed; `None`, if to nothing.
    pub narrowing: Option<Arc<Narrowing>>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Its app.
    pub app: Arc<AppFacts>,
}

impl KnownKey {
    /// Whom it proves.
    pub(super) fn identity(self) -> Identity {
        let scopes = field(&self.scopes.to_string());
        self.identity_with(scopes)
    }

    fn identity_with(self, scopes: HeaderValue) -> Identity {
        let caller = Caller {
            app: self.app,
            credential: CredentialKind::ApiKey,
            credential_id: self.id.as_str().into(),
            merchant: None,
            grant: None,
            caps: Vec::new(),
            scopes: self.scopes,
            narrowing: self.narrowing,
        };
        Identity::with_scopes(caller, scopes, self.expires_at).with_noted_uses()
    }
}

/// What is remembered of API keys.
pub(super) struct Keys {
    shards: Box<[Mutex<Shard>]>,
    most_per_shard: usize,
    terms: Mutex<KnownTerms>,
}

/// By the first half of the key's hash.
type Shard = HashMap<Half, Box<Memory>, BuildHasherDefault<Uniform>>;

/// Half of a key's SHA-256.
#[derive(PartialEq, Eq)]
struct Half(u64, u64);

impl Hash for Half {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// A cache line.
struct Memory {
    terms: Arc<Terms>,
    /// The times of the subscriptions, then the ids of key, app and partner with a line feed between them.
    packed: Box<[u8]>,
    /// In microseconds; the last there is for a key without an end.
    expires_at: i64,
    /// A fourth of the hash, beside the half by which it is found.
    rest: u64,
    counts: [u32; SUBJECTS],
    counters: [u16; SUBJECTS],
    /// In whole seconds of monotonic time.
    loaded_at: u32,
    marks: Marks,
}

/// What is noted of a key's use: in the highest bit whether it was used since the last time that room was made, in the others the
/// hour in which it was last used, by its number, which begins anew after four years; 0: in none.
#[derive(Clone, Copy, Default)]
struct Marks(u16);

impl Marks {
    const USED: u16 = 1 << 15;
    const HOURS: i64 = (1 << 15) - 1;

    /// Notes a use at `now`; gives whether one of the same hour was noted before.
    fn note(&mut self, now: Timestamp) -> bool {
        let hour = now.as_micros().div_euclid(HOUR).rem_euclid(Self::HOURS);
        let noted = u16::try_from(hour).map_or(0, |hour| hour + 1) | Self::USED;
        std::mem::replace(&mut self.0, noted) | Self::USED == noted
    }

    fn is_used(self) -> bool {
        self.0 & Self::USED != 0
    }

    fn forget_use(&mut self) {
        self.0 &= !Self::USED;
    }
}

/// A key that is remembered.
pub(super) struct Found {
    pub(super) identity: Identity,
    pub(super) stamps: Stamps,
    pub(super) loaded_at: Duration,
}

impl Keys {
    /// Room for about `capacity` keys.
    pub(super) fn new(capacity: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, most_per_shard: capacity.div_ceil(SHARDS).max(1), terms: Mutex::default() }
    }

    /// The key of that hash, if it is remembered, for a use at `now`.
    pub(super) fn find(&self, hash: &KeyHash, now: Timestamp) -> Option<Found> {
        let (first, rest) = parts(hash);
        let mut shard = self.shard(rest);
        let memory = shard.get_mut(&first).filter(|memory| memory.rest == rest)?;
        let is_noted = memory.marks.note(now);
        let found = memory.unpack()?;
        if is_noted {
            found.identity.use_is_noted(now);
        }
        Some(found)
    }

    /// Remembers a key; one that is remembered already is replaced.
    pub(super) fn insert(
        &self,
        hash: &KeyHash,
        key: &KnownKey,
        stamps: [Stamp; SUBJECTS],
        loaded_at: Duration,
    ) {
        let mut memory = Memory::of(key, lock(&self.terms).of(key));
        let (first, rest) = parts(hash);
        memory.rest = rest;
        (memory.counters, memory.counts) = (stamps.map(Stamp::counter), stamps.map(Stamp::count));
        memory.loaded_at = u32::try_from(loaded_at.as_secs()).unwrap_or(u32::MAX);
        let mut shard = self.shard(rest);
        if shard.len() >= self.most_per_shard && !shard.contains_key(&first) {
            make_room(&mut shard, self.most_per_shard);
        }
        shard.insert(first, Box::new(memory));
    }

    /// Forgets a key: it proves nothing any more.
    pub(super) fn remove(&self, hash: &KeyHash) {
        let (first, rest) = parts(hash);
        let mut shard = self.shard(rest);
        if shard.get(&first).is_some_and(|memory| memory.rest == rest) {
            shard.remove(&first);
        }
    }

    /// How many are remembered.
    pub(super) fn count(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Whether there is room for another without forgetting one.
    pub(super) fn has_room(&self) -> bool {
        self.shards.iter().all(|shard| lock(shard).len() < self.most_per_shard)
    }

    fn shard(&self, rest: u64) -> MutexGuard<'_, Shard> {
        // The lowest bits are the number of a shard.
        lock(&self.shards[(rest % SHARDS as u64) as usize])
    }
}

impl Memory {
    fn of(key: &KnownKey, terms: Arc<Terms>) -> Self {
        let ids = [key.id.as_str(), key.app.id.as_str(), key.app.partner.as_str()].join("\n");
        let mut packed = Vec::with_capacity(key.app.subscriptions.len() * TIMES + ids.len());
        for subscribed in &key.app.subscriptions {
            let until = subscribed.until.map_or(i64::MAX, Timestamp::as_micros);
            packed.extend(subscribed.from.as_micros().to_le_bytes());
            packed.extend(until.to_le_bytes());
        }
        packed.extend(ids.bytes());
        Self {
            terms,
            packed: packed.into(),
            expires_at: key.expires_at.map_or(i64::MAX, Timestamp::as_micros),
            rest: 0,
            counts: [0; SUBJECTS],
            counters: [0; SUBJECTS],
            loaded_at: 0,
            marks: Marks::default(),
        }
    }

    fn unpack(&self) -> Option<Found> {
        let (of_app, narrowing) = (&self.terms.of_app, &self.terms.narrowing);
        let (times, ids) = self.packed.split_at_checked(of_app.subscriptions.len() * TIMES)?;
        let mut ids = std::str::from_utf8(ids).ok()?.split('\n');
        let (id, app, partner) = (ids.next()?, ids.next()?, ids.next()?);
        let subscribed = |(times, of): (&[u8], &(ProductName, PlanName, Option<u32>))| {
            let (product, plan, version) = of;
            let (from, until) = times.split_at(TIMES / 2);
            let (from, until) = (number(from), number(until));
            let until = (until != i64::MAX).then(|| Timestamp::from_micros(until));
            Subscribed {
                product: product.clone(),
                plan: plan.clone(),
                version: *version,
                from: Timestamp::from_micros(from),
                until,
            }
        };
        let facts = AppFacts {
            id: AppId::new(app).ok()?,
            partner: PartnerId::new(partner).ok()?,
            environment: of_app.environment,
            scopes: of_app.app_scopes.clone(),
            subscriptions: times.chunks_exact(TIMES).zip(&of_app.subscriptions).map(subscribed).collect(),
            balances: of_app.balances.clone(),
        };
        let key = KnownKey {
            id: KeyId::new(id).ok()?,
            scopes: of_app.scopes.clone(),
            narrowing: narrowing.clone(),
            expires_at: (self.expires_at != i64::MAX).then(|| Timestamp::from_micros(self.expires_at)),
            app: Arc::new(facts),
        };
        Some(Found {
            identity: key.identity_with(of_app.scopes_field.clone()),
            stamps: self
                .counters
                .into_iter()
                .zip(self.counts)
                .map(|(counter, count)| Stamp::of(counter, count))
                .collect(),
            loaded_at: Duration::from_secs(self.loaded_at.into()),
        })
    }
}

/// Eight bytes as a number.
fn number(bytes: &[u8]) -> i64 {
    bytes.try_into().map_or(0, i64::from_le_bytes)
}

/// Forgets those that were not used since the last time, an eighth of all at most; if all were, any eighth.
fn make_room(shard: &mut Shard, most: usize) {
    let wanted = most / 8 + 1;
    let before = shard.len();
    let mut forgotten = 0;
    shard.retain(|_, memory| {
        let goes = !memory.marks.is_used() && forgotten < wanted;
        memory.marks.forget_use();
        forgotten += usize::from(goes);
        !goes
    });
    if shard.len() == before {
        shard.retain(|_, _| {
            forgotten += 1;
            forgotten > wanted
        });
    }
}

/// The half by which a key is found, and the fourth after it.
fn parts(hash: &KeyHash) -> (Half, u64) {
    let part = |place: usize| number(&hash.0[place * 8..][..8]).cast_unsigned();
    (Half(part(0), part(1)), part(2))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
