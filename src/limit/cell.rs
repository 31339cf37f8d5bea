//! Limiter state by key. Cells outlive policy reloads; what a cell no longer remembers is the same as none.
//!
//! Cores find a cell in a map of their own and only then in the shared one, so a steady caller costs no lock.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::id::{AppId, LimitName, RouteName};

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
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::ptr::from_ref(self).hash(state);
    }
}

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CellKey {
    /// An app under one of its plan's limits.
    App(AppId, LimitName),
    /// An app on one route.
    AppAndRoute(AppId, LimitName, RouteName),
    /// A client's [`network`] on one route.
    Address(IpAddr, RouteName),
}

impl CellKey {
    /// The key of a client address.
    #[must_use]
    pub fn address(address: IpAddr, route: RouteName) -> Self {
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

const SHARDS: usize = 64;

/// All cells of the process.
#[derive(Debug)]
pub struct Cells {
    shards: Vec<Mutex<HashMap<CellKey, Arc<Cell>>>>,
    hasher: RandomState,
    capacity_per_shard: usize,
}

impl Cells {
    /// Room for about `capacity` cells.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, hasher: RandomState::new(), capacity_per_shard: capacity.div_ceil(SHARDS).max(1) }
    }

    /// The cell of `key`. In a full shard a few cells are looked at: those that are spent at `now` are dropped, or else the
    /// one that would be spent first. So memory stays bounded, a new key costs the same however many there are, and few
    /// requests are forgiven. A cell that a core holds stays: the limit would count twice.
    pub fn find(&self, key: &CellKey, now: Duration) -> Arc<Cell> {
        let mut shard = self.shard(key);
        if let Some(cell) = shard.get(key) {
            return cell.clone();
        }
        if shard.len() >= self.capacity_per_shard {
            make_room(&mut shard, now);
        }
        shard.entry(key.clone()).or_default().clone()
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

    fn shard(&self, key: &CellKey) -> MutexGuard<'_, HashMap<CellKey, Arc<Cell>>> {
        let index = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        lock(&self.shards[index])
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

fn make_room(shard: &mut HashMap<CellKey, Arc<Cell>>, now: Duration) {
    let mut looked_at: Vec<(CellKey, u64)> = shard
        .iter()
        .filter(|(_, cell)| Arc::strong_count(cell) == 1)
        .take(LOOKED_AT)
        .map(|(key, cell)| (key.clone(), cell.arrival()))
        .collect();
    looked_at.sort_unstable_by_key(|(_, arrival)| *arrival);
    for (place, (key, arrival)) in looked_at.iter().enumerate() {
        if place == 0 || u128::from(*arrival) <= now.as_nanos() {
            shard.remove(key);
        }
    }
}

fn drop_spent(shard: &mut HashMap<CellKey, Arc<Cell>>, now: Duration) {
    shard.retain(|_, cell| Arc::strong_count(cell) > 1 || !is_spent(cell, now));
}

/// A core's own view of the cells that it used lately.
#[derive(Debug)]
pub struct LocalCells {
    shared: Arc<Cells>,
    recent: HashMap<CellKey, Arc<Cell>, foldhash::quality::RandomState>,
    capacity: usize,
}

impl LocalCells {
    /// A view that remembers up to `capacity` cells.
    #[must_use]
    pub fn new(shared: Arc<Cells>, capacity: usize) -> Self {
        Self { shared, recent: HashMap::default(), capacity }
    }

    /// The cell of `key`.
    pub fn find(&mut self, key: CellKey, now: Duration) -> Arc<Cell> {
        if let Some(cell) = self.recent.get(&key) {
            return cell.clone();
        }
        if self.recent.len() >= self.capacity {
            self.recent.clear();
        }
        let cell = self.shared.find(&key, now);
        self.recent.insert(key, cell.clone());
        cell
    }

    /// Forgets the cells that are spent at `now`, so that the shared map can drop them.
    pub fn sweep(&mut self, now: Duration) {
        self.recent.retain(|_, cell| !is_spent(cell, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> CellKey {
        CellKey::App(AppId::new(&format!("app{number}")).unwrap(), LimitName::new("calls").unwrap())
    }

    #[test]
    fn a_million_addresses_stay_within_the_bound() {
        let cells = Cells::new(640);
        for number in 0..100_000 {
            cells.find(&key(number), Duration::ZERO).replace(|_| Ok::<_, ()>(((), u64::MAX))).unwrap();
        }
        assert!(cells.count() <= 640, "{} cells", cells.count());
    }

    #[test]
    fn a_flood_of_new_keys_never_splits_a_limit_that_is_in_use() {
        let cells = Cells::new(64);
        let held = cells.find(&key(0), Duration::ZERO);
        for number in 1..1000 {
            cells.find(&key(number), Duration::ZERO).replace(|_| Ok::<_, ()>(((), u64::MAX))).unwrap();
        }
        assert!(Arc::ptr_eq(&held, &cells.find(&key(0), Duration::ZERO)));
    }

    #[test]
    fn two_cores_share_one_cell_even_after_a_sweep() {
        let shared = Arc::new(Cells::new(100));
        let mut first = LocalCells::new(shared.clone(), 10);
        let mut second = LocalCells::new(shared.clone(), 10);
        let now = Duration::from_secs(1);
        let cell = first.find(key(1), now);
        shared.sweep(now);
        assert!(Arc::ptr_eq(&cell, &second.find(key(1), now)));
        drop(cell);
        first.sweep(now);
        second.sweep(now);
        shared.sweep(now);
        assert_eq!(shared.count(), 0);
    }

    #[test]
    fn addresses_of_one_v6_network_count_together() {
        let route = RouteName::new("list").unwrap();
        let of = |text: &str| CellKey::address(text.parse().unwrap(), route.clone());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
