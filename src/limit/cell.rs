//! Limiter state by key. Cells outlive policy reloads; what a cell no longer remembers is the same as none.
//!
//! Cores find a cell in a map of their own and only then in the shared one, so a steady caller costs no lock.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::uniform::Uniform;
use crate::domain::id::{AppId, LimitName, MerchantId, PlanName, RouteName};

/// The state of one limit for one key: the theoretical arrival time in nanoseconds of monotonic time; 0 is unused.
#[derive(Debug, Default)]
pub struct Cell(AtomicU64);

impl Cell {
    /// The theoretical arrival time, in nanoseconds.
    #[must_use]
    pub fn arrival(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Replaces the state by what `decide` makes of it, again if another core was faster.
    pub(super) fn replace<T, E>(&self, decide: impl Fn(u64) -> Result<(T, u64), E>) -> Result<T, E> {
        let mut before = self.arrival();
        loop {
            let (outcome, after) = decide(before)?;
            match self.0.compare_exchange_weak(before, after, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Ok(outcome),
                Err(changed) => before = changed,
            }
        }
    }
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Cell {}

impl Hash for Cell {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::from_ref(self).hash(state);
    }
}

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellKey<'k> {
    /// An app under a limit of one of its plans. Versions of a plan share it: a new one goes on where the last one was. Plans
    /// never do, whatever their limits are called: what one has used up says nothing of another's rate.
    App(&'k AppId, &'k PlanName, &'k LimitName),
    /// The same on one route.
    AppAndRoute(&'k AppId, &'k PlanName, &'k LimitName, &'k RouteName),
    /// An app's questions about itself; each merchant's apart whose grant is behind them.
    Questions(&'k AppId, Option<&'k MerchantId>),
    /// A client's [`network`] on one route.
    Address(IpAddr, &'k RouteName),
}

impl<'k> CellKey<'k> {
    /// The key of a client address.
    #[must_use]
    pub fn address(address: IpAddr, route: &'k RouteName) -> Self {
        Self::Address(network(address), route)
    }
}

/// What a client's address counts as: IPv6 by its /64, since a client owns that many.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
    }
}

/// What a [`network`] is part of: of IPv6, whoever asks for it gets a /48, which has 65,536 networks.
#[must_use]
pub fn site(network: IpAddr) -> IpAddr {
    match network.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 80 << 80).into()),
    }
}

const SHARDS: usize = 64;
/// A shard that has room for so many times what it holds gives memory back.
const TOO_LARGE: usize = 4;

/// What a cell is found by: a keyed hash of its key, so that no names are kept for it. That two keys of one process have the
/// same is as likely as that a key is guessed.
type Digest = u128;
type Shard = HashMap<Digest, Arc<Cell>, BuildHasherDefault<Uniform>>;

/// All cells of the process.
#[derive(Debug)]
pub struct Cells {
    shards: Vec<Mutex<Shard>>,
    hasher: SipHasher13,
    capacity_per_shard: usize,
}

