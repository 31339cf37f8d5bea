//! Limiter state by key. Cells outlive policy reloads; what a cell no longer remembers is the same as none.
//!
//! Cores find a cell in a map of their own and only then in the shared one, so a steady caller costs no lock.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::keyed::{AtHand, Digest, Keyed, State};
use super::unit_cell::UnitCell;
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

impl State for Cell {
    fn remembers_until(&self) -> u64 {
        self.arrival()
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

/// All cells of the process.
#[derive(Debug)]
pub struct Cells {
    calls: Keyed<Cell>,
    units: Keyed<UnitCell>,
    hasher: SipHasher13,
}

impl Cells {
    /// Room for about `capacity` cells that count calls, and as many that count units.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        // Each state has a secret key of its own, so what it makes of nothing is one, too.
        let secret = || RandomState::new().build_hasher().finish();
        let hasher = SipHasher13::new_with_keys(secret(), secret());
        Self { calls: Keyed::new(capacity), units: Keyed::new(capacity), hasher }
    }

    /// The cell of `key`, which counts calls.
    pub fn find(&self, key: &CellKey<'_>, now: Duration) -> Arc<Cell> {
        self.calls.find(self.digest(key), now)
    }

    /// The cell of `key` that counts calls, if there is one: without, nothing was used.
    #[must_use]
    pub fn known(&self, key: &CellKey<'_>) -> Option<Arc<Cell>> {
        self.calls.known(self.digest(key))
    }

    /// The cell of `key` that counts units, if there is one: without, nothing was used.
    #[must_use]
    pub fn known_of_units(&self, key: &CellKey<'_>) -> Option<Arc<UnitCell>> {
        self.units.known(self.digest(key))
    }

    /// Drops every cell that is spent at `now` and that no core holds.
    pub fn sweep(&self, now: Duration) {
        self.calls.sweep(now);
        self.units.sweep(now);
    }

    /// How many cells there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.calls.count() + self.units.count()
    }

    fn digest(&self, key: &CellKey<'_>) -> Digest {
        let mut hasher = self.hasher;
        key.hash(&mut hasher);
        hasher.finish128().as_u128()
    }
}

/// A core's own view of the cells that it used lately.
#[derive(Debug)]
pub struct LocalCells {
    shared: Arc<Cells>,
    calls: AtHand<Cell>,
    /// Where no plan's limit counts units there are none.
    units: Option<AtHand<UnitCell>>,
    capacity: usize,
}

impl LocalCells {
    /// A view that remembers up to `capacity` cells of either kind.
    #[must_use]
    pub fn new(shared: Arc<Cells>, capacity: usize) -> Self {
        Self { shared, calls: AtHand::new(capacity), units: None, capacity }
    }

    /// The cell of `key`, which counts calls.
    pub fn find(&mut self, key: &CellKey<'_>, now: Duration) -> Arc<Cell> {
        let digest = self.shared.digest(key);
        self.calls.find(&self.shared.calls, digest, now)
    }

    /// The cell of `key`, which counts units.
    pub fn find_of_units(&mut self, key: &CellKey<'_>, now: Duration) -> Arc<UnitCell> {
        let digest = self.shared.digest(key);
        let units = self.units.get_or_insert_with(|| AtHand::new(self.capacity));
        units.find(&self.shared.units, digest, now)
    }

    /// Forgets the cells that are spent at `now`, so that the shared map can drop them.
    pub fn sweep(&mut self, now: Duration) {
        self.calls.sweep(now);
        if let Some(units) = &mut self.units {
            units.sweep(now);
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
        let held = core.calls.count();
        assert!(held <= 64, "{held} cells are held");
        assert_eq!(shared.count(), 10_000);
        for number in 0..10_000 {
            assert_eq!(of_core(&mut core, number, now).arrival(), u64::MAX);
        }
    }
}