impl Cells {
    /// Room for about `capacity` cells.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        // Each state has a secret key of its own, so what it makes of nothing is one, too.
        let secret = || RandomState::new().build_hasher().finish();
        let hasher = SipHasher13::new_with_keys(secret(), secret());
        Self { shards, hasher, capacity_per_shard: capacity.div_ceil(SHARDS).max(1) }
    }

    /// The cell of `key`. In a full shard a few cells are looked at: those that are spent at `now` are dropped, or else the
    /// one that would be spent first. So memory stays bounded, a new key costs the same however many there are, and few
    /// requests are forgiven. A cell that a core holds stays: the limit would count twice.
    pub fn find(&self, key: &CellKey<'_>, now: Duration) -> Arc<Cell> {
        self.find_by(self.digest(key), now)
    }

    /// The cell of `key`, if there is one: without, nothing was used.
    #[must_use]
    pub fn known(&self, key: &CellKey<'_>) -> Option<Arc<Cell>> {
        let digest = self.digest(key);
        lock(self.shard(digest)).get(&digest).cloned()
    }

    /// Drops every cell that is spent at `now` and that no core holds.
    pub fn sweep(&self, now: Duration) {
        for shard in &self.shards {
            drop_spent(&mut lock(shard), now);
        }
    }

    /// How many cells there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn digest(&self, key: &CellKey<'_>) -> Digest {
        let mut hasher = self.hasher;
        key.hash(&mut hasher);
        hasher.finish128().as_u128()
    }

    /// The upper bits are the number of a shard, the lower ones a place in it.
    fn shard(&self, digest: Digest) -> &Mutex<Shard> {
        let index = usize::try_from((digest >> 64) % SHARDS as u128).unwrap_or(0);
        &self.shards[index]
    }

    fn find_by(&self, digest: Digest, now: Duration) -> Arc<Cell> {
        let mut shard = lock(self.shard(digest));
        if let Some(cell) = shard.get(&digest) {
            return cell.clone();
        }
        if shard.len() >= self.capacity_per_shard {
            make_room(&mut shard, now);
        }
        shard.entry(digest).or_default().clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_spent(cell: &Cell, now: Duration) -> bool {
    u128::from(cell.arrival()) <= now.as_nanos()
}

/// Cells that are looked at to make room for one.
const LOOKED_AT: usize = 16;

fn make_room(shard: &mut Shard, now: Duration) {
    let mut looked_at: Vec<(Digest, u64)> = shard
        .iter()
        .filter(|(_, cell)| Arc::strong_count(cell) == 1)
        .take(LOOKED_AT)
        .map(|(digest, cell)| (*digest, cell.arrival()))
        .collect();
    looked_at.sort_unstable_by_key(|(_, arrival)| *arrival);
    for (place, (digest, arrival)) in looked_at.iter().enumerate() {
        if place == 0 || u128::from(*arrival) <= now.as_nanos() {
            shard.remove(digest);
        }
    }
}

fn drop_spent(shard: &mut Shard, now: Duration) {
    shard.retain(|_, cell| Arc::strong_count(cell) > 1 || !is_spent(cell, now));
    if shard.capacity() / TOO_LARGE > shard.len() {
        shard.shrink_to(2 * shard.len());
    }
}

/// Cells of a [`Place`].
const WAYS: usize = 4;

/// A core's own view of the cells that it used lately. A cell has one of four entries in a place of its own; what needs the
/// entry next takes it. So nothing is ever cleared at once, however many keys there are.
#[derive(Debug)]
pub struct LocalCells {
    shared: Arc<Cells>,
    places: Box<[Option<Box<Place>>]>,
}

#[derive(Debug, Default)]
struct Place {
    entries: [Option<(Digest, Arc<Cell>)>; WAYS],
    next: usize,
}

impl LocalCells {
    /// A view that remembers up to `capacity` cells.
    #[must_use]
    pub fn new(shared: Arc<Cells>, capacity: usize) -> Self {
        let places = (0..capacity.div_ceil(WAYS).max(1)).map(|_| None).collect();
        Self { shared, places }
    }

    /// The cell of `key`.
    pub fn find(&mut self, key: &CellKey<'_>, now: Duration) -> Arc<Cell> {
        let digest = self.shared.digest(key);
        // The lower half alone: to divide all of it is a function of its own.
        let index = usize::try_from(digest as u64 % self.places.len() as u64).unwrap_or(0);
        let place = self.places[index].get_or_insert_default();
        let known = place.entries.iter().flatten().find(|(known, _)| *known == digest);
        if let Some((_, cell)) = known {
            return cell.clone();
        }
        let cell = self.shared.find_by(digest, now);
        place.entries[place.next % WAYS] = Some((digest, cell.clone()));
        place.next = place.next.wrapping_add(1);
        cell
    }

    /// Forgets the cells that are spent at `now`, so that the shared map can drop them.
    pub fn sweep(&mut self, now: Duration) {
        for place in &mut self.places {
            let Some(entries) = place.as_mut().map(|place| &mut place.entries) else { continue };
            for entry in
                entries.iter_mut().filter(|entry| entry.as_ref().is_some_and(|(_, cell)| is_spent(cell, now)))
            {
                *entry = None;
            }
            if entries.iter().all(Option::is_none) {
                *place = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(number: usize) -> AppId {
        AppId::new(&format!("app{number}")).unwrap()
    }

    fn names() -> (PlanName, LimitName) {
        (PlanName::new("starter").unwrap(), LimitName::new("calls").unwrap())
    }

    fn of(cells: &Cells, number: usize, now: Duration) -> Arc<Cell> {
        let (plan, limit) = names();
        cells.find(&CellKey::App(&app(number), &plan, &limit), now)
    }

    fn of_core(cells: &mut LocalCells, number: usize, now: Duration) -> Arc<Cell> {
        let (plan, limit) = names();
        cells.find(&CellKey::App(&app(number), &plan, &limit), now)
    }

    #[test]
    fn a_million_addresses_stay_within_the_bound() {
        let cells = Cells::new(640);
        for number in 0..100_000 {
            of(&cells, number, Duration::ZERO).replace(|_| Ok::<_, ()>(((), u64::MAX))).unwrap();
        }
        assert!(cells.count() <= 640, "{} cells", cells.count());
    }

    #[test]
    fn a_flood_of_new_keys_never_splits_a_limit_that_is_in_use() {
        let cells = Cells::new(64);
        let held = of(&cells, 0, Duration::ZERO);
        for number in 1..1000 {
            of(&cells, number, Duration::ZERO).replace(|_| Ok::<_, ()>(((), u64::MAX))).unwrap();
        }
        assert!(Arc::ptr_eq(&held, &of(&cells, 0, Duration::ZERO)));
    }

    #[test]
    fn two_cores_share_one_cell_even_after_a_sweep() {
        let shared = Arc::new(Cells::new(100));
        let mut first = LocalCells::new(shared.clone(), 10);
        let mut second = LocalCells::new(shared.clone(), 10);
        let now = Duration::from_secs(1);
        let cell = of_core(&mut first, 1, now);
        shared.sweep(now);
        assert!(Arc::ptr_eq(&cell, &of_core(&mut second, 1, now)));
        drop(cell);
        first.sweep(now);
        second.sweep(now);
        shared.sweep(now);
        assert_eq!(shared.count(), 0);
    }

    #[test]
    fn addresses_of_one_v6_network_count_together() {
        let route = RouteName::new("list").unwrap();
        let of = |text: &str| CellKey::address(text.parse().unwrap(), &route);
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }

    #[test]
    fn a_core_remembers_no_more_cells_than_it_may_and_still_finds_each() {
        let shared = Arc::new(Cells::new(100_000));
        let mut core = LocalCells::new(shared.clone(), 64);
        let now = Duration::from_secs(1);
        for number in 0..10_000 {
            of_core(&mut core, number, now).replace(|_| Ok::<_, ()>(((), u64::MAX))).unwrap();
        }
        let held = core.places.iter().flatten().flat_map(|place| &place.entries).flatten().count();
        assert!(held <= 64, "{held} cells are held");
        assert_eq!(shared.count(), 10_000);
        for number in 0..10_000 {
            assert_eq!(of_core(&mut core, number, now).arrival(), u64::MAX);
        }
    }
}
